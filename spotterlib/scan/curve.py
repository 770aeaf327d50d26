"""A smooth curve through scores that shoots over none of them."""

from __future__ import annotations

import numpy as np


def monotone_curve(times: np.ndarray, values: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """The monotone cubic through values (n,) at rising times (n,), at the moments asked (m,): float64 (m,).

    Before the first and after the last time the nearest value. Fritsch and Butland, *A Method for Constructing Local
    Monotone Piecewise Cubic Interpolants*, 1984. It is what SciPy's `PchipInterpolator` gives, whose import takes a
    tenth of a first scan.
    """
    if len(times) == 1:
        return np.full(len(asked), values[0], np.float64)
    steps, slopes = np.diff(times), np.diff(values) / np.diff(times)
    tangents = np.concatenate([[_end(steps, slopes)], _inner(steps, slopes), [_end(steps[::-1], slopes[::-1])]])
    moments = np.clip(asked, times[0], times[-1])
    left = np.clip(np.searchsorted(times, moments, "right") - 1, 0, len(steps) - 1)
    part = (moments - times[left]) / steps[left]
    rise, drop = part**2 * (3 - 2 * part), steps[left] * part * (1 - part)
    ends = drop * ((1 - part) * tangents[left] - part * tangents[left + 1])
    return values[left] * (1 - rise) + values[left + 1] * rise + ends


def _inner(steps: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """Tangents at all times but the first and last: the weighted harmonic mean of the slopes, 0 where they turn."""
    before, after = slopes[:-1], slopes[1:]
    one, other = 2 * steps[1:] + steps[:-1], steps[1:] + 2 * steps[:-1]
    turns = before * after <= 0
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(turns, 0.0, (one + other) / (one / before + other / after))


def _end(steps: np.ndarray, slopes: np.ndarray) -> float:
    """The tangent at the first time: of the parabola through three, as far as it keeps to the first slope."""
    if len(slopes) == 1:
        return float(slopes[0])
    found = ((2 * steps[0] + steps[1]) * slopes[0] - steps[0] * slopes[1]) / (steps[0] + steps[1])
    if found * slopes[0] <= 0:
        return 0.0
    if slopes[0] * slopes[1] < 0 and abs(found) > 3 * abs(slopes[0]):
        return float(3 * slopes[0])
    return float(found)
