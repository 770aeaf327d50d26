"""Portraits move with their boxes, and are found by their faces."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from makers.carriers import BOX, LANDMARKS, clouds

from spotterlib.base import DataError
from spotterlib.fakes import PEOPLE, find_portraits, load_still


@pytest.fixture
def portrait(tmp_path) -> dict:
    path = tmp_path / "someone.jpg"
    cv2.imwrite(str(path), clouds(3))
    return {"path": str(path), "name": "someone.jpg", "still": True, "label": 0, "group": "someone.jpg",
            "box": BOX.tolist(), "landmarks": LANDMARKS.tolist()}  # fmt: skip


def test_a_portrait_moves_and_its_box_moves_with_it(portrait):
    face = load_still(portrait, np.random.default_rng(1), 6)
    assert face.frames.shape[0] == 6 and face.frames.dtype == np.uint8 and face.valid.all()
    assert (face.frames[0] != face.frames[3]).any() and np.ptp(face.landmarks, axis=0).max() > 0.5
    sides = face.boxes[:, 2:] - face.boxes[:, :2]
    assert np.allclose(sides[:, 0], sides[:, 1], rtol=1e-4), "square"
    inside = (face.landmarks - face.boxes[:, None, :2]) / sides[:, None]
    assert np.abs(inside - (LANDMARKS - BOX[:2]) / 120).max() < 0.12, "the face keeps its place in the crop"


def test_a_portrait_without_a_draw_has_a_motion_of_its_own(portrait):
    first, again = load_still(portrait, None, 3), load_still(portrait, None, 3)
    other = load_still({**portrait, "name": "other.jpg"}, None, 3)
    assert np.array_equal(first.frames, again.frames) and not np.array_equal(first.frames, other.frames)


def test_portraits_that_are_not_there_are_named(portrait, tmp_path):
    with pytest.raises(DataError, match=r"nobody\.jpg"):
        load_still({**portrait, "path": str(tmp_path / "nobody.jpg")}, None, 2)
    with pytest.raises(DataError, match="holds no"):
        find_portraits(tmp_path / "empty")
    with pytest.raises(DataError, match="holds no"):
        find_portraits(tmp_path, leave_out={"someone.jpg"})


def test_portraits_are_found_by_their_faces(portrait, tmp_path):
    people = sorted(PEOPLE.glob("*.jpg"))
    if not people:
        pytest.skip("spotterlib/fakes/people holds no portrait")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "face.jpg").write_bytes(people[0].read_bytes())
    shares = []
    (row,) = find_portraits(tmp_path, progress=shares.append)
    assert row["name"] == row["group"] == "a/face.jpg" and row["still"] and row["label"] == 0 and shares == [0.5, 1.0]
    (x0, y0, x1, y1), marks = row["box"], np.array(row["landmarks"])
    assert x1 - x0 == pytest.approx(y1 - y0) and ([x0, y0] < marks).all() and (marks < [x1, y1]).all()
    assert load_still(row, None, 2).frames.shape[0] == 2
