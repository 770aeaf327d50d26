"""Small real videos for the tests: people who do not exist, moving, put on a plain stage at known places."""

from __future__ import annotations

import functools
import os
from pathlib import Path

import cv2
import numpy as np

from spotterlib._animate import animate_still, draw_motion
from spotterlib.project import ROOT, read_json
from spotterlib.video import write_video

STAGE = (96, 104, 112)
"""The plain colour behind and around the people, RGB."""


@functools.cache
def portrait(name: str = "p01", height: int = 176) -> tuple[np.ndarray, np.ndarray]:
    """A person, uint8 RGB (height, W, 3), and the five landmarks (5, 2) px."""
    picture = cv2.imread(str(ROOT / "data" / "people" / f"{name}.jpg"))[..., ::-1]
    people = {person["name"]: person for person in read_json(ROOT / "data" / "people" / "people.json")["people"]}
    scale = height / len(picture)
    small = cv2.resize(picture, (round(picture.shape[1] * scale), height), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(small), np.array(people[name]["landmarks"], np.float32) * scale


def moving(name: str, times: np.ndarray, height: int = 176, seed: int = 0) -> np.ndarray:
    """The person in motion at times (T,) s: uint8 RGB (T, height, W, 3)."""
    picture, landmarks = portrait(name, height)
    return animate_still(picture, landmarks, draw_motion(np.random.default_rng(seed), 0.5), times)[0]


def stage(size: tuple[int, int], frames: int, *actors: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Frames uint8 RGB (frames, height, width, 3) of size (width, height) with actors on them.

    An actor: pictures (T, h, w, 3) and places (T, 2), x and y px of their upper left corner; NaN where it is away.
    """
    width, height = size
    clip = np.empty((frames, height, width, 3), np.uint8)
    clip[:] = STAGE
    for pictures, places in actors:
        for canvas, picture, place in zip(clip, pictures, places, strict=True):
            if np.isfinite(place).all():
                x, y = (int(v) for v in place)
                canvas[y : y + picture.shape[0], x : x + picture.shape[1]] = picture
    return clip


def write_clip(path: str | os.PathLike[str], frames: np.ndarray, fps: float = 12.0) -> Path:
    """H.264 of good quality."""
    return write_video(path, frames, fps, crf=20)
