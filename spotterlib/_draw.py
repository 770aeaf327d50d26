"""What render draws with: text, the strip of scores over time, and heat painted into a box. ASCII text only."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from .scan import FaceResult

RGB = tuple[int, int, int]

REAL, FAKE, UNDECIDED = (42, 111, 187), (224, 123, 26), (122, 122, 122)
"""RGB of the three verdicts, the same in every figure."""
VERDICTS = {"REAL": REAL, "FAKE": FAKE, "UNDECIDED": UNDECIDED}
OPACITY, THRESHOLD = 0.6, 0.15
"""How red full heat is, and the share of the scale under which nothing is painted."""
CELLS = 22
"""Cells of a grid across a crop of 224 px, about 10 px each."""
HEAT = (232, 24, 24)
BOX = (255, 214, 0)
OTHER_BOX = (214, 214, 214)
INK, PALE, SOOT, PAPER = (245, 245, 245), (168, 174, 182), (22, 24, 28), (255, 255, 255)


_SCALE = 1 / 27  # of a Hershey font, for letters as tall as asked


def _stroke(size: int, bold: bool) -> int:
    # OpenCV 5 draws these fonts as outlines and takes the stroke for a weight; before, it is px
    return (2 if bold else 1) * (1 if int(cv2.__version__.split(".")[0]) >= 5 else max(1, round(size / 20)))


@functools.lru_cache(4096)
def text_width(text: str, size: int, bold: bool = False) -> int:
    """Width in px of ASCII text with letters (and their tails) about `size` px high."""
    return int(cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size * _SCALE, _stroke(size, bold))[0][0])


def fitting_size(text: str, width: int, size: int, bold: bool = False) -> int:
    """The largest text size, at most `size` px and never below 6, at which `text` fits `width` px."""
    return max(6, min(size, int(size * width / max(text_width(text, size, bold), 1))))


def broken(text: str, width: int, size: int) -> list[str]:
    """ASCII text of `size` px as lines that fit `width` px, broken between words alone."""
    lines: list[str] = []
    for word in text.split():
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(joined, size) <= width:
            lines[-1] = joined
        else:
            lines.append(word)
    return lines


def put_text(picture: np.ndarray, text: str, at: tuple[int, int], size: int, color: RGB, bold: bool = False) -> None:
    """Write ASCII text into `picture`, uint8 RGB (H, W, 3), in place; at: left end and baseline, px."""
    printable = text.encode("ascii", "replace").decode()
    stroke = _stroke(size, bold)
    cv2.putText(picture, printable, at, cv2.FONT_HERSHEY_SIMPLEX, size * _SCALE, color, stroke, cv2.LINE_AA)


def put_tag(picture: np.ndarray, text: str, x: int, bottom: int, size: int, color: RGB) -> None:
    """Write a few dark letters on a plate of `color` that stands on `bottom`, kept inside the picture; in place."""
    tall, wide = round(1.3 * size), text_width(text, size, True) + size // 2
    x, top = max(0, min(x, picture.shape[1] - wide)), max(0, min(bottom, picture.shape[0]) - tall)
    cv2.rectangle(picture, (x, top), (x + wide, top + tall), color, -1)
    put_text(picture, text, (x + size // 4, top + round(1.02 * size)), size, SOOT, True)


def score_color(scores: np.ndarray) -> np.ndarray:
    """Blue at 0, grey at 0.5, orange at 1: uint8 RGB (…, 3) for scores 0 … 1."""
    scores = np.asarray(scores, dtype=np.float64)
    stops = np.array([REAL, (150, 150, 150), FAKE], dtype=np.float64)
    mixed = [np.interp(scores, [0, 0.5, 1], stops[:, channel]) for channel in range(3)]
    return np.stack(mixed, -1).round().astype(np.uint8)


def neighbours(
    times: np.ndarray, usable: np.ndarray, asked: np.ndarray, reach: float = 0.6, windows: np.ndarray | None = None
) -> tuple[np.ndarray, ...]:
    """Where moments lie on a grid of times with holes in it.

    times: float (G,) s, rising; usable: bool (G,); asked: float (N,) s; windows: int (G,), the window of each grid time
    (None: all are of one). Returns left (N,), right (N,), weight (N,) of the right one 0 … 1, near bool (N,): whether a
    usable grid time lies within reach. Between two usable grid times of one window, or of two that are no further apart
    than 1.5 usual steps, the weight is linear; else the nearest one counts, up to `reach` steps away.
    """
    asked = np.asarray(asked, dtype=np.float64)
    if len(times) == 0:
        none = np.zeros(len(asked), np.int64)
        return none, none, np.zeros(len(asked)), np.zeros(len(asked), bool)
    step = float(np.median(np.diff(times))) if len(times) > 1 else 0.5
    right = np.clip(np.searchsorted(times, asked), 0, len(times) - 1)
    left = np.clip(np.searchsorted(times, asked, side="right") - 1, 0, len(times) - 1)
    apart = times[right] - times[left]
    weight = np.divide(asked - times[left], apart, out=np.zeros(len(asked)), where=apart > 0).clip(0, 1)
    inside = (asked >= times[0]) & (asked <= times[-1])
    joined = inside & usable[left] & usable[right]
    if windows is not None:
        joined &= (windows[left] == windows[right]) | (apart <= 1.5 * step + 1e-6)
    nearest = np.where(np.abs(asked - times[right]) < np.abs(asked - times[left]), right, left)
    near = joined | (usable[nearest] & (np.abs(asked - times[nearest]) <= reach * step))
    return np.where(joined, left, nearest), np.where(joined, right, nearest), np.where(joined, weight, 0.0), near


def end_of(times: np.ndarray) -> float:
    """Where a time axis ends, s: the last of the frames at `times` (V,) stands for its own duration too."""
    return float(times[-1] + (times[-1] / (len(times) - 1) if len(times) > 1 else 1.0)) if len(times) else 1.0


def score_columns(
    times: np.ndarray, scores: np.ndarray, width: int, end: float, windows: np.ndarray | None = None
) -> np.ndarray:
    """Scores over time, squeezed or spread into `width` columns from 0 to `end` s: float (width,), NaN in gaps.

    windows: as for `neighbours`; between two of them lies a gap.
    A column that covers several frames shows the highest, so that two telling frames in ten minutes are not lost.
    """
    times, scores = np.asarray(times, np.float64), np.asarray(scores, np.float64)
    columns = np.full(width, np.nan)
    if len(times) == 0 or end <= 0:
        return columns
    middles = (np.arange(width) + 0.5) * end / width
    left, right, weight, near = neighbours(times, np.isfinite(scores), middles, 1.1, windows)
    columns[near] = (scores[left] * (1 - weight) + np.where(weight > 0, scores[right], 0) * weight)[near]
    place = np.clip((times / end * width).astype(int), 0, width - 1)
    seen = np.isfinite(scores)
    np.fmax.at(columns, place[seen], scores[seen])
    return columns


def kept_rows(face: FaceResult, budget: int) -> np.ndarray:
    """Rows of a face's grid that a player keeps: all, or whole windows, the strongest first, up to `budget` rows.

    A long video has more analysed frames than a page can carry; thinned evenly, two forged seconds would be lost.
    """
    times = face.track.times
    if len(times) <= budget:
        return np.arange(len(times))
    chosen: list[int] = []
    for window in sorted(face.windows, key=lambda w: -1.0 if w.probability is None else w.probability, reverse=True):
        rows = np.flatnonzero((times >= window.start - 1e-6) & (times <= window.end + 1e-6)).tolist()
        if chosen and len(chosen) + len(rows) > budget:
            break
        chosen += rows
    return np.unique(chosen)


def draw_timeline(columns: np.ndarray, height: int) -> np.ndarray:
    """A strip of scores over time, dark, as tall as `height` px: uint8 RGB (height, len(columns), 3).

    columns: float (W,) scores 0 … 1, NaN (hatched) where no face was seen.
    """
    width = len(columns)
    strip = np.empty((height, width, 3), np.uint8)
    strip[:] = (38, 41, 47)
    rows = np.arange(height)[:, None]
    hole = ~np.isfinite(columns)
    pitch = max(4, height // 4)
    hatch = hole[None] & ((rows + np.arange(width)[None]) % pitch < max(1, pitch // 4))
    strip[hatch] = (70, 74, 82)
    filled = np.where(hole, 0.0, columns).clip(0, 1)
    top = height - np.maximum(np.round(filled * (height - 1)), 1)
    body = ~hole[None] & (rows >= top[None])
    strip[body] = np.broadcast_to(score_color(filled)[None], strip.shape)[body]
    strip[height // 2, ::4] = (120, 124, 132)  # one half, dotted
    return strip


def put_mark(strip: np.ndarray, at: float) -> None:
    """Mark the present moment, 0 … 1 of the width, on a timeline; in place."""
    height, width = strip.shape[:2]
    thick = max(1, height // 14)
    x = int(np.clip(round(at * width - thick / 2), 0, max(width - thick, 0)))
    strip[:, max(0, x - 1) : x + thick + 1] = SOOT
    strip[:, x : x + thick] = INK


def upsample_heatmap(heatmap: np.ndarray, size: int | tuple[int, int]) -> np.ndarray:
    """Bilinear, cell centres kept in place: float (h, w) → float32 (size, size) or (rows, columns)."""
    rows, columns = (size, size) if isinstance(size, int) else size
    return cv2.resize(np.ascontiguousarray(heatmap, dtype=np.float32), (columns, rows), interpolation=cv2.INTER_LINEAR)


def artifact_share(heatmap: np.ndarray, scale: float, threshold: float = THRESHOLD) -> float:
    """Percent (0 … 100) of the face's cells that are painted: heat above 0 and at or above `threshold` of `scale`.

    heatmap: float (h, w); scale > 0. The cells are the 22 × 22 of a crop, however large the face is in its picture.
    """
    cells = upsample_heatmap(heatmap, CELLS)
    return float(100 * np.mean((cells > 0) & (cells >= threshold * scale)))


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
    """What `render.overlay_heatmap` does, in place; picture: C-contiguous."""
    if style not in ("grid", "smooth"):
        raise ValueError(f'style is "grid" or "smooth", not {style!r}')
    if not scale > 0:
        raise ValueError(f"scale is a heatmap value above zero, not {scale}")
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
    if style == "smooth":
        rows, columns = heatmap.shape
        values = _sampled(np.ascontiguousarray(heatmap, np.float32), across * columns - 0.5, down * rows - 0.5)
        weights = np.repeat(_weights(values, scale, opacity, threshold), 3, axis=1)
        for top in range(0, len(ys), 32):  # by the band: it stays in the processor's cache
            _redden(part[top : top + 32], weights[top : top + 32])
        return
    columns, rows = max(1, round((x1 - x0) / cell)), max(1, round((y1 - y0) / cell))
    at_x = np.minimum((across * columns).astype(int), columns - 1)
    at_y = np.minimum((down * rows).astype(int), rows - 1)
    weights = _weights(upsample_heatmap(heatmap, (rows, columns)), scale, opacity, threshold)
    seam = np.repeat(np.diff(at_x, prepend=-1) > 0, 3)  # a fainter line between cells: the grid shows on any skin
    for row in np.unique(at_y):
        if not weights[row].any():
            continue
        first, stop = np.searchsorted(at_y, [row, row + 1])
        full = np.repeat(weights[row][at_x], 3)
        _redden(part[first : first + 1], full * 5 // 8)
        full[seam] = full[seam] * 5 // 8
        _redden(part[first + 1 : stop], full)


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

    image: uint8 RGB (H, W, 3); heatmap: float (h, w), raw values ≥ 0; scale: the raw value drawn as full red, one for
    a whole report; box: x0, y0, x1, y1 px, may reach past the frame (None: the whole image); opacity: 0 … 1 at full
    red, in proportion below it; threshold: share of `scale` under which nothing is painted; style: "grid" (flat cells
    of about `cell` px) or "smooth". Returns uint8 RGB (H, W, 3). Raises `ValueError` for a scale ≤ 0 or another style.
    """
    copy = np.array(image, dtype=np.uint8, order="C")
    height, width = copy.shape[:2]
    paint_heat(copy, heatmap, scale, (0, 0, width, height) if box is None else box, opacity, threshold, style, cell)
    return copy


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


def resized(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    """`picture` at another size, uint8 RGB (height, width, 3), without moiré when it shrinks."""
    shrinks = width < picture.shape[1]
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)


def encode_jpeg(picture: np.ndarray, quality: int = 85) -> bytes:
    """uint8 RGB (H, W, 3) → the bytes of a JPEG file."""
    return cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
