"""What is known of a face: found in a frame, followed through a video, cut out as a clip."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from ..video import VideoInfo, fit
from .crops import crop_landmarks

MIN_USABLE = 8
"""Fewest frames with a face that a window is scored from."""

SMALLEST = 32
"""Side in px of the crop box under which a face gets no score: blown up to 224 px it looks forged, whoever it shows."""


@dataclass(frozen=True, eq=False)
class Detections:
    """Faces in one frame: boxes float32 (n, 4) as x0, y0, x1, y1 px; landmarks float32 (n, 5, 2) px (two eyes, nose,
    two mouth corners, picture-left first); confidences float32 (n,) 0…1, highest first."""

    boxes: np.ndarray
    landmarks: np.ndarray
    confidences: np.ndarray


@dataclass(frozen=True, eq=False)
class FaceTrack:
    """One face through a video, on the detection grid of G frames.

    frames int64 (G,): frame indices in the video; times float64 (G,) s; boxes float32 (G, 4): SQUARE crop boxes x0, y0,
    x1, y1 px of the source frame, smoothed; landmarks float32 (G, 5, 2) px of the source frame; both NaN where the face
    was not found; confidences float32 (G,) 0…1, 0 where not found; windows int64 (G,): the window of each grid frame;
    sizes int64 (G, 2): width and height px of each source frame, None where all have the video's.
    """

    id: int
    frames: np.ndarray
    times: np.ndarray
    boxes: np.ndarray
    landmarks: np.ndarray
    confidences: np.ndarray
    windows: np.ndarray
    sizes: np.ndarray | None = None

    @property
    def valid(self) -> np.ndarray:
        """bool (G,): where the face was found."""
        return self.confidences > 0

    @property
    def side(self) -> float:
        """Its box's usual side (median) in px, 0 where it was never found."""
        boxes = self.boxes[self.valid]
        return float(np.median(boxes[:, 2] - boxes[:, 0])) if len(boxes) else 0.0

    @property
    def large(self) -> np.ndarray:
        """bool (G,): where it can be scored, being `SMALLEST` px wide: by its usual side, or frame by frame where the
        video changes the size of its picture."""
        if self.sizes is None:
            return np.full(len(self.frames), self.side >= SMALLEST)
        return self.boxes[:, 2] - self.boxes[:, 0] >= SMALLEST

    def on(self, canvas: tuple[int, int]) -> FaceTrack:
        """The track in px of a canvas (width, height) onto which every source frame is fitted."""
        if self.sizes is None:
            return self
        scale, left, top = np.array([fit(tuple(size), canvas) for size in self.sizes.tolist()], np.float32).T
        corner = np.stack([left, top], axis=-1)[:, None]
        boxes = self.boxes.reshape(-1, 2, 2) * scale[:, None, None] + corner
        marks = self.landmarks * scale[:, None, None] + corner
        return replace(self, boxes=boxes.reshape(-1, 4), landmarks=marks, sizes=None)

    def at(self, times: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Boxes (N, 4), landmarks (N, 5, 2) and valid (N,) at any times (N,) in s.

        Linear between neighbouring grid frames that both have the face; where only one of the two has it, that one's
        within half a grid step. NaN and False elsewhere: what lies between two windows, frames that were not sampled or
        a shot that was left out, belongs to neither. Over a change of the picture's size the nearer one's counts.
        """
        times = np.asarray(times, dtype=np.float64)
        grid, seen = self.times, self.valid
        step = max(float(np.median(np.diff(grid))), 1e-3) if len(grid) > 1 else 1e-3
        after = np.minimum(np.searchsorted(grid, times), len(grid) - 1)
        before = np.maximum(after - (grid[after] > times), 0)
        gap = grid[after] - grid[before]
        same, touching = self.windows[before] == self.windows[after], self.frames[after] - self.frames[before] <= 1
        neighbours = same | (touching & (gap <= 1.5 * step + 1e-6))
        between = (grid[before] <= times) & (times <= grid[after])
        alike = True if self.sizes is None else (self.sizes[before] == self.sizes[after]).all(1)
        both = between & neighbours & seen[before] & seen[after] & alike

        nearer = np.where(np.abs(times - grid[before]) <= np.abs(times - grid[after]), before, after)
        one = np.where(seen[before] == seen[after], nearer, np.where(seen[before], before, after))
        alone = (same | touching) & seen[one] & (np.abs(times - grid[one]) <= step / 2 + 1e-6)

        weight = np.where(both, (times - grid[before]) / np.maximum(gap, 1e-9), 0.0)[:, None]
        values = np.nan_to_num(np.concatenate([self.boxes, self.landmarks.reshape(len(grid), 10)], axis=1))
        start = values[np.where(both, before, one)]
        mixed = start + weight * (values[after] - start)
        mixed = np.where((both | alone)[:, None], mixed, np.nan).astype(np.float32)
        return mixed[:, :4], mixed[:, 4:].reshape(-1, 5, 2), both | alone


@dataclass(frozen=True, eq=False)
class FaceClip:
    """The crops of one face: frames uint8 RGB (T, 224, 224, 3); times float64 (T,) s; boxes float32 (T, 4) and
    landmarks float32 (T, 5, 2), px of the source frame; valid bool (T,). Where not valid, frames are 0 and
    the rest is NaN. wide: the crops with their surroundings, uint8 RGB (T, 336, 336, 3), where they were asked for."""

    frames: np.ndarray
    times: np.ndarray
    boxes: np.ndarray
    landmarks: np.ndarray
    valid: np.ndarray
    wide: np.ndarray | None = None

    def __getitem__(self, rows: slice | np.ndarray) -> FaceClip:
        """The clip of some of its frames."""
        columns = (self.frames, self.times, self.boxes, self.landmarks, self.valid, self.wide)
        return FaceClip(*(None if column is None else column[rows] for column in columns))

    def crop_landmarks(self) -> np.ndarray:
        """Landmarks float32 (T, 5, 2) in px of the 224-px crop."""
        return crop_landmarks(self.boxes, self.landmarks)


@dataclass(frozen=True, eq=False)
class VideoFaces:
    """All faces of a video: info; times float64 (V,) s of every frame; windows: (start, end) in s of each; tracks and
    their clips, the main face first (most confidence summed over the grid). Each clip has its track's grid frames and,
    where `between` > 0 was asked, that many frames between every two of them. scenes: by index, the whole picture
    of every grid frame as a small JPEG; none where the faces come from a cache. looked: how many grid frames. passing:
    tracks of what was seen in too few grid frames to be followed, without clips, in order of time."""

    info: VideoInfo
    times: np.ndarray
    windows: tuple[tuple[float, float], ...]
    tracks: tuple[FaceTrack, ...]
    clips: tuple[FaceClip, ...]
    coverage: float = 1.0
    scenes: dict[int, bytes] = field(default_factory=dict)
    looked: int | None = None
    passing: tuple[FaceTrack, ...] = ()
