"""Find the faces of a video, follow each through it, and cut the crops: the one crop policy of Spotter.

A video is looked at through windows of at most 12 s that tile its shots; MTCNN sees up to 24 frames of each, spread
evenly: the detection grid. Cuts are seen while it is decoded; where there are any, it is decoded once more by the plan
that knows them. Boxes between two grid frames are interpolated, never detected anew, so that training, evaluation and
scanning cut the same crops.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace

import cv2
import numpy as np

from ..base import VideoError, give_back, on_one_core, pick_device
from ..video import ShotCuts, sample_frames, survey
from .crops import (
    CROP,
    WIDE,
    crop_box,
    crop_face,
    crop_landmarks,
    crop_wide,
    inner_crop,
    moved,
    thumbnail,
)
from .detect import look
from .people import people_of
from .tracking import PATIENCE, Linker, Sighting, smooth
from .tracks import Detections, FaceClip, FaceTrack, VideoFaces
from .windows import MAX_WINDOWS, coverage_of, plan_windows, with_between

WHOLE_LOOK = 4  # of so many grid frames one is looked at for small faces even where larger ones are
MIN_SIGHTINGS = 3  # fewer may be a slip of the detector
PASSING = 0.97  # confidence of a face seen so seldom that is told; most slips have less (8 of 10 in 75 films)
FREED = 64  # crops after whose moving their memory is handed back: all of them at once doubled what a long video needs
HELD = 4096 * 2304  # px: a larger picture (8K) is held reduced to this, for a window of them must fit into the memory


def find_faces(
    path: str | os.PathLike[str],
    between: int = 0,
    max_windows: int = MAX_WINDOWS,
    device: str = "cpu",
    progress: Callable[[float], None] | None = None,
    wide: bool = False,
    span: tuple[float, float] | None = None,
) -> VideoFaces:
    """Detect, follow and crop every face of a video, decoding it once.

    between: further frames cropped in each gap of the detection grid (0 for scanning, more for a training cache);
    wide: keep the surroundings of every crop too (`FaceClip.wide`); progress: called with the share done, 0…1; span:
    from and to in s, where only a part is to be looked at.
    Raises `VideoError` when the video cannot be read, `SpotterError` for a device that there is not.
    A track with fewer than 3 sightings gets no clip (where 3 frames or more were looked at); it is one of `passing` if
    the detector was sure of one of them, and a slip of the detector else.
    """
    device = pick_device(device)
    info, announced = survey(path)
    finders: list[_Finder] = []
    shots = ShotCuts()

    def plan(times: np.ndarray) -> list[np.ndarray]:
        grids = plan_windows(times, max_windows, shots.cuts, span)
        if span is not None and not grids:
            end = times[-1] if len(times) else 0.0
            raise VideoError(f"{info.path} has no frame from {span[0]:g} to {span[1]:g} s: it ends at {end:.2f} s.")
        return grids + [with_between(grid, between) for grid in grids]

    def begin(groups: Sequence[np.ndarray]) -> Callable[[int, float, np.ndarray], None]:
        half = len(groups) // 2
        while finders:
            finders.pop().stop()
        finders.append(_Finder(info.path, groups[:half], groups[half:], shots.cuts, device, progress, wide))
        return finders[-1].take

    try:
        times = sample_frames(path, plan, begin, shots.take, announced)
        finder = finders[-1]  # another than the first where other frames decoded than were announced
        finder.end_window()  # a damaged video may decode to an earlier end the second time
    finally:
        for each in finders:
            each.stop()
    (tracks, clips), passing = finder.tracks_and_clips(times), finder.passing()
    width, height = finder.usual_size()
    info = replace(info, width=width, height=height)
    coverage = coverage_of(times, [grid[grid < len(times)] for grid in finder.grids if grid[0] < len(times)])
    return VideoFaces(info, times, finder.spans(), tracks, clips, coverage, finder.scenes, len(finder.rows), passing)


@dataclass(frozen=True)
class _Held:
    """A frame held: picture uint8 RGB, reduced by `scale` from the `size` (width, height) that it is shown at."""

    index: int
    time: float
    picture: np.ndarray
    size: tuple[int, int]
    scale: float


class _Finder:
    """Takes the chosen frames of a video in order, and looks for faces while the next ones are decoded. At the end of
    each window it follows and crops them, then lets the pictures go: what stays is 150 KB a crop, or 340 with its
    surroundings, and about 15 KB a grid frame."""

    def __init__(
        self,
        path: str,
        grids: Sequence[np.ndarray],
        frames: Sequence[np.ndarray],
        cuts: np.ndarray,
        device: str,
        progress: Callable[[float], None] | None,
        wide: bool,
    ) -> None:
        self.path, self.grids, self.frames, self.device, self.progress = path, grids, frames, device, progress
        self.wide = wide
        self.shots = [int(np.searchsorted(cuts, grid[0], "right")) for grid in grids]  # of each window
        self.window = 0
        self.grid = {int(index) for grid in grids for index in grid}
        self.held: list[_Held] = []  # this window's frames
        self.size = (0, 0)  # width and height of the video's first frame: faces are followed in its px
        self.begun: dict[int, Future] = {}  # by index: the look at a grid frame, while the next is decoded
        self.whole: Future | None = None  # the last look that was for small faces, too
        self.looks = 0  # grid frames begun in this window
        self.rows: list[tuple[int, float, int, tuple[int, int]]] = []  # of every grid frame: index, time, window, size
        self.scenes: dict[int, bytes] = {}  # of every grid frame, by index: the whole picture, small
        self.cropped: list[int] = []  # indices of all frames taken so far, on the grid and between
        self.linker = Linker()
        self.smoothed: list[dict[int, Sighting]] = []  # of each track by row, the box now the square crop box
        self.crops: list[dict[int, tuple[np.ndarray, np.ndarray, np.ndarray]]] = []  # by index: crop, box, landmarks

    def take(self, index: int, time: float, picture: np.ndarray) -> None:
        size = (picture.shape[1], picture.shape[0])
        scale = min(1.0, (HELD / (size[0] * size[1])) ** 0.5)
        if scale < 1:
            picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        self.size = self.size if any(self.size) else size
        changed = bool(self.held) and self.held[-1].size != size
        self.held.append(_Held(index, time, picture, size, scale))
        if index in self.grid:
            if self.whole is None or changed or self.looks % WHOLE_LOOK == 0:
                self.whole = self.begun[index] = on_one_core(look, picture, self.device)
            else:
                self.begun[index] = on_one_core(look, picture, self.device, self.whole)
            self.looks += 1
        if index == self.frames[self.window][-1]:
            self.end_window()

    def end_window(self) -> None:
        if not self.held:
            return
        first = len(self.rows)
        if self.window and self.shots[self.window] != self.shots[self.window - 1]:
            self.linker.cut()
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
        self.cropped += [held.index for held in self.held]
        self.held, self.looks = [], 0
        give_back()
        self.window += 1

    def _link(self) -> None:
        """Give the faces of this window's grid frames to the tracks."""
        looked = [held for held in self.held if held.index in self.begun]
        found = []
        for held in looked:
            try:
                faces, self.scenes[held.index] = self.begun.pop(held.index).result()
                found.append(faces)
            except (RuntimeError, IndexError, ValueError) as error:
                raise VideoError(
                    f"{self.path}: the face detector failed on the frames from {looked[0].time:.1f} s on ({error}). "
                    'Try device="cpu", or convert the video.'
                ) from error
            if self.progress is not None:
                self.progress((self.window + len(found) / len(looked)) / len(self.grids))
        steps = np.diff([held.time for held in looked])
        patience = max(PATIENCE, 1.5 * float(np.median(steps))) if len(steps) else PATIENCE
        for held, faces in zip(looked, found, strict=True):
            boxes, marks = (moved(px / held.scale, held.size, self.size) for px in (faces.boxes, faces.landmarks))
            looks = [thumbnail(held.picture, box) for box in crop_box(faces.boxes)]
            self.linker.add(held.time, Detections(boxes, marks, faces.confidences), patience, looks)
            self.rows.append((held.index, held.time, self.window, held.size))

    def stop(self) -> None:
        """Look no further: what is begun and not yet under way is given up."""
        for job in self.begun.values():
            job.cancel()

    def _crop(self, number: int, track: FaceTrack) -> None:
        """Cut the face out of every frame held that has it."""
        cut = crop_wide if self.wide else crop_face
        boxes, marks, found = track.at(np.array([held.time for held in self.held]))
        for held, box, points, there in zip(self.held, boxes, marks, found, strict=True):
            if there:
                box, points = (moved(px, self.size, held.size) for px in (box, points))
                self.crops[number][held.index] = (cut(held.picture, box * held.scale), box, points)

    def _track(self, number: int, first: int = 0) -> FaceTrack:
        """One track on the grid rows from `first` on, in px of the video's first frame."""
        frames, times, windows, _ = (np.array(column) for column in zip(*self.rows[first:], strict=True))
        boxes = np.full((len(frames), 4), np.nan, np.float32)
        marks = np.full((len(frames), 5, 2), np.nan, np.float32)
        trust = np.zeros(len(frames), np.float32)
        for row, sighting in self.smoothed[number].items():
            if row >= first:
                boxes[row - first], marks[row - first] = sighting.box, sighting.landmarks
                trust[row - first] = sighting.confidence
        return FaceTrack(number, frames, times, boxes, marks, trust, windows)

    def tracks_and_clips(self, times: np.ndarray) -> tuple[tuple[FaceTrack, ...], tuple[FaceClip, ...]]:
        """All people worth the name and their clips, the main face first."""
        least = min(MIN_SIGHTINGS, len(self.rows))
        tracks = [self._track(number) for number in self._people() if len(self.smoothed[number]) >= least]
        tracks.sort(key=lambda track: -float(track.confidences.sum()))
        clips = tuple(self._clip(self.crops[track.id], times) for track in tracks)
        return tuple(self._own(replace(track, id=rank)) for rank, track in enumerate(tracks)), clips

    def passing(self) -> tuple[FaceTrack, ...]:
        """What was seen too seldom to be followed, and surely, in order of time."""
        least = min(MIN_SIGHTINGS, len(self.rows))
        sure = [any(one.confidence >= PASSING for one in seen.values()) for seen in self.smoothed]
        few = [number for number, seen in enumerate(self.smoothed) if len(seen) < least and sure[number]]
        few.sort(key=lambda number: min(self.smoothed[number]))
        return tuple(self._own(self._track(number)) for number in few)

    def _people(self) -> list[int]:
        """Give all tracks of one person to the first of them; returns those that are left."""
        worth = [number for number, seen in enumerate(self.smoothed) if len(seen) >= MIN_SIGHTINGS]
        faces = [self._faces(number) for number in worth]
        for first, *others in people_of([set(self.smoothed[number]) for number in worth], faces, self.device):
            for other in others:
                self.smoothed[worth[first]].update(self.smoothed[worth[other]])
                self.crops[worth[first]].update(self.crops[worth[other]])
                self.smoothed[worth[other]], self.crops[worth[other]] = {}, {}
        return [number for number, seen in enumerate(self.smoothed) if seen]

    def _faces(self, number: int) -> dict[int, tuple[np.ndarray, np.ndarray, float]]:
        """Of one track by row: the crop, the points in it, and how sure the detector was."""
        found = {}
        for row, sighting in self.smoothed[number].items():
            picture, box, marks = self.crops[number][self.rows[row][0]]
            inside = inner_crop(picture) if self.wide else picture
            found[row] = (inside, crop_landmarks(box[None], marks[None])[0], sighting.confidence)
        return found

    def _own(self, track: FaceTrack) -> FaceTrack:
        """A track in px of each frame's own picture."""
        sizes = [size for _, _, _, size in self.rows]
        if len(set(sizes)) == 1:
            return track
        boxes, marks = (
            np.stack([moved(px, self.size, size) for px, size in zip(values, sizes, strict=True)])
            for values in (track.boxes, track.landmarks)
        )
        return replace(track, boxes=boxes, landmarks=marks, sizes=np.array(sizes, np.int64))

    def usual_size(self) -> tuple[int, int]:
        """Width and height px of most pictures looked at; of as many of several sizes, the larger."""
        counted = Counter(size for _, _, _, size in self.rows)
        return max(counted, key=lambda size: (counted[size], size[0] * size[1]))

    def _clip(self, crops: dict[int, tuple[np.ndarray, np.ndarray, np.ndarray]], times: np.ndarray) -> FaceClip:
        count, side = len(self.cropped), WIDE if self.wide else CROP
        frames = np.zeros((count, side, side, 3), np.uint8)
        boxes = np.full((count, 4), np.nan, np.float32)
        marks = np.full((count, 5, 2), np.nan, np.float32)
        there, moments = np.array([index in crops for index in self.cropped]), times[self.cropped]
        for number, row in enumerate(np.flatnonzero(there)):  # never all of them twice
            frames[row], boxes[row], marks[row] = crops.pop(self.cropped[row])
            if number % FREED == FREED - 1:
                give_back()
        if self.wide:
            return FaceClip(inner_crop(frames), moments, boxes, marks, there, frames)
        return FaceClip(frames, moments, boxes, marks, there)

    def spans(self) -> tuple[tuple[float, float], ...]:
        """Start and end in s of each window: its first and its last grid frame."""
        moments = [[time for _, time, window, _ in self.rows if window == number] for number in range(self.window)]
        return tuple((inside[0], inside[-1]) for inside in moments)
