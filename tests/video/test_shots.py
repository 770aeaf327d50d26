"""Cuts are seen where the picture changes at once, and not where it moves, flickers or shakes."""

from __future__ import annotations

import av
import numpy as np
import pytest

from spotterlib.video import ShotCuts

FORMATS = ("yuv420p", "yuv444p", "rgb24", "yuv420p10le", "gray")


def scene(seed: int, count: int, move: float = 1.0) -> list[np.ndarray]:
    """A smooth pattern that drifts by `move` px a frame, with grain."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(30, 225, (6, 14, 1)).astype(np.float32)
    wide = np.kron(coarse, np.ones((40, 40, 1), np.float32))
    shots = []
    for k in range(count):
        shift = int(k * move)
        picture = wide[:180, shift : shift + 320] + rng.normal(0, 3, (180, 320, 1))
        shots.append(np.repeat(np.clip(picture, 0, 255).astype(np.uint8), 3, axis=2))
    return shots


def cuts_of(pictures: list[np.ndarray], pixel: str = "yuv420p") -> list[int]:
    shots = ShotCuts()
    for index, picture in enumerate(pictures):
        shots.take(index, av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=pixel))
    return shots.cuts.tolist()


@pytest.mark.parametrize("pixel", FORMATS)
def test_a_cut_is_the_first_frame_of_the_new_shot(pixel):
    assert cuts_of(scene(1, 20) + scene(2, 30) + scene(3, 20), pixel) == [20, 50]


def test_motion_a_shaking_camera_and_a_slow_fade_are_no_cuts():
    assert cuts_of(scene(1, 60, move=3)) == []
    rng = np.random.default_rng(0)
    assert cuts_of([np.roll(p, rng.integers(-20, 20), axis=1) for p in scene(1, 60)]) == []
    dark = [(p * (1 - k / 60)).astype(np.uint8) for k, p in enumerate(scene(1, 60))]
    assert cuts_of(dark) == []


def test_frame_0_begins_anew_and_a_known_cut_is_told_at_once():
    shots = ShotCuts()
    frames = [av.VideoFrame.from_ndarray(p, format="rgb24") for p in scene(1, 12) + scene(2, 12)]
    told = [shots.take(index, frame) for index, frame in enumerate(frames)]
    assert told == [False] * 15 + [True] * 9
    assert not shots.take(0, frames[0]) and not len(shots.cuts)
