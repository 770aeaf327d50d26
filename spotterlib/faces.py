"""Find the faces of a video, follow each through it, and cut the crops: the one crop policy of Spotter.

A video is looked at through windows of at most 12 s that tile it; MTCNN sees 24 frames of each, spread evenly: the
detection grid. Boxes between two grid frames are interpolated, never detected anew, so that training, evaluation and
scanning cut the same crops.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np
from scipy.optimize import linear_sum_assignment

from .video import VideoInfo, probe_video, sample_frames

CROP = 224
"""Side of a crop, px."""
FRAMES = 24
"""Frames that MTCNN sees of a window, and that the model scores."""
WINDOW = 12.0
"""Longest window, s."""
MAX_WINDOWS = 60
"""Most windows looked at: 12 minutes whole; a longer video is sampled by windows spread over it."""
MIN_USABLE = 8
"""Fewest frames with a face that a window is scored from."""
MARGIN = 40
"""Margin in px of the crop, half of it on each side (spec.md)."""
PADDING = (124, 116, 104)
"""RGB outside the picture: ImageNet's mean, which is zero to the network."""

_DETECT_SIDE = 360  # px: the shorter side that MTCNN sees; the same faces are found as at 1080, nine times faster
_MIN_CONFIDENCE = 0.9  # MTCNN's own .7 lets hands and patterns through
_SMOOTHING = 0.15  # s: a detector's jitter is shorter than this, a head's motion longer


@dataclass(frozen=True)
class Detections:
    """Faces in one frame: boxes float32 (n, 4) as x0, y0, x1, y1 px; landmarks float32 (n, 5, 2) px (the two eyes, nose,
    the two mouth corners, picture-left first); confidences float32 (n,) 0…1, highest first."""

    boxes: np.ndarray
    landmarks: np.ndarray
    confidences: np.ndarray


