"""What evidence is drawn with: text and tags (ASCII only), colours of scores, the strip of scores over time, and the
rules of time behind it: what lies between analysed frames, and which of them a player keeps."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from ..scan import FaceResult, Segment

RGB = tuple[int, int, int]
REAL, FAKE, UNDECIDED = (42, 111, 187), (224, 123, 26), (110, 110, 110)
"""RGB of the three verdicts, the same in every figure."""

VERDICTS = {"REAL": REAL, "FAKE": FAKE, "UNDECIDED": UNDECIDED}
BOX = (255, 214, 0)
INK, PALE, SOOT = (245, 245, 245), (168, 174, 182), (22, 24, 28)
_SCALE = 1 / 27  # of a Hershey font, for letters as tall as asked


def put_text(picture: np.ndarray, text: str, at: tuple[int, int], size: int, color: RGB, bold: bool = False) -> None:
    """Write ASCII text into `picture`, uint8 RGB (H, W, 3), in place; at: left end and baseline, px."""
    printable = text.encode("ascii", "replace").decode()
    stroke = _stroke(size, bold)
    cv2.putText(picture, printable, at, cv2.FONT_HERSHEY_SIMPLEX, size * _SCALE, color, stroke, cv2.LINE_AA)


def put_tag(picture: np.ndarray, text: str, x: int, bottom: int, size: int, color: RGB) -> None:
    """Write a few letters on a plate of `color` that stands on `bottom`, kept inside the picture; in place."""
    tall, wide = round(1.3 * size), text_width(text, size, True) + size // 2
    x, top = max(0, min(x, picture.shape[1] - wide)), max(0, min(bottom, picture.shape[0]) - tall)
    cv2.rectangle(picture, (x, top), (x + wide, top + tall), color, -1)
    put_text(picture, text, (x + size // 4, top + round(1.02 * size)), size, ink_on(color), True)


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


def _stroke(size: int, bold: bool) -> int:
    # OpenCV 5 draws these fonts as outlines and takes the stroke for a weight; before, it is px
    return (2 if bold else 1) * (1 if int(cv2.__version__.split(".")[0]) >= 5 else max(1, round(size / 20)))


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


def put_segments(strip: np.ndarray, segments: Iterable[Segment], end: float) -> None:
    """Mark the segments along the top of a timeline of `end` s in the colours of their verdicts, FAKE above others; in
    place."""
    height, width = strip.shape[:2]
    tall, order = max(2, height // 7), ["REAL", "UNDECIDED", "FAKE"]
    for segment in sorted(segments, key=lambda one: order.index(one.label)):
        first, last = (round(time / end * width) for time in (segment.start, segment.end))
        strip[: tall + 1, first : max(last, first + 2)] = SOOT
        strip[:tall, first : max(last, first + 2)] = VERDICTS[segment.label]


def put_mark(strip: np.ndarray, at: float) -> None:
    """Mark the present moment, 0 … 1 of the width, on a timeline; in place."""
    height, width = strip.shape[:2]
    thick = max(1, height // 14)
    x = int(np.clip(round(at * width - thick / 2), 0, max(width - thick, 0)))
    strip[:, max(0, x - 1) : x + thick + 1] = SOOT
    strip[:, x : x + thick] = INK


def resized(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    """`picture` at another size, uint8 RGB (height, width, 3), without moiré when it shrinks."""
    shrinks = width < picture.shape[1]
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)


def encode_jpeg(picture: np.ndarray) -> bytes:
    """uint8 RGB (H, W, 3) → the bytes of a JPEG file, of quality 85."""
    return cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()


def contrast(one: RGB, other: RGB) -> float:
    """The contrast of two RGB colours, 1 … 21, as WCAG 2 defines it: text needs 4.5."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def ink_on(plate: RGB) -> RGB:
    """The ink, light or dark, that is read best on a plate of this colour."""
    return max((INK, SOOT), key=lambda ink: contrast(ink, plate))


def _luminance(color: RGB) -> float:
    shares = np.asarray(color, np.float64) / 255
    linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))
