"""What a clock says and what was filmed: they part where a recording was left off, or its clock set forward."""

from __future__ import annotations

import numpy as np

PAUSE = 12.0
"""Longest step in s, beyond the usual one, from frame to frame: a longer one is a gap, in which nothing was filmed."""

LULL, MANY = 2.0, 20
"""s, and usual steps: where a camera films in bursts, a step longer than either is a gap."""

BURSTS, BURST = 3, 10
"""Lulls, at least, for that, and frames between them. Slides, each one frame, are no bursts: what is shown is there."""


def gaps(times: np.ndarray) -> np.ndarray:
    """Frames that a gap follows: int64 indices, for rising frame times (V,) in s.

    A gap is a step longer than `PAUSE`. A camera that films a second every twelve has shorter ones: there, where lulls
    between bursts of frames are more than half of the clock, each is a gap.
    """
    steps = np.diff(times)
    usual = _usual(steps)
    long = steps > PAUSE + usual
    lulls = long | (steps > max(LULL, MANY * usual))
    between = np.diff(np.flatnonzero(lulls))
    bursts = len(between) + 1 >= BURSTS and np.sort(between)[(len(between) - 1) // 2] >= BURST
    return np.flatnonzero(lulls if bursts and 2 * steps[lulls].sum() > steps.sum() else long)


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
