"""What a fake is made on: moving faces with their landmarks, and the moments at which a clip is looked at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..faces import WINDOW


@dataclass(frozen=True)
class Carrier:
    """Moving faces before they are filmed: frames uint8 RGB (T, H, W, 3), landmarks float32 (T, 5, 2) px, square crop
    boxes float32 (T, 4) px, valid bool (T,). Where not valid, the others may hold anything."""

    frames: np.ndarray
    landmarks: np.ndarray
    boxes: np.ndarray
    valid: np.ndarray


def draw_moments(rng: np.random.Generator | None, start: float, end: float, count: int) -> np.ndarray:
    """Times (count,) in s, evenly spread, at which a clip between `start` and `end` s is looked at.

    Over the whole, or its first 12 s, when rng is None (evaluation). In training over a window of random start and of
    40…100 % of that length, so that the GRU sees the time steps it will meet.
    """
    length = min(end - start, WINDOW)
    if rng is not None:
        length *= rng.uniform(0.4, 1.0)
        start = start + rng.uniform(0, max(end - start - length, 0))
    return np.linspace(start, start + length, count)


Donor = tuple[np.ndarray, np.ndarray]
"""A face to paste: frames uint8 RGB (T, H, W, 3) and landmarks (T, 5, 2) px, NaN where there is none."""


def marked(carrier: Carrier) -> tuple[np.ndarray, np.ndarray]:
    """Frames, and landmarks that are NaN where there is no face."""
    return carrier.frames, np.where(carrier.valid[:, None, None], carrier.landmarks, np.nan)
