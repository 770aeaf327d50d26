"""A picture with a mean face for the tests of what is pasted and what moves."""

from __future__ import annotations

import cv2
import numpy as np

MEAN_FACE = np.array([[-0.5, 0.0], [0.5, 0.0], [0.0, 0.62], [-0.42, 1.08], [0.42, 1.08]])  # in eye distances
LANDMARKS = MEAN_FACE * 40 + [80, 60]
SIZE = (160, 160)


def picture(seed: int = 0) -> np.ndarray:
    """Smooth coloured clouds, uint8 RGB, clear of black and white."""
    clouds = np.random.default_rng(seed).uniform(60, 190, (20, 20, 3)).astype(np.float32)
    return cv2.resize(clouds, SIZE, interpolation=cv2.INTER_CUBIC).clip(40, 210).astype(np.uint8)
