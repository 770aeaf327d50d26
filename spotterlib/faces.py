"""Find the faces of a video, follow each through it, and cut the crops: the one crop policy of Spotter.

A video is looked at through windows of at most 12 s that tile it; MTCNN sees 24 frames of each, spread evenly: the
detection grid. Boxes between two grid frames are interpolated, never detected anew, so that training, evaluation and
scanning cut the same crops.
"""

from __future__ import annotations

import copy
import functools
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace

import cv2
import numpy as np

from ._crops import CROP, MARGIN, WIDE, crop_box, crop_face, crop_landmarks, crop_wide, inner_crop
from ._crops import PADDING as PADDING
from ._memory import give_back
from ._threads import on_one_core
from ._tracking import PATIENCE, SMOOTHING, Linker, Sighting, smooth
from ._windows import FRAMES as FRAMES
from ._windows import MAX_WINDOWS, WINDOW, duration_of, plan_windows, with_between
from ._windows import window_rows as window_rows
from .project import VideoError
from .video import VideoInfo, probe_video, sample_frames

MIN_USABLE = 8
"""Fewest frames with a face that a window is scored from."""

SMALLEST = 32
"""Side in px of the crop box under which a face gets no score: blown up to 224 px it looks forged, whoever it shows."""

_LOADING = threading.Lock()
_DETECT_SIDE = 360  # px: the shorter side that MTCNN sees; the same faces are found as at 1080, nine times faster
_LEAST_FACE, _PYRAMID = 20.0, 0.709  # px of the smallest face that MTCNN looks for, and what each step then leaves
_WHOLE_LOOK = 4  # of so many grid frames one is looked at for small faces even where larger ones are
_MIN_CONFIDENCE = 0.9  # MTCNN's own .7 lets hands and patterns through
_MIN_SIDE = 24  # px: MTCNN's pyramid needs more than its smallest face
_MIN_SIGHTINGS = 3  # fewer are a slip of the detector
_HELD = 4096 * 2304  # px: a larger picture (8K) is held reduced to this, for a window of them must fit into the memory


def cropping() -> dict[str, object]:
    """The settings that decide which faces are found and how they are cut, JSON-ready: what a cache belongs to."""
    seen = {"detector": "MTCNN of facenet-pytorch 2.5", "detect_side": _DETECT_SIDE, "whole_look": _WHOLE_LOOK}
    seen |= {"min_confidence": _MIN_CONFIDENCE}
    followed = {"min_sightings": _MIN_SIGHTINGS, "patience": PATIENCE, "smoothing": SMOOTHING}
    return {"crop": CROP, "wide": WIDE, "margin": MARGIN, "frames": FRAMES, "window": WINDOW, **seen, **followed}