@dataclass(frozen=True)
class FaceTrack:
    """One face through a video, on the detection grid of G frames.

    frames int64 (G,): frame indices in the video; times float64 (G,) s; boxes float32 (G, 4): SQUARE crop boxes x0, y0,
    x1, y1 px of the source frame, smoothed; landmarks float32 (G, 5, 2) px of the source frame; both NaN where the face
    was not found; confidences float32 (G,) 0…1, 0 where not found; windows int64 (G,): the window of each grid frame.
    """

    id: int
    frames: np.ndarray
    times: np.ndarray
    boxes: np.ndarray
    landmarks: np.ndarray
    confidences: np.ndarray
    windows: np.ndarray

    @property
    def valid(self) -> np.ndarray:
        """bool (G,): where the face was found."""
        return self.confidences > 0

    def at(self, times: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Boxes (N, 4), landmarks (N, 5, 2) and valid (N,) at any times (N,) in s.

        Linear between neighbouring grid frames that both have the face; the nearest one's where only one side has it and
        it is less than half a step away; NaN and False elsewhere.
        """
        times = np.asarray(times, dtype=np.float64)
        grid, valid = self.times, self.valid
        flat = np.concatenate([self.boxes, self.landmarks.reshape(len(grid), 10)], axis=1)
        right = np.clip(np.searchsorted(grid, times), 0, len(grid) - 1)
        left = np.clip(right - (grid[right] > times), 0, None)
        span = np.maximum(grid[right] - grid[left], 1e-9)
        weight = np.where(right == left, 0.0, np.clip((times - grid[left]) / span, 0.0, 1.0))
        # where one side lacks the face, the other side's box holds for half a step
        step = np.median(np.diff(grid)) if len(grid) > 1 else 0.0
        reach = np.minimum(np.abs(times - grid[left]), np.abs(times - grid[right])) <= max(step, 1e-3) / 2 + 1e-6
        joined = (grid[right] - grid[left]) <= 1.5 * step + 1e-6
        only_left, only_right = valid[left] & ~valid[right], valid[right] & ~valid[left]
        weight = np.where(only_left | (~joined & (weight < 0.5)), 0.0, weight)
        weight = np.where(only_right | (~joined & (weight >= 0.5)), 1.0, weight)
        near = np.where(weight < 0.5, left, right)
        nearness = np.abs(times - grid[near])
        found = np.where(valid[left] & valid[right] & joined, reach | (span > 0), valid[near])
        found &= (valid[left] & valid[right] & joined & (times >= grid[0]) & (times <= grid[-1])) | (
            nearness <= max(step, 1e-3) / 2 + 1e-6
        )
        a, b = np.nan_to_num(flat[left]), np.nan_to_num(flat[right])
        mixed = np.where(found[:, None], a + weight[:, None] * (b - a), np.nan).astype(np.float32)
        return mixed[:, :4], mixed[:, 4:].reshape(-1, 5, 2), found


@dataclass(frozen=True)
class FaceClip:
    """The crops of one face: frames uint8 RGB (T, 224, 224, 3), times float64 (T,) s, boxes float32 (T, 4) and landmarks
    float32 (T, 5, 2) px of the source frame, valid bool (T,); where not valid, frames are 0 and the rest is NaN."""

    frames: np.ndarray
    times: np.ndarray
    boxes: np.ndarray
    landmarks: np.ndarray
    valid: np.ndarray

    def __getitem__(self, rows: slice | np.ndarray) -> FaceClip:
        """The clip of some of its frames."""
        return FaceClip(self.frames[rows], self.times[rows], self.boxes[rows], self.landmarks[rows], self.valid[rows])

    def crop_landmarks(self) -> np.ndarray:
        """Landmarks float32 (T, 5, 2) in px of the 224-px crop."""
        return crop_landmarks(self.boxes, self.landmarks)


@dataclass(frozen=True)
class VideoFaces:
    """All faces of a video: info; times float64 (V,) s of every frame; windows: (start, end) in s of each; tracks and
    their clips, the main face first (most confidence summed over the grid). Each clip has its track's grid frames and,
    where `between` > 0 was asked, that many frames between every two of them."""

    info: VideoInfo
    times: np.ndarray
    windows: tuple[tuple[float, float], ...]
    tracks: tuple[FaceTrack, ...]
    clips: tuple[FaceClip, ...]
    coverage: float = 1.0


def plan_windows(times: np.ndarray, max_windows: int = MAX_WINDOWS) -> list[np.ndarray]:
    """Grid frames of each window: int64 arrays of at most 24 rising frame indices, for frame times (V,) in s.

    A video of d s has ⌈d / 12⌉ windows of equal length, side by side; above `max_windows` they are 12 s long and spread
    evenly over the video. In each, 24 frames are spread evenly from its first to its last (all of them if it has fewer).
    """
    total = len(times)
    if total == 0:
        return []
    step = float(times[-1]) / max(total - 1, 1)
    duration = float(times[-1]) + step
    count = max(1, int(np.ceil(round(duration / WINDOW, 6))))
    if count > max_windows:
        starts = np.linspace(0.0, duration - WINDOW, max_windows)
        ends = starts + WINDOW
    else:
        edges = np.linspace(0.0, duration, count + 1)
        starts, ends = edges[:-1], edges[1:]
    plans = []
    for start, end in zip(starts, ends, strict=True):
        first, last = np.searchsorted(times, [start - 1e-6, end - 1e-6])
        inside = np.arange(first, max(last, first + 1) if first < total else first)
        if len(inside):
            chosen = np.linspace(0, len(inside) - 1, min(FRAMES, len(inside)))
            plans.append(inside[np.round(chosen).astype(int)])
    return plans


def window_rows(windows: np.ndarray) -> np.ndarray:
    """Rows (W, 24) of each window's frames for the window (G,) of every grid frame; −1 where a window has fewer."""
    count = int(windows.max()) + 1 if len(windows) else 0
    rows = np.full((count, FRAMES), -1)
    for window in range(count):
        inside = np.flatnonzero(windows == window)
        rows[window, : len(inside)] = inside
    return rows


def _with_between(plan: np.ndarray, between: int) -> np.ndarray:
    """The plan's frames with up to `between` more, evenly spread, in every gap; sorted and unique."""
    if between == 0 or len(plan) < 2:
        return plan
    steps = np.linspace(0, 1, between + 2)[:-1]
    inner = np.round(plan[:-1, None] + steps[None] * np.diff(plan)[:, None]).astype(np.int64)
    return np.unique(np.append(inner.ravel(), plan[-1]))


@functools.lru_cache(maxsize=2)
def _detector(device: str):
    """facenet-pytorch's MTCNN (weights come in its wheel), every face kept."""
    from . import _torchvision_ops

    _torchvision_ops.ensure()
    from facenet_pytorch import MTCNN

    return MTCNN(keep_all=True, select_largest=False, post_process=False, device=device)


def detect_faces(frames: np.ndarray, device: str = "cpu") -> list[Detections]:
    """MTCNN on uint8 RGB (N, H, W, 3) of one size, reduced to a shorter side of at most 360 px; one result a frame.

    Faces under a confidence of 0.9 are left out. Boxes and landmarks are in px of the frames given.
    """
    height, width = frames.shape[1:3]
    scale = min(1.0, _DETECT_SIDE / min(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = np.stack([cv2.resize(f, size, interpolation=cv2.INTER_AREA) if scale < 1 else f for f in frames])
    if min(size) < 24:  # MTCNN's pyramid needs more than its smallest face
        return [_nothing() for _ in frames]
    boxes, confidences, points = _detector(device).detect(small, landmarks=True)
    ratio = np.array([width / size[0], height / size[1]], dtype=np.float32)
    results = []
    for found, trust, marks in zip(boxes, confidences, points, strict=True):
        if found is None:
            results.append(_nothing())
            continue
        found = np.asarray(found, dtype=np.float32).reshape(-1, 2, 2) * ratio
        marks = np.asarray(marks, dtype=np.float32).reshape(-1, 5, 2) * ratio
        trust = np.asarray(trust, dtype=np.float32)
        order = [i for i in np.argsort(-trust, kind="stable") if trust[i] >= _MIN_CONFIDENCE]
        results.append(Detections(found.reshape(-1, 4)[order], marks[order], trust[order]))
    return results


def _nothing() -> Detections:
    return Detections(np.zeros((0, 4), np.float32), np.zeros((0, 5, 2), np.float32), np.zeros(0, np.float32))


def crop_box(boxes: np.ndarray) -> np.ndarray:
    """Square crop boxes (…, 4) px for face boxes (…, 4): side = 224/184 of the longer side (spec.md's margin), same centre."""
    centre = (boxes[..., :2] + boxes[..., 2:]) / 2
    half = np.max(boxes[..., 2:] - boxes[..., :2], axis=-1, keepdims=True) * (CROP / (CROP - MARGIN) / 2)
    return np.concatenate([centre - half, centre + half], axis=-1)


def crop_face(frame: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Cut the square box (4,) px from uint8 RGB (H, W, 3) as uint8 (224, 224, 3); what lies outside is the padding colour."""
    height, width = frame.shape[:2]
    x0, y0 = (round(float(v)) for v in box[:2])
    side = max(2, round(float(box[2] - box[0])))
    inside = frame[max(y0, 0) : max(min(y0 + side, height), 0), max(x0, 0) : max(min(x0 + side, width), 0)]
    if inside.shape[:2] != (side, side):
        padded = np.empty((side, side, 3), np.uint8)
        padded[:] = PADDING
        top, left = max(-y0, 0), max(-x0, 0)
        padded[top : top + inside.shape[0], left : left + inside.shape[1]] = inside
        inside = padded
    return cv2.resize(inside, (CROP, CROP), interpolation=cv2.INTER_AREA if side > CROP else cv2.INTER_LINEAR)


def crop_landmarks(boxes: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Landmarks (T, 5, 2) px of the source frame → px of the 224-px crop of boxes (T, 4)."""
    side = np.maximum(boxes[:, 2:3] - boxes[:, 0:1], 1e-6)
    return ((landmarks - boxes[:, None, :2]) * (CROP / side[:, None])).astype(np.float32)


def _match(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Affinity (n, m) of boxes (n, 4) and (m, 4): IoU, plus a share for near centres so that a moving head is not lost."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    overlap = np.prod(np.clip(high - low, 0, None), axis=-1)
    size_a, size_b = a[:, 2:] - a[:, :2], b[:, 2:] - b[:, :2]
    area_a, area_b = np.prod(size_a, axis=1), np.prod(size_b, axis=1)
    iou = overlap / np.maximum(area_a[:, None] + area_b[None] - overlap, 1e-6)
    apart = np.linalg.norm((a[:, None, :2] + a[:, None, 2:] - b[None, :, :2] - b[None, :, 2:]) / 2, axis=-1)
    scale = np.sqrt(np.maximum(area_a, 1))[:, None]
    alike = np.minimum(area_a[:, None], area_b[None]) / np.maximum(np.maximum(area_a[:, None], area_b[None]), 1e-6)
    return iou + np.where((apart < scale) & (alike > 0.4), 0.5 * (1 - apart / scale), 0.0)


@dataclass
class _Linker:
    """Joins detections of rising times to tracks, frame by frame (Hungarian assignment on overlap and nearness)."""

    times: list[float] = field(default_factory=list)
    tracks: list[dict[int, tuple[np.ndarray, np.ndarray, float]]] = field(default_factory=list)  # row → box, marks, trust

    def add(self, time: float, found: Detections) -> None:
        row = len(self.times)
        self.times.append(time)
        # a track is open for 2 s after its last sight: a blink of the detector must not split a person in two
        open_ids = [i for i, track in enumerate(self.tracks) if time - self.times[max(track)] <= 2.0 + 1e-6]
        taken: dict[int, int] = {}
        if open_ids and len(found.boxes):
            predicted = np.stack([self._predict(i, time) for i in open_ids])
            affinity = _match(predicted, found.boxes)
            for i, j in zip(*linear_sum_assignment(-affinity), strict=True):
                if affinity[i, j] >= 0.2:
                    taken[j] = open_ids[i]
        for j in range(len(found.boxes)):
            if j not in taken:
                taken[j] = len(self.tracks)
                self.tracks.append({})
            self.tracks[taken[j]][row] = (found.boxes[j], found.landmarks[j], float(found.confidences[j]))

    def _predict(self, track: int, time: float) -> np.ndarray:
        """Where the track's box should be now: its last place, moved on by its last speed for at most half a second."""
        rows = sorted(self.tracks[track])[-2:]
        last = self.tracks[track][rows[-1]][0]
        if len(rows) < 2:
            return last
        before = self.tracks[track][rows[0]][0]
        elapsed = max(self.times[rows[1]] - self.times[rows[0]], 1e-3)
        shift = (last + last[[2, 3, 0, 1]] - before - before[[2, 3, 0, 1]]) / 2 / elapsed
        return last + shift * min(time - self.times[rows[1]], 0.5)


def _smooth(values: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Gaussian mean over time (σ = 0.15 s) of values (n, …) at times (n,) s: removes jitter, keeps motion at wide steps."""
    weight = np.exp(-0.5 * ((times[:, None] - times[None]) / _SMOOTHING) ** 2)
    weight /= weight.sum(1, keepdims=True)
    return np.tensordot(weight, values, axes=1)


def find_faces(
    path: str | os.PathLike[str],
    between: int = 0,
    max_windows: int = MAX_WINDOWS,
    device: str = "cpu",
    progress: Callable[[float], None] | None = None,
) -> VideoFaces:
    """Detect, follow and crop every face of a video, decoding it once.

    between: further frames cropped in each gap of the detection grid (0 for scanning, more for a training cache);
    progress: called with the share done, 0…1. Raises `VideoError` when the video cannot be read.
    A track with fewer than 3 sightings is a slip of the detector and left out.
    """
    info = probe_video(path)
    state: dict = {}

    def choose(times: np.ndarray) -> np.ndarray:
        state["plans"] = [_with_between(p, between) for p in plan_windows(times, max_windows)]
        state["grids"] = plan_windows(times, max_windows)
        state["fresh"] = True
        return np.unique(np.concatenate(state["plans"])) if state["plans"] else np.zeros(0, np.int64)

    def handle(index: int, time: float, picture: np.ndarray) -> None:
        if state.pop("fresh", False):  # a first pass, or a second with the true times
            state.update(window=0, held={}, linker=_Linker(), rows=[], crops={}, start=0)
        state["held"][index] = (time, picture)
        if index == state["plans"][state["window"]][-1]:
            _finish_window(state, device)
            state["window"] += 1
            if progress is not None:
                progress(state["window"] / len(state["plans"]))

    times = sample_frames(path, choose, handle)
    if not state.get("rows"):
        return VideoFaces(info, times, (), (), (), 0.0)
    return _assemble(info, times, state)


def _finish_window(state: dict, device: str) -> None:
    """Detect on the window's grid, link to the tracks so far, smooth within the window and crop; then drop the pictures."""
    window, held, linker = state["window"], state["held"], state["linker"]
    grid = [int(i) for i in state["grids"][window] if int(i) in held]
    first_row = len(linker.times)
    for index, found in zip(grid, detect_faces(np.stack([held[i][1] for i in grid]), device), strict=True):
        linker.add(held[index][0], found)
        state["rows"].append((index, held[index][0], window))
    for number in range(len(linker.tracks)):
        piece = _window_track(state, number, first_row)
        if not piece.valid.any():
            continue
        indices = np.array(sorted(held))
        moments = np.array([held[i][0] for i in indices])
        boxes, marks, found = piece.at(moments)
        on_grid = np.isin(indices, piece.frames)
        found[on_grid] = piece.valid  # a grid frame without a detection stays without, whatever its neighbours say
        for k in np.flatnonzero(found):
            state["crops"][(number, int(indices[k]))] = (crop_face(held[indices[k]][1], boxes[k]), boxes[k], marks[k])
    state["plans_done"] = [*state.get("plans_done", []), np.array(sorted(held))] if window else [np.array(sorted(held))]
    state["held"] = {}


def _window_track(state: dict, number: int, first_row: int) -> FaceTrack:
    """One track on the grid rows from `first_row` on, smoothed among themselves."""
    rows = state["rows"][first_row:]
    sightings = state["linker"].tracks[number]
    frames, times, windows = (np.array(column) for column in zip(*rows, strict=True))
    boxes = np.full((len(rows), 4), np.nan, np.float32)
    marks = np.full((len(rows), 5, 2), np.nan, np.float32)
    trust = np.zeros(len(rows), np.float32)
    seen = [row - first_row for row in sorted(sightings) if row >= first_row]
    if seen:
        raw = np.stack([sightings[first_row + k][0] for k in seen])
        boxes[seen] = _smooth(crop_box(raw), times[seen])
        marks[seen] = np.stack([sightings[first_row + k][1] for k in seen])
        trust[seen] = [sightings[first_row + k][2] for k in seen]
    return FaceTrack(number, frames.astype(np.int64), times.astype(np.float64), boxes, marks, trust, windows.astype(np.int64))


def _assemble(info: VideoInfo, times: np.ndarray, state: dict) -> VideoFaces:
    """Tracks and clips over all windows, the main face first."""
    rows, crops = state["rows"], state["crops"]
    bounds = np.searchsorted([w for _, _, w in rows], np.arange(state["window"] + 1))
    order = np.unique(np.concatenate(state["plans_done"]))
    order = order[order < len(times)]
    tracks, clips = [], []
    for number, sightings in enumerate(state["linker"].tracks):
        if len(sightings) < 3:
            continue
        slices = []
        for a, b in zip(bounds[:-1], bounds[1:], strict=True):
            part = dict(state, rows=rows[:b])
            slices.append(_window_track(part, number, int(a)) if b > a else None)
        pieces = [p for p in slices if p is not None]
        columns = ("frames", "times", "boxes", "landmarks", "confidences", "windows")
        tracks.append(FaceTrack(number, *(np.concatenate([getattr(p, c) for p in pieces]) for c in columns)))
        clips.append(_clip_of(number, order, times, crops))
    rank = sorted(range(len(tracks)), key=lambda i: -float(tracks[i].confidences.sum()))
    windows = tuple((rows[int(a)][1], rows[int(b) - 1][1]) for a, b in zip(bounds[:-1], bounds[1:], strict=True) if b > a)
    step = float(times[-1]) / max(len(times) - 1, 1)
    seen = sum(end - start + step for start, end in windows)
    coverage = min(1.0, seen / max(float(times[-1]) + step, 1e-9))
    tracks = [FaceTrack(k, *list(vars(tracks[i]).values())[1:]) for k, i in enumerate(rank)]
    return VideoFaces(info, times, windows, tuple(tracks), tuple(clips[i] for i in rank), coverage)


def _clip_of(number: int, order: np.ndarray, times: np.ndarray, crops: dict) -> FaceClip:
    """The crops of one track at the frame indices `order`."""
    count = len(order)
    frames = np.zeros((count, CROP, CROP, 3), np.uint8)
    boxes = np.full((count, 4), np.nan, np.float32)
    marks = np.full((count, 5, 2), np.nan, np.float32)
    valid = np.zeros(count, bool)
    for k, index in enumerate(order):
        if (number, int(index)) in crops:
            frames[k], boxes[k], marks[k] = crops[(number, int(index))]
            valid[k] = True
    return FaceClip(frames, times[order], boxes, marks, valid)
