"""What everybody's pictures go through before and after they are taken: things worn, and the edits of every app."""

from __future__ import annotations

import cv2
import numpy as np

from .selfblend import face_to_pixels

EDITS = ("dark", "grey", "sepia", "grade", "flash", "tint", "subtitles", "bars", "lines", "mark", "beauty")
"""What can happen to a finished picture, real or forged: all of it harmless."""

WORN = ("glasses", "shades", "hat", "hand", "beard")
"""What can be in front of a face."""


def edited(clip: np.ndarray, boxes: np.ndarray, kind: str, seed: int) -> np.ndarray:
    """Pictures uint8 RGB (T, H, W, 3) after one of `EDITS`; boxes (T, 4) px: the crops, round which it is arranged.

    The seed decides how, the same in all pictures of a clip.
    """
    rng = np.random.default_rng([seed, 2])
    if kind in ("subtitles", "bars", "mark"):
        return _laid_over(clip, boxes, kind, rng)
    if kind == "beauty":
        strong, bright = float(rng.uniform(15, 45)), float(rng.uniform(1.0, 1.15))
        return np.stack([cv2.convertScaleAbs(cv2.bilateralFilter(f, 7, strong, 4.0), alpha=bright) for f in clip])
    height, width = clip.shape[1:3]
    if kind == "lines":
        step = int(rng.integers(2, 5))
        gain = np.ones((height, 1, 1), np.float32)
        gain[::step] = rng.uniform(0.5, 0.9)
        return (clip * gain).astype(np.uint8)
    if kind == "flash":
        middle = np.median((boxes[:, :2] + boxes[:, 2:]) / 2, axis=0)
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        reach = float(np.median(boxes[:, 2] - boxes[:, 0])) * rng.uniform(0.4, 0.9)
        far = ((x - middle[0]) ** 2 + (y - middle[1]) ** 2) / reach**2
        gain = 0.7 + np.float32(rng.uniform(0.4, 1.0)) * np.exp(-far)
        return np.clip(clip * gain[..., None], 0, 255).astype(np.uint8)
    grey = np.array([0.299, 0.587, 0.114])
    if kind == "dark":
        gain = rng.uniform(0.2, 0.55)
        noise = rng.standard_normal(clip.shape, np.float32) * np.float32(rng.uniform(1, 6))
        return np.clip(clip * np.float32(gain) + noise + 0.5, 0, 255).astype(np.uint8)
    if kind == "grey":
        matrix = np.eye(3) + rng.uniform(0.8, 1.0) * (np.stack([grey] * 3) - np.eye(3))
    elif kind == "sepia":
        tone = np.array([1.0, rng.uniform(0.75, 0.95), rng.uniform(0.5, 0.8)])
        matrix = rng.uniform(0.6, 1.0) * (tone[:, None] * grey - np.eye(3)) + np.eye(3)
    elif kind == "tint":  # one coloured lamp
        matrix = np.diag(np.exp(rng.normal(0, 0.35, 3)))
        matrix /= max(1.0, matrix.max() / 1.3)
    else:  # graded: shadows towards one colour, lights towards its opposite
        colour = rng.normal(0, 1, 3)
        colour *= rng.uniform(8, 35) / np.abs(colour).max()
        lightness = (clip @ grey.astype(np.float32))[..., None] / 255
        return np.clip(clip + colour.astype(np.float32) * (1 - 2 * lightness) + 0.5, 0, 255).astype(np.uint8)
    return np.clip(clip @ matrix.T.astype(np.float32) + 0.5, 0, 255).astype(np.uint8)


