"""Real videos as carriers for training: one short video of one face, held in memory whole."""

from __future__ import annotations

import functools
import os

import numpy as np

from ..base import DataError
from ..faces import FaceTrack, find_faces
from ..video import iterate_frames
from .carriers import Carrier, draw_moments


def clip_row(path: str | os.PathLike[str], group: str) -> dict:
    """A row for `ClipDataset` with the main face of a real video found: path, label 0, group, and its track.

    Raises `DataError` when there is no face to follow, `VideoError` when the video cannot be read.
    """
    found = find_faces(path)
    if not found.tracks or found.tracks[0].valid.sum() < 2:
        raise DataError(f"{path} shows no face that can be followed. Leave it out.")
    track = found.tracks[0]
    if track.sizes is not None:
        raise DataError(f"{path} changes the size of its picture midway. Leave it out.")
    names = ("frames", "times", "boxes", "landmarks", "confidences", "windows")
    columns = {name: getattr(track, name).tolist() for name in names}
    return {"path": str(path), "label": 0, "group": group, "track": columns}


def load_clip(row: dict, rng: np.random.Generator | None, frames: int) -> Carrier:
    """The row's video as a Carrier of `frames` whole pictures, over a random stretch of it (all of it without rng)."""
    pictures, moments = _decoded(row["path"])
    kinds = {"frames": np.int64, "times": np.float64, "windows": np.int64}
    columns = {name: np.array(values, kinds.get(name, np.float32)) for name, values in row["track"].items()}
    track = FaceTrack(0, **columns)
    seen = track.times[track.valid]
    wanted = draw_moments(rng, float(seen[0]), float(seen[-1]), frames)
    drawn = np.abs(moments[None] - wanted[:, None]).argmin(1)
    boxes, marks, valid = track.at(moments[drawn])
    return Carrier(pictures[drawn], marks, boxes, valid)


@functools.lru_cache(maxsize=16)
def _decoded(path: str) -> tuple[np.ndarray, np.ndarray]:
    """All frames of a short video, uint8 RGB (T, H, W, 3), and their times (T,) s."""
    shown = [(time, picture) for _, time, picture in iterate_frames(path)]
    return np.stack([picture for _, picture in shown]), np.array([time for time, _ in shown])
