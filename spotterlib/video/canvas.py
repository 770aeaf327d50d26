"""A picture on a canvas of another shape: whole, in the middle, never stretched."""

from __future__ import annotations

import cv2
import numpy as np


def fit(size: tuple[int, int], canvas: tuple[int, int]) -> tuple[float, float, float]:
    """Scale, left and top in px at which a picture of `size` (width, height) fills a canvas as far as it goes."""
    scale = min(canvas[0] / size[0], canvas[1] / size[1])
    return scale, (canvas[0] - scale * size[0]) / 2, (canvas[1] - scale * size[1]) / 2


def fitted(picture: np.ndarray, canvas: tuple[int, int]) -> np.ndarray:
    """uint8 RGB (h, w, 3) on a black canvas (width, height): uint8 RGB (height, width, 3)."""
    height, width = picture.shape[:2]
    if (width, height) == canvas:
        return picture
    scale, left, top = fit((width, height), canvas)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    whole = np.zeros((canvas[1], canvas[0], 3), np.uint8)
    x, y = min(int(left), canvas[0] - size[0]), min(int(top), canvas[1] - size[1])
    whole[y : y + size[1], x : x + size[0]] = small
    return whole