@dataclass(frozen=True)
class Detections:
    """Faces in one frame: boxes float32 (n, 4) as x0, y0, x1, y1 px; landmarks float32 (n, 5, 2) px (two eyes, nose,
    two mouth corners, picture-left first); confidences float32 (n,) 0…1, highest first."""

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

    @property
    def side(self) -> float:
        """Its box's usual side (median) in px, 0 where it was never found."""
        boxes = self.boxes[self.valid]
        return float(np.median(boxes[:, 2] - boxes[:, 0])) if len(boxes) else 0.0

    def at(self, times: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Boxes (N, 4), landmarks (N, 5, 2) and valid (N,) at any times (N,) in s.

        Linear between neighbouring grid frames that both have the face; where only one of the two has it, that one's
        within half a grid step. NaN and False elsewhere; a gap between the windows of a sampled video is not bridged.
        """
        times = np.asarray(times, dtype=np.float64)
        grid, seen = self.times, self.valid
        step = max(float(np.median(np.diff(grid))), 1e-3) if len(grid) > 1 else 1e-3
        after = np.minimum(np.searchsorted(grid, times), len(grid) - 1)
        before = np.maximum(after - (grid[after] > times), 0)
        gap = grid[after] - grid[before]
        neighbours = (self.windows[before] == self.windows[after]) | (gap <= 1.5 * step + 1e-6)
        between = (grid[before] <= times) & (times <= grid[after])
        both = between & neighbours & seen[before] & seen[after]

        nearer = np.where(np.abs(times - grid[before]) <= np.abs(times - grid[after]), before, after)
        one = np.where(seen[before] == seen[after], nearer, np.where(seen[before], before, after))
        alone = seen[one] & (np.abs(times - grid[one]) <= step / 2 + 1e-6)

        weight = np.where(both, (times - grid[before]) / np.maximum(gap, 1e-9), 0.0)[:, None]
        values = np.nan_to_num(np.concatenate([self.boxes, self.landmarks.reshape(len(grid), 10)], axis=1))
        start = values[np.where(both, before, one)]
        mixed = start + weight * (values[after] - start)
        mixed = np.where((both | alone)[:, None], mixed, np.nan).astype(np.float32)
        return mixed[:, :4], mixed[:, 4:].reshape(-1, 5, 2), both | alone


@dataclass(frozen=True)
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


def _detector(device: str, steps: int = 0):
    """facenet-pytorch's MTCNN, every face kept; its pyramid begins `steps` steps later than usual."""
    with _LOADING:
        detector = _load_detector(device)
    if steps:
        detector = copy.copy(detector)  # the same networks
        detector.min_face_size = _LEAST_FACE / _PYRAMID**steps
    return detector


@functools.lru_cache(maxsize=2)
def _load_detector(device: str):
    """MTCNN, whose weights come in its wheel. What it imports must not be imported by two threads at once."""
    from . import _torchvision_ops

    _torchvision_ops.ensure()
    from facenet_pytorch import MTCNN

    return MTCNN(
        min_face_size=_LEAST_FACE, factor=_PYRAMID, keep_all=True, select_largest=False, post_process=False,
        device=device,
    )  # fmt: skip


def detect_faces(frames: np.ndarray | Sequence[np.ndarray], device: str = "cpu") -> list[Detections]:
    """MTCNN on uint8 RGB frames (H, W, 3), each reduced to a shorter side of at most 360 px; one result a frame.

    Faces under a confidence of 0.9 are left out, and any in a picture of less than 24 px. Boxes and landmarks are in px
    of the frames given. What is found in a frame depends on no other frame, and not on the number of cores.
    """
    begun = [on_one_core(_detect, frame, device) for frame in frames]
    return [job.result() for job in begun]


def _detect_again(frame: np.ndarray, device: str, before: Future) -> Detections:
    """The faces of a frame soon after one that was looked at wholly, whose faces are `before`.

    What costs most is the search for faces smaller than any that are there. It begins at half the size of the smallest
    (those scales have no say in larger faces, whose boxes stay the same to 0.01 px), and is made up for when one is
    missing.
    """
    known = before.result().boxes
    if not len(known):
        return _detect(frame, device)
    smallest = float((known[:, 2:] - known[:, :2]).max(1).min()) * _reduction(frame)
    steps = int(np.log(max(smallest / 2 / _LEAST_FACE, 1.0)) / -np.log(_PYRAMID))
    found = _detect(frame, device, steps)
    return found if len(found.boxes) >= len(known) or not steps else _detect(frame, device)


def _reduction(frame: np.ndarray) -> float:
    """How much smaller than a frame MTCNN sees it."""
    return min(1.0, _DETECT_SIDE / min(frame.shape[:2]))


def _detect(frame: np.ndarray, device: str, steps: int = 0) -> Detections:
    """What `detect_faces` finds in one frame; steps: of the pyramid, left out (`_detect_again`)."""
    height, width = frame.shape[:2]
    scale = _reduction(frame)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    if min(size) < _MIN_SIDE:
        return Detections(np.zeros((0, 4), np.float32), np.zeros((0, 5, 2), np.float32), np.zeros(0, np.float32))
    found = _mtcnn(cv2.resize(frame, size, interpolation=cv2.INTER_AREA) if scale < 1 else frame, device, steps)
    ratio = np.array([width / size[0], height / size[1]], dtype=np.float32)
    boxes = found.boxes.reshape(-1, 2, 2) * ratio
    good = np.isfinite(boxes).all((1, 2)) & (boxes[:, 1] > boxes[:, 0]).all(1) & (found.confidences >= _MIN_CONFIDENCE)
    order = [i for i in np.argsort(-found.confidences, kind="stable") if good[i]]
    return Detections(boxes[order].reshape(-1, 4), found.landmarks[order] * ratio, found.confidences[order])


def _mtcnn(picture: np.ndarray, device: str, steps: int = 0, border: int = 0) -> Detections:
    """What MTCNN finds in uint8 RGB (H, W, 3), looked at with a border of so many px around.

    facenet-pytorch trips over a candidate that lies wholly outside its picture (torch.cat of nothing, a mask of another
    length). Then the picture is looked at again in a border wide enough to hold the candidate.
    """
    bordered = np.pad(picture, ((border, border), (border, border), (0, 0))) if border else picture
    try:
        # a batch of one: MTCNN hands back what it found in a lone picture in another form
        ((boxes,), (confidences,), (points,)) = _detector(device, steps).detect(bordered[None], landmarks=True)
    except (RuntimeError, IndexError, ValueError):
        if border:
            raise
        return _mtcnn(picture, device, steps, border=max(picture.shape[:2]) // 2)
    boxes, points, confidences = ([], [], []) if boxes is None else (boxes, points, confidences)
    boxes = np.asarray(boxes, dtype=np.float32).reshape(-1, 4) - border
    points = np.asarray(points, dtype=np.float32).reshape(-1, 5, 2) - border
    return Detections(boxes, points, np.asarray(confidences, dtype=np.float32).reshape(-1))


def find_faces(
    path: str | os.PathLike[str],
    between: int = 0,
    max_windows: int = MAX_WINDOWS,
    device: str = "cpu",
    progress: Callable[[float], None] | None = None,
    wide: bool = False,
) -> VideoFaces:
    """Detect, follow and crop every face of a video, decoding it once.

    between: further frames cropped in each gap of the detection grid (0 for scanning, more for a training cache);
    wide: keep the surroundings of every crop too (`FaceClip.wide`); progress: called with the share done, 0…1.
    Raises `VideoError` when the video cannot be read.
    A track with fewer than 3 sightings is a slip of the detector and left out (where 3 frames or more were looked at).
    """
    info = probe_video(path)
    finders: list[_Finder] = []

    def plan(times: np.ndarray) -> list[np.ndarray]:
        grids = plan_windows(times, max_windows)
        return grids + [with_between(grid, between) for grid in grids]

    def begin(groups: Sequence[np.ndarray]) -> Callable[[int, float, np.ndarray], None]:
        half = len(groups) // 2
        finders.append(_Finder(info.path, groups[:half], groups[half:], device, progress, wide))
        return finders[-1].take

    try:
        times = sample_frames(path, plan, begin)
        finder = finders[-1]  # another than the first where other frames decoded than were announced
        finder.end_window()  # a damaged video may decode to an earlier end the second time
    finally:
        for each in finders:
            each.stop()
    tracks, clips = finder.tracks_and_clips(times)
    coverage = min(1.0, max_windows * WINDOW / max(duration_of(times), 1e-9))
    return VideoFaces(info, times, finder.spans(), tracks, clips, coverage)


class _Finder:
    """Takes the chosen frames of a video in order, and looks for faces while the next ones are decoded. At the end of
    each window it follows and crops them, then lets the pictures go: what stays is 150 KB a crop, or 340 with its
    surroundings."""

    def __init__(
        self,
        path: str,
        grids: Sequence[np.ndarray],
        frames: Sequence[np.ndarray],
        device: str,
        progress: Callable[[float], None] | None,
        wide: bool,
    ) -> None:
        self.path, self.grids, self.frames, self.device, self.progress = path, grids, frames, device, progress
        self.wide = wide
        self.window = 0
        self.grid = {int(index) for grid in grids for index in grid}
        self.held: list[tuple[int, float, np.ndarray]] = []  # index, time and picture of this window's frames
        self.scale = 1.0  # of the held pictures; boxes and landmarks are px of the video's own
        self.begun: dict[int, Future] = {}  # by index: the faces of a grid frame, looked for while the next is decoded
        self.whole: Future | None = None  # the faces of the last frame that was looked at for small ones, too
        self.looks = 0  # grid frames begun in this window
        self.rows: list[tuple[int, float, int]] = []  # index, time and window of every grid frame so far
        self.cropped: list[int] = []  # indices of all frames taken so far, on the grid and between
        self.linker = Linker()
        self.smoothed: list[dict[int, Sighting]] = []  # of each track by row, the box now the square crop box
        self.crops: list[dict[int, tuple[np.ndarray, np.ndarray, np.ndarray]]] = []  # by index: crop, box, landmarks

    def take(self, index: int, time: float, picture: np.ndarray) -> None:
        self.scale = min(1.0, (_HELD / (picture.shape[0] * picture.shape[1])) ** 0.5)
        if self.scale < 1:
            picture = cv2.resize(picture, None, fx=self.scale, fy=self.scale, interpolation=cv2.INTER_AREA)
        self.held.append((index, time, picture))
        if index in self.grid:
            if self.whole is None or self.looks % _WHOLE_LOOK == 0:
                self.whole = self.begun[index] = on_one_core(_detect, picture, self.device)
            else:
                self.begun[index] = on_one_core(_detect_again, picture, self.device, self.whole)
            self.looks += 1
        if index == self.frames[self.window][-1]:
            self.end_window()

    def end_window(self) -> None:
        if not self.held:
            return
        first = len(self.rows)
        self._link()
        for number, track in enumerate(self.linker.tracks):
            if number == len(self.smoothed):
                self.smoothed.append({})
                self.crops.append({})
            seen = [row for row in track if row >= first]
            if seen:
                boxes = smooth(crop_box(np.stack([track[row].box for row in seen])), np.array(self.linker.times)[seen])
                for row, box in zip(seen, boxes, strict=True):
                    self.smoothed[number][row] = Sighting(box, track[row].landmarks, track[row].confidence)
                self._crop(number, self._track(number, first))
        self.cropped += [index for index, _, _ in self.held]
        self.held, self.looks = [], 0
        give_back()
        self.window += 1
        if self.progress is not None:
            self.progress(self.window / len(self.grids))

    def _link(self) -> None:
        """Give the faces of this window's grid frames to the tracks."""
        looked = [(index, time) for index, time, _ in self.held if index in self.begun]
        try:
            found = [self.begun.pop(index).result() for index, _ in looked]
        except (RuntimeError, IndexError, ValueError) as error:
            raise VideoError(
                f"{self.path}: the face detector failed on the frames from {looked[0][1]:.1f} s on ({error}). "
                'Try device="cpu", or convert the video.'
            ) from error
        steps = np.diff([time for _, time in looked])
        patience = max(PATIENCE, 1.5 * float(np.median(steps))) if len(steps) else PATIENCE
        for (index, time), faces in zip(looked, found, strict=True):
            faces = Detections(faces.boxes / self.scale, faces.landmarks / self.scale, faces.confidences)
            self.linker.add(time, faces, patience)
            self.rows.append((index, time, self.window))

    def stop(self) -> None:
        """Look no further: what is begun and not yet under way is given up."""
        for job in self.begun.values():
            job.cancel()

    def _crop(self, number: int, track: FaceTrack) -> None:
        """Cut the face out of every frame held that has it."""
        cut = crop_wide if self.wide else crop_face
        boxes, marks, found = track.at(np.array([time for _, time, _ in self.held]))
        for (index, _, picture), box, points, there in zip(self.held, boxes, marks, found, strict=True):
            if there:
                self.crops[number][index] = (cut(picture, box * self.scale), box, points)

    def _track(self, number: int, first: int = 0) -> FaceTrack:
        """One track on the grid rows from `first` on."""
        frames, times, windows = (np.array(column) for column in zip(*self.rows[first:], strict=True))
        boxes = np.full((len(frames), 4), np.nan, np.float32)
        marks = np.full((len(frames), 5, 2), np.nan, np.float32)
        trust = np.zeros(len(frames), np.float32)
        for row, sighting in self.smoothed[number].items():
            if row >= first:
                boxes[row - first], marks[row - first] = sighting.box, sighting.landmarks
                trust[row - first] = sighting.confidence
        return FaceTrack(number, frames, times, boxes, marks, trust, windows)

    def tracks_and_clips(self, times: np.ndarray) -> tuple[tuple[FaceTrack, ...], tuple[FaceClip, ...]]:
        """All tracks worth the name and their clips, the main face first."""
        least = min(_MIN_SIGHTINGS, len(self.rows))
        tracks = [self._track(number) for number, seen in enumerate(self.smoothed) if len(seen) >= least]
        tracks.sort(key=lambda track: -float(track.confidences.sum()))
        clips = tuple(self._clip(self.crops[track.id], times) for track in tracks)
        return tuple(replace(track, id=rank) for rank, track in enumerate(tracks)), clips

    def _clip(self, crops: dict[int, tuple[np.ndarray, np.ndarray, np.ndarray]], times: np.ndarray) -> FaceClip:
        count, side = len(self.cropped), WIDE if self.wide else CROP
        frames = np.zeros((count, side, side, 3), np.uint8)
        boxes = np.full((count, 4), np.nan, np.float32)
        marks = np.full((count, 5, 2), np.nan, np.float32)
        there, moments = np.array([index in crops for index in self.cropped]), times[self.cropped]
        for row in np.flatnonzero(there):
            frames[row], boxes[row], marks[row] = crops.pop(self.cropped[row])  # never all of them twice
        if self.wide:
            return FaceClip(inner_crop(frames), moments, boxes, marks, there, frames)
        return FaceClip(frames, moments, boxes, marks, there)

    def spans(self) -> tuple[tuple[float, float], ...]:
        """Start and end in s of each window: its first and its last grid frame."""
        moments = [[time for _, time, window in self.rows if window == number] for number in range(self.window)]
        return tuple((inside[0], inside[-1]) for inside in moments)