def _laid_over(clip: np.ndarray, boxes: np.ndarray, kind: str, rng: np.random.Generator) -> np.ndarray:
    """Subtitles over the chin, bars beside or above the face, a watermark anywhere."""
    clip = clip.copy()
    box = np.median(boxes, axis=0)
    side, middle = float(box[2] - box[0]), (box[:2] + box[2:]) / 2
    if kind == "bars":
        upright = rng.uniform() < 0.7
        low, high = (middle[1 - upright] + side * np.array([-1, 1]) * rng.uniform(0.3, 0.55, 2)).round().astype(int)
        small = [cv2.resize(cv2.GaussianBlur(f, (0, 0), max(side / 12, 1.0)), None, fx=1.0, fy=1.0) for f in clip]
        bar = np.stack(small) if rng.uniform() < 0.6 else np.full_like(clip, rng.integers(0, 30))
        low, high = max(low, 0), max(high, 0)
        for cut in rng.permutation([slice(None, low), slice(high, None)])[: int(rng.integers(1, 3))]:
            place = (slice(None), slice(None), cut) if upright else (slice(None), cut)
            clip[place] = bar[place]
        return clip
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789    ,.!?"
    text = "".join(rng.choice(list(letters), int(rng.integers(6, 26))))
    size = side * rng.uniform(0.08, 0.16) / 22
    (wide, tall), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, 1)
    if kind == "subtitles":
        at = middle + side * np.array([rng.normal(0, 0.1), rng.uniform(0.22, 0.48)]) + [-wide / 2, tall / 2]
        shade = rng.uniform(0.35, 1.0) * (rng.uniform() < 0.6)
        colour = [int(v) for v in rng.choice([(255, 255, 255), (250, 240, 60), (20, 20, 20)])]
        share = 1.0
    else:
        at = middle + side * rng.uniform(-0.5, 0.4, 2)
        shade, colour, share = 0.0, [int(v) for v in rng.integers(0, 256, 3)], float(rng.uniform(0.25, 0.7))
    place, line = (round(float(at[0])), round(float(at[1]))), max(1, round(size * 2.2))
    for picture in clip:
        over = picture.copy()
        if shade:
            edge = round(tall * 0.6)
            top, left = max(place[1] - tall - edge, 0), max(place[0] - edge, 0)
            part = over[top : max(place[1] + edge, 0), left : max(place[0] + wide + edge, 0)]
            part[:] = (part * (1 - shade)).astype(np.uint8)
        cv2.putText(over, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, colour, line, cv2.LINE_AA)
        picture[:] = over if share == 1 else cv2.addWeighted(over, share, picture, 1 - share, 0)
    return clip


def worn(frames: np.ndarray, landmarks: np.ndarray, kind: str, seed: int) -> np.ndarray:
    """Frames uint8 RGB (T, H, W, 3) with one of `WORN` in front of each face of landmarks (T, 5, 2) px."""
    rng = np.random.default_rng([seed, 3])
    colour = rng.uniform(0, 90, 3) if kind in ("glasses", "shades", "beard") else rng.uniform(0, 255, 3)
    shapes, share = _shapes(kind, rng)
    grain, laid = rng.normal(0, 12, (24, 24, 1)).astype(np.float32), []
    for frame, marks in zip(frames, landmarks, strict=True):
        place = face_to_pixels(marks)
        mask = np.zeros(frame.shape[:2], np.float32)
        unit = max(float(np.hypot(*(marks[1] - marks[0]))), 4.0)
        for polygon, line in shapes:
            points = [np.round((polygon @ place[:, :2].T + place[:, 2]) * 16).astype(np.int32)]
            if line:
                cv2.polylines(mask, points, True, 1.0, max(1, round(line * unit)), cv2.LINE_AA, shift=4)
            else:
                cv2.fillPoly(mask, points, 1.0, cv2.LINE_AA, shift=4)
        mask = cv2.GaussianBlur(mask, (0, 0), max(0.5, unit * (0.06 if kind in ("beard", "hand") else 0.012)))
        rough = cv2.resize(grain, frame.shape[1::-1])[..., None]
        paint = np.clip(colour + rough, 0, 255).astype(np.float32)
        laid.append((frame + share * mask[..., None] * (paint - frame) + 0.5).astype(np.uint8))
    return np.stack(laid)


def _shapes(kind: str, rng: np.random.Generator) -> tuple[list[tuple[np.ndarray, float]], float]:
    """Outlines in face coordinates, each with its line's width (0: filled), and how much of the face they hide."""
    turn = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    ring = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    if kind in ("glasses", "shades"):
        lens = ring * rng.uniform([0.3, 0.2], [0.42, 0.34])
        line = 0.0 if kind == "shades" else float(rng.uniform(0.02, 0.07))
        bridge = np.array([[-0.15, -0.03], [0.15, -0.03], [0.15, 0.02], [-0.15, 0.02]])
        both = [(lens + np.array([side, 0.03]), line) for side in (-0.5, 0.5)]
        return [*both, (bridge, 0.0)], float(rng.uniform(0.75, 1.0))
    if kind == "hat":
        brim = rng.uniform(-0.9, -0.5)
        return [
            (np.array([[-1.4, brim + 0.1], [0, brim - 0.1], [1.4, brim + 0.1], [1.3, -2.6], [-1.3, -2.6]]), 0.0)
        ], 1.0
    if kind == "beard":
        low = ring * [0.8, 0.5] + [0, 1.35]
        return [(low[low[:, 1] > 1.2], 0.0)], float(rng.uniform(0.25, 0.7))
    middle = rng.uniform([-1, 0.6], [1, 1.8])
    return [(ring * rng.uniform(0.12, 0.3, 2) + middle + [0.25 * k, 0.05 * k * k], 0.0) for k in range(-1, 3)], 1.0
