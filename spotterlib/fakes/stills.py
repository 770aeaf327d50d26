"""Portraits as carriers for training: one still a person, set in motion anew at every draw."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from pathlib import Path

import cv2
import numpy as np

from ..base import DataError
from ..faces import crop_box, detect_faces
from .animate import animate_still, draw_motion
from .carriers import Carrier, draw_moments

LARGEST = 240
"""Side in px to which the crop box of a larger face is reduced."""

ZOOMED = (0.8, 1.2)
"""How much more a crop may hold than a picture that is a tight crop itself (`find_people`), so that both are seen."""


def find_portraits(
    folder: str | os.PathLike[str], leave_out: Collection[str] = (), progress: Callable[[float], None] | None = None
) -> list[dict]:
    """Rows for `ClipDataset`, one a portrait (.jpg) with a face.

    Each has path, name (under `folder`), still, label 0, group (the name), box (4,) and landmarks (5, 2) in px.
    leave_out: names that must not be used. A portrait without a face is left out. Raises `DataError` when there is no
    portrait.
    """
    root = Path(folder)
    paths = sorted(p for p in root.rglob("*.jpg") if p.relative_to(root).as_posix() not in leave_out)
    if not paths:
        raise DataError(f"{root} holds no .jpg portraits.")
    rows = []
    for number, path in enumerate(paths):
        picture = cv2.imread(str(path))
        found = detect_faces(picture[None, :, :, ::-1])[0] if picture is not None else None
        if found is not None and len(found.boxes):
            name = path.relative_to(root).as_posix()
            box, marks = crop_box(found.boxes[0]), found.landmarks[0]
            place = {"box": box.tolist(), "landmarks": marks.tolist()}
            rows.append({"path": str(path), "name": name, "still": True, "label": 0, "group": name, **place})
        if progress is not None:
            progress((number + 1) / len(paths))
    return rows


def cut_head(row: dict) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The head of a row's picture and its surroundings, at a size that costs little, with box and landmarks in it.

    uint8 RGB (H, W, 3), float32 (4,) and (5, 2) px. Raises `DataError` when the picture cannot be read.
    """
    picture = cv2.imread(row["path"])
    if picture is None:
        raise DataError(f"{row['path']} cannot be read as a picture.")
    box, marks = np.array(row["box"], np.float32), np.array(row["landmarks"], np.float32)
    side = float(box[2] - box[0])
    low = np.maximum(np.floor((box[:2] + box[2:]) / 2 - 0.95 * side), 0).astype(int)
    high = np.minimum(np.ceil((box[:2] + box[2:]) / 2 + 0.95 * side), picture.shape[1::-1]).astype(int)
    picture = np.ascontiguousarray(picture[low[1] : high[1], low[0] : high[0], ::-1])
    marks, box = marks - low, box - np.tile(low, 2)
    shrink = min(1.0, LARGEST / side)
    if shrink < 1:
        picture = cv2.resize(picture, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        marks, box = marks * shrink, box * shrink
    return picture, box.astype(np.float32), marks.astype(np.float32)


def load_still(row: dict, rng: np.random.Generator | None, frames: int) -> Carrier:
    """Set a portrait in motion: a Carrier of `frames` frames over 0.4…12 s, all valid.

    rng None gives the portrait's own fixed motion. Raises `DataError` when the portrait cannot be read.
    """
    if rng is None:
        rng = np.random.default_rng(list(row["name"].encode()))
    picture, box, marks = cut_head(row)
    if row.get("tight"):
        half = (box[2:] - box[:2]) / 2 * np.float32(np.exp(rng.uniform(*np.log(ZOOMED))))
        middle = (box[:2] + box[2:]) / 2
        box = np.concatenate([middle - half, middle + half])
    motion = draw_motion(rng, float(rng.choice([0.4, 1.0, 1.6])))
    moments = draw_moments(rng, 0.0, float(np.exp(rng.uniform(0, np.log(12.0)))), frames)
    clip, moved = animate_still(picture, marks, motion, moments)
    # the box follows the landmarks: their middle, and their spread
    middle, spread = moved.mean(1), np.linalg.norm(moved - moved.mean(1, keepdims=True), axis=(1, 2))
    first_middle, first_spread = marks.mean(0), np.linalg.norm(marks - marks.mean(0))
    growth = (spread / max(float(first_spread), 1e-6))[:, None]
    centre = middle + ((box[:2] + box[2:]) / 2 - first_middle) * growth
    half = (box[2] - box[0]) / 2 * growth
    boxes = np.concatenate([centre - half, centre + half], axis=1).astype(np.float32)
    return Carrier(clip, moved, boxes, np.ones(frames, bool))
