"""Carriers for the tests: coloured clouds with a face in the middle, and rows that load them."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np

from spotterlib.fakes import Carrier

LANDMARKS = np.array([[130, 90], [170, 90], [150, 115], [134, 134], [166, 134]], np.float32)
BOX = np.array([90, 50, 210, 170], np.float32)


def clouds(seed: int = 0, size: tuple[int, int] = (240, 320)) -> np.ndarray:
    """A smooth coloured picture, uint8 RGB (H, W, 3)."""
    small = np.random.default_rng(seed).uniform(50, 200, (12, 16, 3)).astype(np.float32)
    return cv2.resize(small, size[::-1], interpolation=cv2.INTER_CUBIC).clip(30, 220).astype(np.uint8)


def carrier(frames: int = 2, moving: float = 0.0, picture: np.ndarray | None = None) -> Carrier:
    """A face that moves `moving` px to the right a frame, on a picture that stands still."""
    shift = np.arange(frames, dtype=np.float32)[:, None] * [moving, 0]
    picture = clouds() if picture is None else picture
    return Carrier(
        np.stack([picture] * frames),
        (LANDMARKS + shift[:, None]).astype(np.float32),
        (BOX + np.tile(shift, 2)).astype(np.float32),
        np.ones(frames, bool),
    )


def load_clouds(row: dict, rng: np.random.Generator | None, frames: int) -> Carrier:
    """A carrier that depends on the row and the draw."""
    found = carrier(frames, picture=clouds(row["seed"]))
    move = 0.0 if rng is None else rng.uniform(-8, 8)
    found.valid[row.get("lost", [])] = False
    return dataclasses.replace(
        found, boxes=found.boxes + np.float32(move), landmarks=found.landmarks + np.float32(move)
    )


def rows(count: int, **more) -> list[dict]:
    return [{"seed": k, "label": k % 2, "group": str(k), **more} for k in range(count)]
