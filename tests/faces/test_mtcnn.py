"""Our MTCNN is facenet-pytorch's: the same boxes, landmarks and confidences, with or without small faces."""

from __future__ import annotations

import copy
import types

import cv2
import numpy as np
import pytest
import torch
from makers.face_clips import portrait, stage
from makers.torchvision_ops import declare_missing_operators, nms

from spotterlib.base import SpotterError
from spotterlib.faces import mtcnn
from spotterlib.faces.mtcnn import PYRAMID, find_boxes, surest


@pytest.fixture(scope="module")
def package():
    declare_missing_operators()
    from facenet_pytorch import MTCNN

    return MTCNN(min_face_size=20, factor=PYRAMID, keep_all=True, select_largest=False, post_process=False)


def several(places):
    """A stage with a sample person at each of these places: uint8 RGB (360, 640, 3)."""
    people = [portrait(f"p{number + 1:02d}")[0] for number in range(len(places))]
    actors = []
    for picture, (x, y, scale) in zip(people, places, strict=True):
        small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        actors.append((small[None], np.array([(x + 100, y)])))
    return np.ascontiguousarray(stage((840, 360), 1, *actors)[0][:, 100:740])


@pytest.mark.parametrize("steps", [0, 2, 4])
@pytest.mark.parametrize(
    "places",
    [[], [(40, 30, 1.0)], [(-60, 40, 1.0), (330, 10, 0.8)], [(10, 10, 0.9), (330, 20, 0.4), (480, 200, 0.3)]],
    ids=["nobody", "one", "one half outside", "three"],
)
def test_it_finds_what_the_package_finds(package, places, steps):
    picture = several(places)
    theirs = copy.copy(package)
    theirs.min_face_size = 20 / PYRAMID**steps
    with torch.no_grad():
        ((boxes,), (confidences,), (points,)) = theirs.detect(picture[None], landmarks=True)
    found, marks, sure = find_boxes(picture, "cpu", steps)
    count = 0 if boxes is None else len(boxes)
    assert len(found) == len(marks) == len(sure) == count >= min(len(places), 1)
    if count:
        assert found == pytest.approx(np.asarray(boxes, float), abs=1e-2)
        assert marks == pytest.approx(np.asarray(points, float), abs=1e-2)
        assert sure == pytest.approx(np.asarray(confidences, float), abs=1e-4)
        assert (np.diff(sure) <= 0).all()


def test_pieces_at_another_size_are_torchs_area():
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (61, 83, 3), np.uint8)
    cut = np.array([[0, 0, 83, 61], [5, 7, 6, 8], [3, 0, 40, 9], [70, 50, 83, 61]])
    for height, width in [(24, 24), (48, 48), (7, 100)]:
        ours = mtcnn._averaged(cv2.integral(picture), cut, height, width)
        for piece, (x0, y0, x1, y1) in zip(ours, cut, strict=True):
            given = torch.from_numpy(picture[y0:y1, x0:x1].astype(np.float32)).permute(2, 0, 1)[None]
            theirs = torch.nn.functional.interpolate(given, size=(height, width), mode="area")[0].permute(1, 2, 0)
            assert piece == pytest.approx(theirs.numpy(), abs=1e-3)


def test_of_boxes_that_overlap_the_surest_stands():
    boxes = np.float32([[0, 0, 10, 10], [1, 0, 11, 10], [20, 0, 30, 10], [22, 2, 26, 6]])
    scores = np.float32([0.6, 0.9, 0.7, 0.8])
    assert surest(boxes, scores, 0.7).tolist() == [1, 3, 2]  # .82 of the first two is shared, .16 of the others
    assert surest(boxes, scores, 0.9).tolist() == [1, 3, 2, 0]
    assert surest(boxes, scores, 0.7, of_smaller=True).tolist() == [1, 3]  # the small one lies inside the large
    assert surest(boxes[:0], scores[:0], 0.5).tolist() == []


def test_of_many_boxes_those_stand_that_stand_one_by_one():
    rng = np.random.default_rng(0)
    low = rng.uniform(0, 120, (300, 2))
    boxes = np.concatenate([low, low + rng.uniform(8, 60, (300, 2))], axis=1).astype(np.float32)
    scores = rng.permutation(300).astype(np.float32)
    for most in (0.3, 0.7):
        kept = nms(torch.from_numpy(boxes), torch.from_numpy(scores), most).tolist()
        assert surest(boxes, scores, most).tolist() == kept and 40 < len(kept) < 300


def test_a_candidate_outside_the_picture_is_passed_over(monkeypatch):
    """facenet-pytorch trips over one."""

    def proposed(sums, device, steps):
        return np.float32([[300, 300, 340, 340], [10, 10, 50, 50], [-50, 5, -10, 45]]), np.float32([0.9, 0.8, 0.7])

    monkeypatch.setattr(mtcnn, "_proposed", proposed)
    boxes, points, sure = find_boxes(np.full((100, 100, 3), 90, np.uint8), "cpu")
    assert boxes.shape == (0, 4) and points.shape == (0, 5, 2) and sure.shape == (0,)


def test_missing_weights_are_told(monkeypatch):
    monkeypatch.setattr(mtcnn, "importlib", types.SimpleNamespace(util=types.SimpleNamespace(find_spec=lambda _: None)))
    with pytest.raises(SpotterError, match="pip install facenet-pytorch"):
        mtcnn._load.__wrapped__("cpu")
