"""Where a video is looked at: windows of at most 12 s that tile it, and 24 frames of each, the detection grid."""

from __future__ import annotations

import numpy as np

from ..video import filmed, gaps

FRAMES = 24
"""Frames that MTCNN sees of a window, and that the model scores."""

WINDOW = 12.0
"""Longest window, s."""

MAX_WINDOWS = 60
"""Most windows looked at: 12 minutes whole; a longer video is sampled by windows spread over it."""


def plan_windows(times: np.ndarray, max_windows: int = MAX_WINDOWS) -> list[np.ndarray]:
    """Grid frames of each window: int64 arrays of at most 24 rising frame indices, for frame times (V,) in s.

    A video of d s has ⌈d / 12⌉ windows of equal length, side by side; above `max_windows` they are 12 s long and spread
    evenly over the video. In each, 24 frames are spread evenly from its first to its last (all if it has fewer).
    A window without a frame is left out. All by what was filmed: a gap counts for nothing, and a window that it falls
    into becomes two; if there are then more than `max_windows`, some spread evenly are kept.
    """
    if not len(times):
        return []
    duration = duration_of(times)
    count = max(1, int(np.ceil(round(duration / WINDOW, 6))))
    if count > max_windows:
        starts = np.linspace(0.0, duration - WINDOW, max_windows)
        ends = starts + WINDOW
    else:
        edges = np.linspace(0.0, duration, count + 1)
        starts, ends = edges[:-1], edges[1:]
        ends[-1] = np.inf  # whatever rounding does, the last frame is in the last window
    clock, breaks = filmed(times), gaps(times)
    pieces: list[np.ndarray] = []
    for start, end in zip(starts, ends, strict=True):
        inside = np.flatnonzero((clock >= start - 1e-6) & (clock < end - 1e-6))
        pieces += [piece for piece in np.split(inside, np.searchsorted(inside, breaks, "right")) if len(piece)]
    kept = np.linspace(0, len(pieces) - 1, min(max_windows, len(pieces)))
    return [_grid(pieces[number]) for number in np.round(kept).astype(int)]


def _grid(frames: np.ndarray) -> np.ndarray:
    """Up to 24 of these frames, evenly spread, the first and the last among them."""
    return frames[np.round(np.linspace(0, len(frames) - 1, min(FRAMES, len(frames)))).astype(int)]


def coverage_of(times: np.ndarray, plans: list[np.ndarray]) -> float:
    """Share of a video's frames (times (V,)) that lie inside the windows of these grids."""
    return min(1.0, sum(int(plan[-1] - plan[0]) + 1 for plan in plans) / len(times))


def duration_of(times: np.ndarray) -> float:
    """Length in s of what was filmed at frame times (V,): the last frame lasts as long as a frame does on the mean."""
    return float(filmed(times)[-1]) * len(times) / max(len(times) - 1, 1)


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
