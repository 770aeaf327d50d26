"""Heat painted into the box that it was computed from."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import cv2
import numpy as np

from ..base import ArgumentError

OPACITY, THRESHOLD = 0.6, 0.15
"""How red full heat is, and the share of the scale under which nothing is painted."""

HOT = 0.5
"""The share of the scale from which on a cell is outlined, and counts as red (`red_share`)."""

CELLS = 22
"""Cells of a grid across a crop of 224 px, about 10 px each."""

HEAT = (232, 24, 24)
RIM, LINE = (16, 18, 22), (255, 255, 255)
"""The outline of the hottest cells, seen without a sense of colour and in print: dark outside, white inside."""


def overlay_heatmap(
    image: np.ndarray,
    heatmap: np.ndarray,
    scale: float,
    box: Sequence[float] | None = None,
    opacity: float = OPACITY,
    threshold: float = THRESHOLD,
    style: str = "grid",
    cell: float = 10,
) -> np.ndarray:
    """Paint a heatmap in red inside the box it was computed from; the image given is left as it was.

    image: uint8 RGB (H, W, 3); heatmap: float (h, w), values ≥ 0; scale: the value drawn as full red, that of the
    report; box: x0, y0, x1, y1 px, may reach past the frame (None: the whole image); opacity: 0 … 1 at full
    red, in proportion below it; threshold: share of `scale` under which nothing is painted; style: "grid" (flat cells
    of about `cell` px) or "smooth". Cells at or above `HOT` of the scale are outlined in either style, unless opacity
    is 0. Returns uint8 RGB (H, W, 3). Raises `ArgumentError` for a scale ≤ 0 or another style.
    """
    copy = np.array(image, dtype=np.uint8, order="C")
    height, width = copy.shape[:2]
    paint_heat(copy, heatmap, scale, (0, 0, width, height) if box is None else box, opacity, threshold, style, cell)
    return copy


def upsample_heatmap(heatmap: np.ndarray, size: int | tuple[int, int]) -> np.ndarray:
    """Bilinear, cell centres kept in place: float (h, w) → float32 (size, size) or (rows, columns)."""
    rows, columns = (size, size) if isinstance(size, int) else size
    return cv2.resize(np.ascontiguousarray(heatmap, dtype=np.float32), (columns, rows), interpolation=cv2.INTER_LINEAR)


def red_share(heatmap: np.ndarray, scale: float) -> float:
    """Percent (0 … 100) of the face's crop that is red: cells at or above `HOT` of the scale, those that are outlined.

    heatmap: float (h, w); scale > 0. The cells are the 22 × 22 of a crop, however large the face is in its picture. No
    setting of a player changes it, and a frame with a score below `HOT` has none.
    """
    return float(100 * np.mean(upsample_heatmap(heatmap, CELLS) >= HOT * scale))


def paint_heat(
    picture: np.ndarray,
    heatmap: np.ndarray,
    scale: float,
    box: Sequence[float],
    opacity: float,
    threshold: float,
    style: str,
    cell: float,
) -> None:
    """What `overlay_heatmap` does, in place: `picture` is the image, C-contiguous."""
    if style not in ("grid", "smooth"):
        raise ArgumentError(f'style is "grid" or "smooth", not {style!r}')
    if not scale > 0:
        raise ArgumentError(f"scale is a heatmap value above zero, not {scale}")
    x0, y0, x1, y1 = (float(edge) for edge in box)
    height, width = picture.shape[:2]
    if not (np.isfinite([x0, y0, x1, y1]).all() and x1 > x0 and y1 > y0) or not np.any(heatmap > 0):
        return
    # a pixel belongs to the box when its centre does
    xs = np.arange(max(0, int(np.ceil(x0 - 0.5))), min(width, int(np.ceil(x1 - 0.5))))
    ys = np.arange(max(0, int(np.ceil(y0 - 0.5))), min(height, int(np.ceil(y1 - 0.5))))
    if not len(xs) or not len(ys):
        return
    across, down = (xs + 0.5 - x0) / (x1 - x0), (ys + 0.5 - y0) / (y1 - y0)
    part = picture.reshape(height, -1)[ys[0] : ys[-1] + 1, 3 * xs[0] : 3 * xs[-1] + 3]
    columns, rows = max(1, round((x1 - x0) / cell)), max(1, round((y1 - y0) / cell))
    at_x = np.minimum((across * columns).astype(int), columns - 1)
    at_y = np.minimum((down * rows).astype(int), rows - 1)
    cells = upsample_heatmap(heatmap, (rows, columns))
    if style == "smooth":
        high, wide = heatmap.shape
        values = _sampled(np.ascontiguousarray(heatmap, np.float32), across * wide - 0.5, down * high - 0.5)
        weights = np.repeat(_weights(values, scale, opacity, threshold), 3, axis=1)
        for top in range(0, len(ys), 32):  # by the band: it stays in the processor's cache
            _redden(part[top : top + 32], weights[top : top + 32])
    else:
        weights = _weights(cells, scale, opacity, threshold)
        seam = np.repeat(np.diff(at_x, prepend=-1) > 0, 3)  # a fainter line between cells: the grid shows on any skin
        for row in np.unique(at_y):
            if not weights[row].any():
                continue
            first, stop = np.searchsorted(at_y, [row, row + 1])
            full = np.repeat(weights[row][at_x], 3)
            _redden(part[first : first + 1], full * 5 // 8)
            full[seam] = full[seam] * 5 // 8
            _redden(part[first + 1 : stop], full)
    hot = cells >= HOT * scale
    if opacity > 0 and hot.any():
        _outline(part.reshape(len(ys), len(xs), 3), hot[at_y][:, at_x], max(1, round(cell / 12)))


def _outline(part: np.ndarray, hot: np.ndarray, thick: int) -> None:
    """Outline, just inside, the pixels that are hot, bool (h, w): `thick` px dark, and as many white; in place."""
    cores = [
        cv2.erode(
            hot.astype(np.uint8),
            cv2.getStructuringElement(cv2.MORPH_CROSS, (2 * reach + 1, 2 * reach + 1)),
            borderType=cv2.BORDER_CONSTANT,
            borderValue=0,
        )
        > 0
        for reach in (thick, 2 * thick)
    ]
    part[hot & ~cores[1]] = LINE
    part[hot & ~cores[0]] = RIM


def _sampled(heatmap: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    map_x, map_y = np.meshgrid(x.astype(np.float32), y.astype(np.float32))
    return cv2.remap(heatmap, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _weights(values: np.ndarray, scale: float, opacity: float, threshold: float) -> np.ndarray:
    """Weight of red, 0 … 256 as uint16."""
    share = np.clip(values / scale, 0, 1)
    return np.where((share > 0) & (share >= threshold), np.round(256 * share * opacity), 0).astype(np.uint16)


@functools.lru_cache(64)
def _reds(pixels: int) -> np.ndarray:
    """A flat row of `pixels` in the colour of heat, uint16."""
    return np.tile(np.array(HEAT, np.uint16), pixels)


def _redden(rows: np.ndarray, weights: np.ndarray) -> None:
    """Blend red into flat RGB rows (h, 3 w), uint8, in place; weights uint16 (3 w,) or (h, 3 w), 0 … 256."""
    rows[:] = (rows * (256 - weights) + _reds(weights.shape[-1] // 3) * weights) >> 8  # at most 255 * 256: fits 16 bits
