"""torchvision imports beside a CPU-only torch, and its non-maximum suppression is the right one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from makers import torchvision_ops
from makers.torchvision_ops import nms

MAKERS = Path(torchvision_ops.__file__).parent


def brute_force(boxes, scores, threshold):
    """The definition: a box stays if no better box that stays overlaps it by more than the threshold."""
    kept: list[int] = []
    for i in sorted(range(len(boxes)), key=lambda k: (-scores[k], k)):
        a = boxes[i]
        for j in kept:
            b = boxes[j]
            width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
            both = max(width, 0) * max(height, 0)
            if both > threshold * ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both):
                break
        else:
            kept.append(i)
    return kept


# whole and quarter numbers: every product is exact, so that ties at the threshold are ties on both sides
corner = st.integers(0, 24)
boxes_strategy = st.lists(st.tuples(corner, corner, st.integers(0, 12), st.integers(0, 12)), max_size=30)


@settings(max_examples=200, deadline=None)
@given(boxes=boxes_strategy, data=st.data(), threshold=st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]))
def test_nms_is_the_definition(boxes, data, threshold):
    scores = data.draw(st.lists(st.integers(0, 8), min_size=len(boxes), max_size=len(boxes)))
    corners = [(x, y, x + w, y + h) for x, y, w, h in boxes]
    found = nms(torch.tensor(corners, dtype=torch.float32).reshape(-1, 4), torch.tensor(scores) / 8, threshold)
    assert found.dtype == torch.int64
    assert found.tolist() == brute_force(corners, scores, threshold)


def test_nms_of_many_is_torchvisions_where_that_is_healthy():
    rng = np.random.default_rng(0)
    low = rng.uniform(0, 300, (400, 2))
    boxes = np.concatenate([low, low + rng.uniform(4, 60, (400, 2))], axis=1).astype(np.float32)
    scores = rng.permutation(400).astype(np.float32)
    found = nms(torch.from_numpy(boxes), torch.from_numpy(scores), 0.45).tolist()
    assert found == brute_force(boxes.tolist(), scores.tolist(), 0.45)
    torchvision_ops.declare_missing_operators()
    import torchvision

    assert torchvision.ops.nms(torch.from_numpy(boxes), torch.from_numpy(scores), 0.45).tolist() == found
    lots = torch.zeros(400, dtype=torch.int64)
    batched = torchvision.ops.batched_nms(torch.from_numpy(boxes), torch.from_numpy(scores), lots, 0.45)
    assert batched.tolist() == found


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=480)


def test_it_can_be_asked_for_again_and_after_the_import():
    code = f"""
import sys
sys.path.insert(0, {str(MAKERS)!r})
import torchvision_ops as ops
ops.declare_missing_operators()
kept = len(ops._KEPT)
ops.declare_missing_operators()
import torchvision
ops.declare_missing_operators()
assert len(ops._KEPT) == kept <= 1
import facenet_pytorch
from torchvision.transforms import v2
print("fine")
"""
    done = run(code)
    assert done.stdout == "fine\n", done.stderr
    assert "operator" not in done.stderr


def test_a_healthy_torchvision_is_left_alone(monkeypatch):
    defined = []
    monkeypatch.setattr(torchvision_ops, "_healthy", lambda: True)
    monkeypatch.setattr(torchvision_ops, "_KEPT", [])
    monkeypatch.setattr(torch.library, "Library", lambda *a: defined.append(a))
    monkeypatch.delitem(sys.modules, "torchvision", raising=False)
    torchvision_ops.declare_missing_operators()
    assert defined == []


def test_a_missing_torchvision_is_reported_by_its_import(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert torchvision_ops._healthy()


@pytest.mark.parametrize("empty", [torch.zeros(0, 4)])
def test_nms_of_nothing_is_nothing(empty):
    assert nms(empty, torch.zeros(0), 0.5).shape == (0,)
