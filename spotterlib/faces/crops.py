"""How a face is cut from a frame: a square with a margin, alone for the network, with its surroundings for training."""

from __future__ import annotations

import cv2
import numpy as np

CROP = 224
"""Side of a crop, px."""

WIDE = 336
"""Side in px of a crop with its surroundings: 56 px more on every side, at the same scale."""

MARGIN = 40
"""Margin in px of the crop, half of it on each side."""

SCENE = 480
"""Longer side in px of a whole picture as it is kept beside its faces."""

PADDING = (124, 116, 104)
"""RGB outside the picture: ImageNet's mean, which is zero to the network."""


def crop_box(boxes: np.ndarray) -> np.ndarray:
    """Square crop boxes (…, 4) px for face boxes (…, 4): same centre, 224/184 of the longer side (the margin)."""
    centre = (boxes[..., :2] + boxes[..., 2:]) / 2
    half = np.max(boxes[..., 2:] - boxes[..., :2], axis=-1, keepdims=True) * (CROP / (CROP - MARGIN) / 2)
    return np.concatenate([centre - half, centre + half], axis=-1)


def crop_face(frame: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Cut the square box (4,) px from uint8 RGB (H, W, 3) as uint8 (224, 224, 3), `PADDING` outside the picture."""
    x0, y0, side = _whole(box)
    return _resized(_cut(frame, x0, y0, side), CROP)


def small_scene(frame: np.ndarray) -> bytes:
    """The whole picture, uint8 RGB (H, W, 3), as a JPEG of at most 480 px: what people are shown around a face."""
    scale = min(1.0, SCENE / max(frame.shape[:2]))
    if scale < 1:
        size = tuple(max(1, round(scale * side)) for side in frame.shape[1::-1])
        frame = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 75])[1].tobytes()


def crop_wide(frame: np.ndarray, box: np.ndarray) -> np.ndarray:
    """The crop of `crop_face` amid its surroundings: uint8 (336, 336, 3), its middle 224 × 224 the very same pixels.

    What surrounds it has its scale and place to a third of a pixel, for margins are cut in whole pixels of the frame.
    """
    x0, y0, side = _whole(box)
    margin = -(-side // 4)
    edge = round(margin * CROP / side)
    skip = edge - (WIDE - CROP) // 2
    picture = _resized(_cut(frame, x0 - margin, y0 - margin, side + 2 * margin), CROP + 2 * edge)
    picture = picture[skip : skip + WIDE, skip : skip + WIDE].copy()
    inner_crop(picture)[:] = crop_face(frame, box)
    return picture


def thumbnail(frame: np.ndarray, box: np.ndarray) -> np.ndarray:
    """How a face looks, for telling people apart in neighbouring frames: float32 (768,) of length 1, the square crop
    box (4,) px at 16 × 16, less its mean. The product of two is their likeness, up to 1."""
    small = _resized(_cut(frame, *_whole(box)), 16).astype(np.float32).ravel()
    small -= small.mean()
    return small / max(float(np.linalg.norm(small)), 1e-6)


def inner_crop(wide: np.ndarray) -> np.ndarray:
    """The crops (…, 224, 224, 3) inside of pictures (…, 336, 336, 3), as a view of them."""
    edge = (WIDE - CROP) // 2
    return wide[..., edge : edge + CROP, edge : edge + CROP, :]


def _whole(box: np.ndarray) -> tuple[int, int, int]:
    """Left, top and side of a square box in whole px."""
    return round(float(box[0])), round(float(box[1])), max(2, round(float(box[2] - box[0])))


def _cut(frame: np.ndarray, x0: int, y0: int, side: int) -> np.ndarray:
    """A square of the frame, `PADDING` where it reaches outside."""
    height, width = frame.shape[:2]
    inside = frame[max(y0, 0) : max(min(y0 + side, height), 0), max(x0, 0) : max(min(x0 + side, width), 0)]
    if inside.shape[:2] == (side, side):
        return inside
    padded = np.empty((side, side, 3), np.uint8)
    padded[:] = PADDING
    top, left = max(-y0, 0), max(-x0, 0)
    padded[top : top + inside.shape[0], left : left + inside.shape[1]] = inside
    return padded


def _resized(picture: np.ndarray, side: int) -> np.ndarray:
    return cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA if len(picture) > side else cv2.INTER_LINEAR)


def crop_landmarks(boxes: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Landmarks (T, 5, 2) px of the source frame → px of the 224-px crop of boxes (T, 4)."""
    side = np.maximum(boxes[:, 2:3] - boxes[:, 0:1], 1e-6)
    return ((landmarks - boxes[:, None, :2]) * (CROP / side[:, None])).astype(np.float32)


def moved(px: np.ndarray, size: tuple[int, int], other: tuple[int, int]) -> np.ndarray:
    """Boxes (…, 4) or points (…, 2) of a picture of `size` (width, height) where they are in one of `other` size.

    The same place seen from the middle, the shorter sides alike: so a face stays where it is when a call is sent in
    more pixels, and about so when the camera is turned.
    """
    if size == other:
        return px
    scale = min(other) / min(size)
    middles = [np.tile(np.array(each, np.float32) / 2, px.shape[-1] // 2) for each in (size, other)]
    return ((px - middles[0]) * scale + middles[1]).astype(np.float32)
