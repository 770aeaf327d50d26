"""Where on a face heat lies, in words: zones that the five points lay out."""

from __future__ import annotations

import cv2
import numpy as np

ZONES = ("forehead", "eyes", "nose", "mouth", "cheeks", "chin", "surroundings")
"""The zones of a crop; surroundings: hair, neck and background, whatever is not the face itself."""

ZONE_GRID = 56
"""Cells of a crop's side at which heat and zones are compared: 8 for each of the 7 × 7 of a heatmap."""


OVAL = {"middle": 0.4, "beside": 0.95, "above": 1.25, "below": 1.3}
"""The face: half an ellipse above its middle and half of another below, with their half axes. Measured from between the
eyes, in distances from there to between the corners of the mouth: down the face, and to its side."""

PARTS = (
    ("forehead", -1.0, -0.35, 1.0),
    ("eyes", -0.35, 0.3, 1.0),
    ("nose", 0.3, 0.75, 0.35),
    ("mouth", 0.75, 1.3, 0.65),
    ("chin", 1.3, 2.0, 1.0),
)
"""The zones within the face, measured as `OVAL`: from where to where down it, and how far to its side. The rest of it
are cheeks."""


def zone_numbers() -> dict[str, object]:
    """The constants of this file, JSON-ready, for whoever does the same elsewhere."""
    return {"names": list(ZONES), "grid": ZONE_GRID, "oval": OVAL, "parts": [list(part) for part in PARTS]}


def zone_map(points: np.ndarray, size: int = ZONE_GRID) -> np.ndarray:
    """The zone of each cell of a crop: int8 (size, size), indices of `ZONES`, -1 everywhere where points are missing.

    points: float (5, 2), two eyes, nose, corners of the mouth, as shares 0 … 1 of the crop's width and height.
    """
    points = np.asarray(points, np.float64)
    eyes, mouth = points[:2].mean(0), points[3:].mean(0)
    down = mouth - eyes
    length = float(np.hypot(*down))
    if not np.isfinite(points).all() or length < 1e-3:
        return np.full((size, size), -1, np.int8)
    at = (np.arange(size) + 0.5) / size
    away = np.stack(np.meshgrid(at, at), -1) - eyes
    y = away @ down / length**2
    x = np.abs(away @ np.array([-down[1], down[0]])) / length**2
    zones = np.full((size, size), ZONES.index("surroundings"), np.int8)
    middle = OVAL["middle"]
    high = np.where(y < middle, OVAL["above"], OVAL["below"])
    face = np.hypot(x / OVAL["beside"], (y - middle) / high) <= 1
    zones[face] = ZONES.index("cheeks")
    for name, top, end, side in PARTS:
        zones[face & (y >= top) & (y < end) & (x < side)] = ZONES.index(name)
    return zones


def crop_points(landmarks: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Points (F, 5, 2) px of the pictures as shares 0 … 1 of their crops' sides; boxes (F, 4) px, NaN stays NaN."""
    low, high = boxes[:, None, :2], boxes[:, None, 2:]
    return (landmarks - low) / (high - low)


def zone_shares(heat: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The share 0 … 1 of the heat that lies in each zone: float (F, 7) for heat (F, h, w) ≥ 0 and points (F, 5, 2) as
    `zone_map` has them, NaN where there is no heat or a point is missing."""
    shares = np.full((len(heat), len(ZONES)), np.nan)
    for row in np.flatnonzero(np.asarray(heat).reshape(len(heat), -1).any(1)):
        zones = zone_map(points[row])
        if zones[0, 0] >= 0:
            large = cv2.resize(
                np.asarray(heat[row], np.float32), (ZONE_GRID, ZONE_GRID), interpolation=cv2.INTER_LINEAR
            )
            shares[row] = np.bincount(zones.ravel(), large.ravel(), len(ZONES)) / float(large.sum())
    return shares
