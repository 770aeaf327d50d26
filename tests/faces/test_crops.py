"""One crop policy: the margin, the padding, the surroundings, the landmarks."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spotterlib.faces import CROP, FRAMES, MARGIN, PADDING, WINDOW, crop_box, crop_face
from spotterlib.faces.crops import crop_landmarks, crop_wide


def test_the_margin_is_forty_of_224():
    assert (CROP, MARGIN, FRAMES, WINDOW) == (224, 40, 24, 12.0)
    box = crop_box(np.array([10.0, 20.0, 110.0, 204.0]))
    assert (box[2:] - box[:2]) == pytest.approx([224, 224])  # 184 px of face, 40 px of margin
    assert (box[:2] + box[2:]) / 2 == pytest.approx([60, 112])
    many = crop_box(np.array([[0.0, 0, 92, 92], [0, 0, 92, 46]]))
    assert many[:, 2] - many[:, 0] == pytest.approx([112, 112])


def test_what_lies_outside_the_picture_is_the_padding_colour():
    frame = np.full((100, 100, 3), 200, np.uint8)
    crop = crop_face(frame, np.array([-50.0, 50, 50, 150]))
    assert crop.shape == (224, 224, 3)
    assert (crop[:110, 114:] == 200).all()
    assert (crop[:, :110] == PADDING).all()
    assert (crop[114:] == PADDING).all()
    for box in ([500, 500, 600, 600], [-600, -600, -500, -500], [-600, 20, -500, 120], [20, 400, 120, 500]):
        assert (crop_face(frame, np.array(box, float)) == PADDING).all()
    assert crop_face(frame, np.array([40.0, 40, 40, 40])).shape == (224, 224, 3)


def test_a_crop_shows_its_box():
    frame = np.zeros((300, 300, 3), np.uint8)
    frame[60:172, 40:152] = np.random.default_rng(0).integers(0, 256, (112, 112, 1))
    crop = crop_face(frame, np.array([40.0, 60, 152, 172]))
    assert np.array_equal(crop, cv2.resize(frame[60:172, 40:152], (224, 224), interpolation=cv2.INTER_LINEAR))
    same = crop_face(frame, np.array([0.0, 0, 224, 224]))
    assert np.array_equal(same, frame[:224, :224])


@settings(max_examples=60, deadline=None)
@given(st.floats(-120, 300, allow_nan=False), st.floats(-120, 300, allow_nan=False), st.floats(2, 420, allow_nan=False))
def test_a_wide_crop_is_the_crop_and_what_surrounds_it(x, y, side):
    """A picture whose colours are its places: any pixel of the wide crop says where it was cut from."""
    rows, columns = np.mgrid[0:300, 0:320].astype(np.float32)
    frame = np.stack([columns * 0.7, rows * 0.7, np.full_like(rows, 30)], axis=-1).astype(np.uint8)
    box = np.array([x, y, x + side, y + side])
    wide = crop_wide(frame, box)
    assert wide.shape == (336, 336, 3)
    assert np.array_equal(wide[56:280, 56:280], crop_face(frame, box))
    left, top, whole = round(x), round(y), max(2, round(side))
    steps = (np.arange(336) - 56 + 0.5) * whole / 224 - 0.5
    reach = 2 + whole / 224  # what is near the picture's edge is blended with the padding
    across, down = left + steps, top + steps
    inside = ((across > reach) & (across < 319 - reach))[None] & ((down > reach) & (down < 299 - reach))[:, None]
    outside = ((across < -reach) | (across > 319 + reach))[None] | ((down < -reach) | (down > 299 + reach))[:, None]
    close = 0.7 * (1 + 0.5 * whole / 224) + 1.5  # a third of a pixel of the crop, and rounding
    expected = np.stack(np.broadcast_arrays(across[None] * 0.7, down[:, None] * 0.7), axis=-1)
    assert np.abs(wide[..., :2] - expected)[inside].max(initial=0) <= close
    assert (np.abs(wide[outside].astype(int) - PADDING) <= 1).all()


def test_landmarks_go_along_with_the_crop():
    box = np.array([[10.0, 20, 122, 132]])
    marks = np.array([[[10.0, 20], [122, 132], [66, 76], [10, 132], [94, 48]]])
    assert crop_landmarks(box, marks)[0] == pytest.approx(
        np.array([[0, 0], [224, 224], [112, 112], [0, 224], [168, 56]]), abs=1e-4
    )
