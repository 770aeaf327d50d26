"""Join the faces found in frame after frame to tracks (`Linker`), and smooth their boxes over time (`smooth`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .tracks import Detections

PATIENCE = 2.0  # s: a blink of the detector must not split a person in two
SMOOTHING = 0.15  # s: a detector's jitter is shorter than this, a head's motion longer
LEAST_AFFINITY = 0.2
ALIKE = 4.0  # one person looks alike to .91 and more from frame to frame, two to .78: half a step of the affinity


@dataclass(frozen=True)
class Sighting:
    """One face in one frame: box (4,) px, landmarks (5, 2) px, confidence 0…1, and how it looks (`crops.thumbnail`)."""

    box: np.ndarray
    landmarks: np.ndarray
    confidence: float
    look: np.ndarray | None = None


@dataclass
class Linker:
    """Tracks as the frames come in: times in s of the frames (rows) so far, and of each track its sightings by row."""

    times: list[float] = field(default_factory=list)
    tracks: list[dict[int, Sighting]] = field(default_factory=list)
    ended: int = 0  # tracks that go on no further, the first of `tracks`

    def cut(self) -> None:
        """A new shot begins: every track ends."""
        self.ended = len(self.tracks)

    def add(
        self, time: float, found: Detections, patience: float = PATIENCE, looks: Sequence[np.ndarray] | None = None
    ) -> None:
        """Give each face of the next frame to a track last seen at most `patience` s ago, or to a new one.

        The assignment that fits best as a whole (Kuhn, *The Hungarian method*, 1955), on overlap and nearness; where
        several could be the same, as when people cross, on how they look, too.
        """
        row = len(self.times)
        self.times.append(time)
        faces = zip(found.boxes, found.landmarks, found.confidences.tolist(), strict=True)
        sightings = [Sighting(*face) for face in faces]
        if looks is not None:
            sightings = [replace(sighting, look=look) for sighting, look in zip(sightings, looks, strict=True)]
        going_on = self.tracks[self.ended :]
        open_tracks = [track for track in going_on if time - self.times[max(track)] <= patience + 1e-6]
        left = dict(enumerate(sightings))
        if open_tracks and sightings:
            affinity = _affinity(np.stack([self._expected(track, time) for track in open_tracks]), found.boxes)
            fits = affinity >= LEAST_AFFINITY
            fit = np.where(fits, affinity, 0.0)
            if looks is not None and max(fits.sum(0).max(), fits.sum(1).max()) > 1:
                fit += np.where(fits, ALIKE * _likeness(open_tracks, looks), 0.0)
            for i, j in _best_pairs(fit):
                if affinity[i, j] >= LEAST_AFFINITY:
                    open_tracks[i][row] = left.pop(j)
        self.tracks.extend({row: sighting} for sighting in left.values())

    def _expected(self, track: dict[int, Sighting], time: float) -> np.ndarray:
        """Where a track's box should be now: its last place, moved on by its last speed for at most half a second.

        The speed is taken over the time that smooths: between frames a few ms apart it would be the detector's jitter.
        """
        rows = sorted(track)
        last, box = rows[-1], track[rows[-1]].box
        if len(rows) == 1:
            return box
        earlier = [row for row in rows[:-1] if self.times[last] - self.times[row] >= SMOOTHING]
        start = earlier[-1] if earlier else rows[0]
        was = track[start].box
        elapsed = max(self.times[last] - self.times[start], SMOOTHING)
        speed = (box + box[[2, 3, 0, 1]] - was - was[[2, 3, 0, 1]]) / 2 / elapsed
        return box + speed * min(time - self.times[last], 0.5)


def _best_pairs(fit: np.ndarray) -> list[tuple[int, int]]:
    """Rows and columns of a table (n, m), each in one pair at most, whose values have the largest sum."""
    if min(fit.shape) == 1:  # one face to follow, most of the time: no need to load SciPy's solver
        place = np.unravel_index(int(fit.argmax()), fit.shape)
        return [(int(place[0]), int(place[1]))]
    from scipy.optimize import linear_sum_assignment

    return list(zip(*linear_sum_assignment(-fit), strict=True))


def _likeness(tracks: Sequence[dict[int, Sighting]], looks: Sequence[np.ndarray]) -> np.ndarray:
    """How alike (n, m), up to 1, n tracks in their last five sightings and m faces look."""
    recent = [np.mean([track[row].look for row in sorted(track)[-5:]], axis=0) for track in tracks]
    return np.stack(recent) @ np.stack(looks).T


def _affinity(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Affinity (n, m) of boxes (n, 4) and (m, 4): IoU, and a share for near centres lest a moving head be lost."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    overlap = np.prod(np.clip(high - low, 0, None), axis=-1)
    area_a, area_b = np.prod(a[:, 2:] - a[:, :2], axis=1)[:, None], np.prod(b[:, 2:] - b[:, :2], axis=1)[None]
    iou = overlap / np.maximum(area_a + area_b - overlap, 1e-6)
    apart = np.linalg.norm((a[:, None, :2] + a[:, None, 2:] - b[None, :, :2] - b[None, :, 2:]) / 2, axis=-1)
    size = np.sqrt(np.maximum(area_a, 1))
    alike = np.minimum(area_a, area_b) / np.maximum(np.maximum(area_a, area_b), 1e-6)
    return iou + np.where((apart < size) & (alike > 0.4), 0.5 * (1 - apart / size), 0.0)


def smooth(values: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Smooth values (n, …) at times (n,) s, less jitter and motion kept: local lines under a Gaussian of σ = 0.15 s.

    A plain mean lags behind a moving face at the ends of a window (Cleveland, *Robust Locally Weighted Regression*).
    """
    apart = times[None] - times[:, None]
    weight = np.exp(-0.5 * (apart / SMOOTHING) ** 2)
    first = (weight * apart).sum(1, keepdims=True)
    second = (weight * apart**2).sum(1, keepdims=True) + 1e-6  # a lone value stays as it is
    weight = weight * (second - first * apart)
    return np.tensordot(weight / weight.sum(1, keepdims=True), values, axes=1)
