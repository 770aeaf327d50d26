"""A portrait set in motion keeps its landmarks on its face."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest
from makers.mean_face import LANDMARKS, MEAN_FACE, picture

from spotterlib.fakes import animate_still, draw_motion


def unlit(motion):
    """The motion under a steady light."""
    dark = {name: dataclasses.replace(getattr(motion, name), amplitudes=np.zeros(1)) for name in ("light", "tilt")}
    return dataclasses.replace(motion, gape=False, **dark)


def test_landmarks_follow_the_warp_to_the_pixel():
    """A picture of its own coordinates: what it shows at a moved landmark is where that landmark came from."""
    landmarks, ramp = MEAN_FACE * 60 + [100, 80], np.arange(220, dtype=np.uint8)
    chart = np.stack([np.tile(ramp, (220, 1)), np.tile(ramp[:, None], (1, 220)), np.zeros((220, 220), np.uint8)], -1)
    for seed in range(12):
        motion = unlit(draw_motion(np.random.default_rng(seed), seed % 3))
        frames, moved = animate_still(chart, landmarks, motion, np.linspace(0, 4, 9))
        assert moved.dtype == np.float32 and moved.shape == (9, 5, 2)
        for frame, points in zip(frames, moved, strict=True):
            shown = cv2.remap(frame, points[:, 0].copy(), points[:, 1].copy(), cv2.INTER_LINEAR).reshape(5, 3)[:, :2]
            assert np.abs(shown - landmarks).max() <= 1.5


def test_dots_painted_on_the_landmarks_are_found_there():
    landmarks = MEAN_FACE * 60 + [100, 80]
    yy, xx = np.mgrid[:220, :220]
    for seed in range(3):
        motion = unlit(draw_motion(np.random.default_rng(seed), 1))
        for k, (x, y) in enumerate(landmarks):
            dot = np.zeros((220, 220, 3), np.uint8)
            cv2.circle(dot, (round(x * 16), round(y * 16)), 48, (255, 255, 255), -1, cv2.LINE_AA, shift=4)
            frames, moved = animate_still(dot, landmarks, motion, np.linspace(0, 3, 4))
            for frame, points in zip(frames, moved, strict=True):
                bright = frame.astype(float).sum(2)
                assert bright.sum() > 0, "the dot is still in the picture"
                middle = np.array([(bright * xx).sum(), (bright * yy).sum()]) / bright.sum()
                assert np.hypot(*(middle - points[k])) <= 2.5  # a blink draws the dot out to one side


def test_no_liveliness_is_nearly_still_and_more_moves_more():
    landmarks, times = LANDMARKS, np.linspace(0, 10, 12)
    moved = {}
    for lively in (0.0, 1.0, 2.0):
        motion = draw_motion(np.random.default_rng(0), lively)
        away = times[np.abs(times[:, None] - motion.blinks).min(1) > 0.5]
        frames, points = animate_still(picture(), landmarks, motion, away)
        moved[lively] = np.abs(points - landmarks).max()
        if not lively:
            assert np.abs(frames.astype(int) - picture()).max() <= 1
    assert moved[0.0] < 0.2 < 1 < moved[1.0] < moved[2.0]


def test_a_frame_depends_on_its_time_alone():
    motion = draw_motion(np.random.default_rng(1), 1.5)
    frames, points = animate_still(picture(), LANDMARKS, motion, np.array([0.2, 1.3, 1.301]))
    alone, point = animate_still(picture(), LANDMARKS, motion, np.array([1.3]))
    assert np.array_equal(frames[1], alone[0]) and np.array_equal(points[1], point[0])
    assert np.abs(points[2] - points[1]).max() < 1, "a millisecond later it is nearly there still"
    assert np.abs(points[1] - points[0]).max() > 1


@pytest.mark.parametrize("shift", [(-80, -60), (60, 50), (-200, 0), (0, 300)])
def test_landmarks_at_the_border_and_beyond_stay_numbers(shift):
    motion = draw_motion(np.random.default_rng(2), 2.0)
    frames, points = animate_still(picture(), LANDMARKS + np.array(shift), motion, np.linspace(0, 3, 3))
    assert np.isfinite(points).all() and frames.shape == (3, 160, 160, 3)
    assert np.abs(points - LANDMARKS - shift).max() < 60


def test_a_mouth_opens_dark_only_where_it_gapes():
    drawn = draw_motion(np.random.default_rng(3), 1.0)
    flat = {
        name: dataclasses.replace(getattr(drawn, name), amplitudes=np.zeros(1)) for name in ("light", "tilt", "mouth")
    }
    motion = dataclasses.replace(drawn, mouth_bias=0.25, teeth=0.0, gape=True, **flat)
    bright = np.full((160, 160, 3), 180, np.uint8)
    (open_frame,), (points,) = animate_still(bright, LANDMARKS, motion, np.zeros(1))
    (plain,), _ = animate_still(bright, LANDMARKS, dataclasses.replace(motion, gape=False), np.zeros(1))
    x, y = points[3:].mean(0)
    changed = np.argwhere((open_frame != plain).any(-1))
    assert open_frame[round(y) + 6, round(x)].max() < 120 and len(changed)
    assert np.abs(changed - [y + 5, x]).max() < 30, "nothing else is pasted"


def test_blinks_last_as_long_as_asked():
    assert len(draw_motion(np.random.default_rng(0), 0).blinks) == 1
    assert draw_motion(np.random.default_rng(0), 1, seconds=120).blinks.max() > 120
