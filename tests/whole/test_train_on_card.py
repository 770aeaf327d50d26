"""Training on a rented graphics card: what is packed is unpacked as it was, goes on, and comes home whole."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from spotterlib.base import ROOT, DataError, read_json, write_json
from spotterlib.model import DEFAULT_CHECKPOINT, read_tensors


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "scripts")
    import train_on_card

    return train_on_card


@pytest.fixture
def home(tmp_path, monkeypatch, script):
    """A folder of data as small as can be: three faces, one video, and files in place of the weights."""
    home, out = tmp_path / "data_home", tmp_path / "here"
    for number in range(3):
        place = home / "data" / "faces" / "team" / f"{number}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(number).integers(0, 256, (200, 200, 3), dtype=np.uint8)
        cv2.imwrite(str(place), noise)
    for name in ("data/portraits/b.jpg", "data/grid/a.mpg", script.WEIGHTS, "data/faces/not_in_a_row.jpg"):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_bytes(name.encode())
    for half in ("encoder", "decoder"):
        (home / f"weights/taef2-{half}.safetensors").write_bytes(half.encode())
    faces = [{"path": str(home / f"data/faces/team/{k}.jpg"), "name": f"team/{k}.jpg"} for k in range(3)]
    write_json(out / script.PEOPLE, faces)
    write_json(out / script.ROWS, [{"path": str(home / "data/portraits/b.jpg"), "name": "b.jpg"}])
    write_json(out / script.VIDEOS, [{"path": str(home / "data/grid/a.mpg"), "group": "a"}])
    monkeypatch.setattr(script, "video_rows", lambda data, kept: read_json(kept))
    monkeypatch.setenv("SPOTTER_DATA", str(home))
    (out / "upscalers").mkdir()
    (out / "upscalers" / "x.bin").write_bytes(b"enlarges")
    monkeypatch.setattr(script, "fetch_upscalers", lambda folder: folder)
    return home, out


def test_what_is_packed_is_what_a_training_gets(script, home, tmp_path, monkeypatch):
    home, out = home
    monkeypatch.setattr(script, "PIECE", 70_000)
    pieces = script.pack(home, out, [str(DEFAULT_CHECKPOINT)])
    weights = DEFAULT_CHECKPOINT.stat().st_size
    assert len(pieces) >= 3 and all(
        place.stat().st_size <= 70_000 or place.stat().st_size > weights for place in pieces
    )
    there = tmp_path / "there"
    with pytest.raises(DataError, match="holds no archives"):
        script.unpack(tmp_path / "here" / "upscalers", there)
    half = tmp_path / "half"
    half.mkdir()
    shutil.copy(pieces[0], half)
    with pytest.raises(DataError, match="Bring all of them"):
        script.unpack(half, there)
    (half / pieces[1].name).write_bytes(b"cut off")
    with pytest.raises(DataError, match=f"{pieces[1].name} cannot be unpacked"):
        script.unpack(half, there)
    for place in pieces:
        shutil.copy(place, half)
    data, start = script.unpack(half, there)
    for name in (script.PEOPLE, script.ROWS, script.VIDEOS):
        old, new = read_json(out / name), read_json(there / name)
        assert [{k: v for k, v in row.items() if k != "path"} for row in new] == [
            {k: v for k, v in row.items() if k != "path"} for row in old
        ]
        for before, after in zip(old, new, strict=True):
            assert after["path"].startswith(str(data)), "nothing points to where it was packed"
            assert Path(after["path"]).read_bytes() == Path(before["path"]).read_bytes()
    assert [Path(place).read_bytes() for place in start] == [DEFAULT_CHECKPOINT.read_bytes()]
    assert (
        not (data / "data/faces/not_in_a_row.jpg").exists() and (there / "upscalers/x.bin").read_bytes() == b"enlarges"
    )
    assert script.unpack(half, there) == (data, start), "and once more"


def test_what_a_training_leaves_comes_home_whole(script, tmp_path):
    run, left = tmp_path / "run", tmp_path / "left"
    run.mkdir()
    shutil.copy(DEFAULT_CHECKPOINT, run / "best.safetensors")
    shutil.copy(DEFAULT_CHECKPOINT.with_suffix(".json"), run / "best.json")
    write_json(run / "history.json", [{"epoch": 0}])
    script.leave(run, "frames", left)
    sizes = [place.stat().st_size for place in left.iterdir()]
    assert max(sizes) <= 16_000_000 and len(sizes) == 4 and read_json(left / "frames_history.json") == [{"epoch": 0}]
    (place,) = script.join(left, tmp_path / "home")
    assert place.read_bytes() == DEFAULT_CHECKPOINT.read_bytes()
    assert all(torch.isfinite(value.float()).all() for value in read_tensors(place).values())
    (left / "frames_weights.1").write_bytes(b"of another run")
    with pytest.raises(SystemExit, match="frames"):
        script.run_main(lambda: script.main(["join", str(left), "--out", str(tmp_path / "other")]))
    with pytest.raises(DataError, match="holds no weights"):
        script.join(tmp_path / "home", tmp_path / "other")


def test_time_that_is_up_ends_a_training_between_epochs(script, home, tmp_path, monkeypatch):
    """The stages share the minutes, the second begins where the first ended, and what is there by then is left."""
    home, out = home
    folder = script.pack(home, out, [])[0].parent
    asked = []

    def train(stage, options, data, run, start, deadline):
        asked.append((stage, options.epochs, options.rows, start, deadline - time.monotonic()))
        run.mkdir(parents=True, exist_ok=True)
        shutil.copy(DEFAULT_CHECKPOINT, run / "best.safetensors")
        shutil.copy(DEFAULT_CHECKPOINT.with_suffix(".json"), run / "best.json")
        write_json(run / "history.json", [{"epoch": k} for k in range(done)])
        return run / "best.safetensors"

    monkeypatch.setattr(script, "train", train)
    there = tmp_path / "there"
    command = ["train", str(folder), "--out", str(there), "--epochs", "2", "1", "--rows", "6", "3", "--minutes", "5"]
    done = 1
    script.main(command)
    assert [stage for stage, *_ in asked] == ["frames"] and sorted(p.name for p in (there / "left").iterdir()) == [
        "frames_card.json",
        "frames_history.json",
        "frames_weights.0",
        "frames_weights.1",
    ]
    done = 2
    script.main(command)
    first = str(there / "frames" / "best.safetensors")
    assert [(stage, epochs, rows, start) for stage, epochs, rows, start, _ in asked[1:]] == [
        ("frames", 2, 6, None),
        ("clips", 1, 3, [first]),
    ]
    assert all(290 < left <= 300 for *_, left in asked)
    script.main([*command[:-1], "-1"])
    assert len(asked) == 3, "no time, nothing begun"


def test_work_that_is_spread_comes_back_in_order(script):
    import train_checkpoint

    parts = train_checkpoint.parts_of(range(7), 3)
    assert [list(part) for part in parts] == [[0, 1, 2], [3, 4, 5], [6]]
    assert train_checkpoint.spread(max, parts, "largest") == [2, 5, 6]
