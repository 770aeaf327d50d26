"""Edits and things worn are the same for every picture of a clip, and for real and fake."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from spotterlib.fakes import EDITS, WORN
from spotterlib.fakes.everyday import edited, worn

MARKS = np.array([[[60, 68], [100, 68], [80, 92], [63, 111], [97, 111]]], np.float32)


@pytest.mark.parametrize("kind", EDITS)
def test_an_edit_happens_to_every_picture_alike(kind):
    clip = np.stack(
        [cv2.resize(np.random.default_rng(0).integers(30, 220, (9, 9, 3)).astype(np.uint8), (160, 160))] * 2
    )
    boxes = np.array([[30, 30, 130, 130]] * 2, np.float32)
    changed = edited(clip, boxes, kind, seed=4)
    assert changed.shape == clip.shape and changed.dtype == np.uint8
    assert np.array_equal(changed, edited(clip, boxes, kind, seed=4)) and not np.array_equal(changed, clip)
    if kind != "dark":  # whose noise is new in every picture
        assert np.array_equal(changed[0], changed[1])


@pytest.mark.parametrize("kind", WORN)
def test_what_is_worn_is_where_the_face_is(kind):
    clip = np.full((1, 160, 160, 3), 120, np.uint8)
    there = np.abs(worn(clip, MARKS, kind, seed=2).astype(int) - 120).sum(-1)[0] > 20
    assert there.any() and not there[:, [0, -1]].all()
    middle = np.argwhere(there).mean(0)
    assert np.abs(middle - [95, 80]).max() < 90
