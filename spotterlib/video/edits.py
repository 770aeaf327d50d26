"""Everyday edits: what apps and people do to an honest video. None of them forges anything.

`EDITS` is what is measured (`benchmarks/edits.py`), each of one strength. Training draws edits of its own, of random
strengths (`fakes/everyday.py`), so that what is measured is not what was practised. Each here is a function on the
frames of a clip, uint8 RGB (T, H, W, 3), the five points of a face in each, (T, 5, 2) px, round which some are arranged
(two eyes, nose, two mouth corners, all finite), and a random generator; the same generator gives the same edit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from .damage import add_noise, change_brightness, compress, shrink

Change = Callable[[np.ndarray, np.ndarray, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Edit:
    """One everyday edit; tables call it `name`; `change(frames, marks, rng)` gives the frames, uint8 (T, h, w, 3)."""

    name: str
    change: Change


def side_bars(frames: np.ndarray, marks: np.ndarray, blurred: bool) -> np.ndarray:
    """An upright strip about the face, and beside it what apps fill up with: the picture itself blurred, or black."""
    eyes, _, unit = _face(marks)
    middle, half = float(np.median(eyes[:, 0])), 1.6 * unit
    low, high = (int(np.clip(round(middle + side * half), 0, frames.shape[2])) for side in (-1, 1))
    if blurred:
        sigma = frames.shape[1] / 14
        edited = np.stack([cv2.GaussianBlur(frame, (0, 0), sigma) for frame in frames])
    else:
        edited = np.zeros_like(frames)
    edited[:, :, low:high] = frames[:, :, low:high]
    return edited


def caption(frames: np.ndarray, marks: np.ndarray, bar: bool, text: bool) -> np.ndarray:
    """A line of subtitles over the chin, white, and the dark bar that it stands on; or one of the two alone."""
    eyes, mouth, unit = _face(marks)
    x, y = float(np.median(eyes[:, 0])), float(np.median(mouth[:, 1])) + 0.6 * unit
    edited = frames.copy()
    words, font = "and then he said it again", cv2.FONT_HERSHEY_SIMPLEX
    size = 3.0 * unit / cv2.getTextSize(words, font, 1.0, 1)[0][0]
    (width, height), _ = cv2.getTextSize(words, font, size, 1)
    left, base, edge = round(x - width / 2), round(y + height / 2), round(0.7 * height)
    for frame in edited:
        if bar:
            part = frame[max(base - height - edge, 0) : max(base + edge, 0), max(left - edge, 0) : left + width + edge]
            part[:] = part // 6
        if text:
            thick = max(1, round(2.5 * size))
            cv2.putText(frame, words, (left, base), font, size, (255, 255, 255), thick, cv2.LINE_AA)
    return edited


def recolour(frames: np.ndarray, matrix: np.ndarray, add: np.ndarray | float = 0.0) -> np.ndarray:
    """Colours times a matrix (3, 3), plus grey levels of R, G, B."""
    return np.stack(
        [np.clip(f @ np.float32(matrix).T + np.float32(add) + 0.5, 0, 255).astype(np.uint8) for f in frames]
    )


def grade(frames: np.ndarray) -> np.ndarray:
    """Teal shadows and orange lights, as in films: up to 28 grey levels either way."""

    def graded(frame: np.ndarray) -> np.ndarray:
        light = (frame @ _GREY)[..., None] / 255
        towards = np.float32([28, 2, -26]) * (2 * light - 1)
        return np.clip(frame + towards + 0.5, 0, 255).astype(np.uint8)

    return np.stack([graded(frame) for frame in frames])


def scan_lines(frames: np.ndarray) -> np.ndarray:
    """Every third line darker, as on an old screen that was filmed or in a filter that plays one."""
    edited = frames.copy()
    edited[:, ::3] = edited[:, ::3] * 0.6
    return edited


def cover(frames: np.ndarray, marks: np.ndarray, outline: list[tuple[float, float]], colour: tuple) -> np.ndarray:
    """Something worn, of one colour and a soft shade: an outline round each face, in the distance of eyes and mouth.

    The outline counts from between the eyes, to the picture's right and down the face, and turns with the head.
    """
    eyes, mouth, _ = _face(marks)
    edited = []
    for frame, eye, lips in zip(frames, eyes, mouth, strict=True):
        down = lips - eye
        across = np.array([down[1], -down[0]])
        points = np.array([eye + a * across + b * down for a, b in outline])
        mask = np.zeros(frame.shape[:2], np.float32)
        cv2.fillPoly(mask, [np.round(points * 16).astype(np.int32)], 1.0, cv2.LINE_AA, shift=4)
        shade = np.linspace(1.06, 0.86, frame.shape[0], dtype=np.float32)[:, None, None]
        paint = np.clip(np.float32(colour) * shade, 0, 255)
        edited.append((frame + mask[..., None] * (paint - frame) + 0.5).astype(np.uint8))
    return np.stack(edited)


def watermark(frames: np.ndarray, marks: np.ndarray) -> np.ndarray:
    """A name across the face, of which a third shows."""
    eyes, mouth, unit = _face(marks)
    place = (round(float(np.median(eyes[:, 0])) - 1.3 * unit), round(float(np.median(mouth[:, 1])) - 0.3 * unit))
    edited = []
    for frame in frames:
        over = frame.copy()
        cv2.putText(over, "PREVIEW", place, cv2.FONT_HERSHEY_DUPLEX, unit / 36, (255, 255, 255), 2, cv2.LINE_AA)
        edited.append(cv2.addWeighted(over, 0.35, frame, 0.65, 0))
    return np.stack(edited)


def beautify(frames: np.ndarray) -> np.ndarray:
    """Skin smoothed up to edges of 35 grey levels, and everything a little brighter, as beauty filters do."""
    return change_brightness(np.stack([cv2.bilateralFilter(frame, 9, 35, 7) for frame in frames]), 1.06)


def messenger(frames: np.ndarray, side: int = 240, crf: int = 31) -> np.ndarray:
    """Sent on twice by a messenger: made small (the shorter side of `side` px), and H.264 at a high crf each time."""
    small = shrink(frames, min(1.0, side / min(frames.shape[1:3])))
    return compress(compress(small, crf), crf)


def lean(frames: np.ndarray, degrees: float, rng: np.random.Generator) -> np.ndarray:
    """Turned about the middle by an angle, to either side; the border mirrors the picture."""
    height, width = frames.shape[1:3]
    move = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees * rng.choice([-1, 1]), 1.0)
    return np.stack([cv2.warpAffine(f, move, (width, height), borderMode=cv2.BORDER_REFLECT_101) for f in frames])


def turn(frames: np.ndarray, quarters: int) -> np.ndarray:
    """Turned to the left by quarter turns, whole: (T, W, H, 3) for an odd number of them."""
    return np.ascontiguousarray(np.rot90(frames, quarters, axes=(1, 2)))


def _face(marks: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Between the eyes (T, 2), between the mouth's corners (T, 2), and their usual distance, px."""
    eyes, mouth = marks[:, :2].mean(1), marks[:, 3:].mean(1)
    return eyes, mouth, max(float(np.median(np.linalg.norm(mouth - eyes, axis=1))), 1.0)


