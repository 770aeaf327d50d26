"""What a clock says and what was filmed: they part where a recording was left off, or its clock set forward."""

from __future__ import annotations

import numpy as np

PAUSE = 12.0
"""Longest step in s, beyond the usual one, from frame to frame: a longer one is a gap, in which nothing was filmed."""


def gaps(times: np.ndarray) -> np.ndarray:
    """Frames that a gap follows: int64 indices, for rising frame times (V,) in s."""
    steps = np.diff(times)
    return np.flatnonzero(steps > PAUSE + _usual(steps))


def filmed(times: np.ndarray) -> np.ndarray:
    """Frame times (V,) in s on a clock that stands still in every gap: it takes a usual step there."""
    found = gaps(times)
    if not len(found):
        return times
    steps = np.diff(times)
    steps[found] = _usual(np.delete(steps, found))
    return np.concatenate([times[:1], times[0] + np.cumsum(steps)])


def _usual(steps: np.ndarray) -> float:
    """The median step in s, the lower of the middle two; 0 without any."""
    return float(np.sort(steps)[(len(steps) - 1) // 2]) if len(steps) else 0.0
