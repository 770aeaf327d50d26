"""Where a video is looked at: windows of at most 12 s that tile its shots, and up to 24 frames of each, the grid."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from ..video import BURST, BURSTS, LULL, MANY, PAUSE, filmed, gaps

FRAMES = 24
"""Frames that MTCNN sees of a window, and that the model scores."""

WINDOW = 12.0
"""Longest window, s."""

MAX_WINDOWS = 60
"""Most windows looked at: 12 minutes whole; a longer video is sampled by windows spread over it."""


SHORTEST = 1.0
"""s: of a video of more shots than windows, those that are longer are looked at."""

LEAST_FRAMES, A_SECOND = 10, 4
"""Frames of a window of a short shot: so many a second, 24 at most, and never fewer than the first number."""

GRID: dict[str, object] = {
    "frames": FRAMES, "window": WINDOW, "shot_frames": [A_SECOND, LEAST_FRAMES], "shortest_shot": SHORTEST,
    "pauses": [PAUSE, LULL, MANY, BURSTS, BURST],
}  # fmt: skip
"""What decides which frames are looked at, JSON-ready."""

THINNED = 8
"""Frames of a window, at least, where a video has so many shots that each must do with fewer."""


def plan_windows(
    times: np.ndarray,
    max_windows: int = MAX_WINDOWS,
    cuts: Sequence[int] | np.ndarray = (),
    span: tuple[float, float] | None = None,
) -> list[np.ndarray]:
    """Grid frames of each window: int64 arrays of at most 24 rising frame indices, for frame times (V,) in s.

    A video of d s has ⌈d / 12⌉ windows of equal length, side by side; above `max_windows` they are 12 s long and spread
    evenly over the video. In each, 24 frames are spread evenly from its first to its last (all if it has fewer).
    A window without a frame is left out. All by what was filmed: a gap counts for nothing, and a window that it falls
    into becomes two; if there are then more than `max_windows`, neighbours become one again where a camera films in
    bursts, and else some spread evenly are kept.

    cuts: the first frame of every shot but the first. Then each shot has windows of its own, of 4 frames a second, 10
    to 24, or as many of 24 as is its share of the video, if that is more. Of more than `max_windows` shots those of
    more than a second are looked at, however many (the longest if none is so long); where they would be more frames
    than `max_windows` windows hold, windows become longer, and hold 8 frames or more.
    span: from and to in s, the frames beyond which are left aside.
    """
    chosen = np.arange(len(times))
    if span is not None:
        chosen = np.flatnonzero((times >= span[0] - 1e-6) & (times <= span[1] + 1e-6))
    shots = [shot for shot in np.split(chosen, np.searchsorted(chosen, cuts)) if len(shot)]
    clock, breaks = filmed(times), gaps(times)  # of the whole video: a shot has its gaps, not some of its own
    if len(shots) < 2:
        return [_grid(piece, FRAMES) for shot in shots for piece in _pieces(times, clock, breaks, shot, max_windows)]
    lengths = np.array([_length(clock[shot]) for shot in shots])
    kept = np.flatnonzero((lengths > SHORTEST) | (len(shots) <= max_windows))
    kept = kept if len(kept) else np.array([lengths.argmax()])
    share = min(1.0, max_windows * WINDOW / float(lengths[kept].sum()))
    pieces = []
    for number in kept:
        most = max(1, int(np.ceil(lengths[number] / WINDOW * share)))
        if share == 1:  # a gap makes two windows of one
            first, last = np.searchsorted(breaks, shots[number][[0, -1]])
            most = min(most + int(last - first), max_windows)
        pieces += _pieces(times, clock, breaks, shots[number], most)
    spans = np.array([_length(clock[piece]) for piece in pieces])
    wanted = np.clip(np.round(A_SECOND * spans), LEAST_FRAMES, FRAMES)
    wanted = np.maximum(wanted, np.minimum(FRAMES, np.round(FRAMES * spans / spans.sum())))
    fewer = np.maximum(wanted * min(1.0, FRAMES * max_windows / wanted.sum()), THINNED).astype(int)
    return [_grid(piece, count) for piece, count in zip(pieces, fewer, strict=True)]


def _pieces(
    times: np.ndarray, clock: np.ndarray, breaks: np.ndarray, shot: np.ndarray, max_windows: int
) -> list[np.ndarray]:
    """The windows of one shot (frame indices in a row), each as all its frames; clock: the times without the gaps, of
    which each follows a frame of `breaks`."""
    duration = _length(clock[shot])
    count = max(1, int(np.ceil(round(duration / WINDOW, 6))))
    if count > max_windows:
        starts = np.linspace(0.0, duration - WINDOW, max_windows)
        ends = starts + WINDOW
    else:
        edges = np.linspace(0.0, duration, count + 1)
        starts, ends = edges[:-1], edges[1:]
        ends[-1] = np.inf  # whatever rounding does, the last frame is in the last window
    since = clock[shot] - clock[shot[0]]
    pieces: list[np.ndarray] = []
    for start, end in zip(starts, ends, strict=True):
        inside = shot[(since >= start - 1e-6) & (since < end - 1e-6)]
        pieces += [piece for piece in np.split(inside, np.searchsorted(inside, breaks, "right")) if len(piece)]
    if count <= max_windows < len(pieces) and all(
        times[after[0]] - times[before[-1]] <= PAUSE for before, after in itertools.pairwise(pieces)
    ):  # bursts
        return [np.concatenate(pieces[few[0] : few[-1] + 1]) for few in np.array_split(range(len(pieces)), max_windows)]
    kept = np.linspace(0, len(pieces) - 1, min(max_windows, len(pieces)))
    return [pieces[number] for number in np.round(kept).astype(int)]


def _grid(frames: np.ndarray, count: int) -> np.ndarray:
    """Up to `count` of these frames, evenly spread, the first and the last among them."""
    return frames[np.round(np.linspace(0, len(frames) - 1, min(count, len(frames)))).astype(int)]


def coverage_of(times: np.ndarray, plans: list[np.ndarray]) -> float:
    """Share of a video's frames (times (V,)) that lie inside the windows of these grids."""
    return min(1.0, sum(int(plan[-1] - plan[0]) + 1 for plan in plans) / len(times))


def duration_of(times: np.ndarray) -> float:
    """Length in s of what was filmed at frame times (V,): the last frame lasts as long as a frame does on the mean."""
    return _length(filmed(times))


def _length(clock: np.ndarray) -> float:
    """`duration_of`, of times that have no gaps."""
    return float(clock[-1] - clock[0]) * len(clock) / max(len(clock) - 1, 1)


def window_rows(windows: np.ndarray) -> np.ndarray:
    """Rows (W, 24) of each window's frames for the window (G,) of every grid frame; −1 where a window has fewer."""
    count = int(windows.max()) + 1 if len(windows) else 0
    rows = np.full((count, FRAMES), -1)
    for window in range(count):
        inside = np.flatnonzero(windows == window)
        rows[window, : len(inside)] = inside
    return rows


def with_between(plan: np.ndarray, between: int) -> np.ndarray:
    """The plan's frames with up to `between` more, evenly spread, in every gap; sorted and unique."""
    if between == 0 or len(plan) < 2:
        return plan
    steps = np.linspace(0, 1, between + 2)[:-1]
    inner = np.round(plan[:-1, None] + steps[None] * np.diff(plan)[:, None]).astype(np.int64)
    return np.unique(np.append(inner.ravel(), plan[-1]))