_GREY = np.float32([0.299, 0.587, 0.114])
_SEPIA = np.array([[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]])
_MASK = [(-0.9, 0.45), (0.0, 0.3), (0.9, 0.45), (0.8, 1.3), (0.0, 1.75), (-0.8, 1.3)]
_HAT = [(-1.6, -0.35), (1.6, -0.35), (1.6, -0.55), (1.1, -0.6), (1.0, -1.9), (-1.0, -1.9), (-1.1, -0.6), (-1.6, -0.55)]

EDITS = (
    Edit("blurred side bars", lambda frames, marks, rng: side_bars(frames, marks, True)),
    Edit("black side bars", lambda frames, marks, rng: side_bars(frames, marks, False)),
    Edit("dark", lambda frames, marks, rng: change_brightness(frames, 0.3)),
    Edit("dark and noisy", lambda frames, marks, rng: add_noise(change_brightness(frames, 0.3), 8.0, rng)),
    Edit("subtitles on a bar over the chin", lambda frames, marks, rng: caption(frames, marks, True, True)),
    Edit("the bar alone", lambda frames, marks, rng: caption(frames, marks, True, False)),
    Edit("the text alone", lambda frames, marks, rng: caption(frames, marks, False, True)),
    Edit("black and white", lambda frames, marks, rng: recolour(frames, np.stack([_GREY] * 3))),
    Edit("sepia", lambda frames, marks, rng: recolour(frames, _SEPIA)),
    Edit("teal and orange grading", lambda frames, marks, rng: grade(frames)),
    Edit("scan lines", lambda frames, marks, rng: scan_lines(frames)),
    Edit("a mask", lambda frames, marks, rng: cover(frames, marks, _MASK, (150, 190, 215))),
    Edit("a hat", lambda frames, marks, rng: cover(frames, marks, _HAT, (52, 48, 70))),
    Edit("a watermark", lambda frames, marks, rng: watermark(frames, marks)),
    Edit("beauty smoothing", lambda frames, marks, rng: beautify(frames)),
    Edit("sent on twice by a messenger", lambda frames, marks, rng: messenger(frames)),
    *(Edit(f"leaning by {a}°", lambda frames, marks, rng, a=a: lean(frames, a, rng)) for a in (10, 20, 30, 45)),
    *(Edit(f"turned by {90 * q}°", lambda frames, marks, rng, q=q: turn(frames, q)) for q in (1, 2, 3)),
)
"""The edits that `benchmarks/edits.py` makes its table of."""
