"""Where on a face heat lies, in words: zones that the five points lay out."""

from __future__ import annotations

import cv2
import numpy as np

ZONES = ("forehead", "eyes", "nose", "mouth", "cheeks", "chin", "surroundings")
"""The zones of a crop; surroundings: hair, neck and background, whatever is not the face itself."""

ZONE_GRID = 56
"""Cells of a crop's side at which heat and zones are compared: 8 for each of the 7 × 7 of a heatmap."""


def zone_map(points: np.ndarray, size: int = ZONE_GRID) -> np.ndarray:
    """The zone of each cell of a crop: int8 (size, size), indices of `ZONES`, -1 everywhere where points are missing.

    points: float (5, 2), two eyes, nose, corners of the mouth, as shares 0 … 1 of the crop's width and height. Measured
    from between the eyes, in distances from there to between the corners of the mouth: down the face, and to its side.
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
    face = np.hypot(x / 0.95, (y - 0.4) / np.where(y < 0.4, 1.25, 1.3)) <= 1
    zones[face] = ZONES.index("cheeks")
    zones[face & (y < -0.35)] = ZONES.index("forehead")
    zones[face & (y >= -0.35) & (y < 0.3)] = ZONES.index("eyes")
    zones[face & (y >= 0.3) & (y < 0.75) & (x < 0.35)] = ZONES.index("nose")
    zones[face & (y >= 0.75) & (y < 1.3) & (x < 0.65)] = ZONES.index("mouth")
    zones[face & (y >= 1.3)] = ZONES.index("chin")
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
