"""Which frames of which windows can be scored."""

from __future__ import annotations

import numpy as np

from ..faces import FaceClip, FaceTrack, window_rows
from .turned import lying, window_rolls


def windows_of(track: FaceTrack, clip: FaceClip, most_roll: float) -> tuple[np.ndarray, np.ndarray]:
    """Of every window of a face: rows (W, 24) into the clip, and bool (W, 24) where it is there and can be scored.

    A face of less than `SMALLEST` px cannot, nor one that lies on its side, nor a window in which it leans by more than
    `most_roll` degrees: nobody taught the network such.
    """
    rows = window_rows(track.windows)
    there = (rows >= 0) & clip.valid[rows] & track.large[rows] & (not lying(track, clip))
    return rows, there & (window_rolls(clip, rows, there) <= most_roll)[:, None]
