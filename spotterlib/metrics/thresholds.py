"""The two thresholds that turn a probability into a verdict, what they do, and how they are chosen.

`choose_thresholds` alone chooses any: for the card, at the end of a training run or when it is calibrated anew, and for
a stated rate or cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base import DataError
from .scores import check_share, checked, scored

VERDICTS = ("real", "undecided", "fake", "unscored")
"""The columns of a confusion matrix; its rows are the true `real` and `fake`."""


@dataclass(frozen=True)
class Thresholds:
    """FAKE at p ≥ `t_high`, REAL at p ≤ `t_low`, UNDECIDED between; 0 < t_low ≤ t_high < 1, else `DataError`.

    `counts`: the confusion matrix on the videos they were chosen on, `{"real": {"real": n, "undecided": n, …}, …}`.
    """

    t_low: float
    t_high: float
    counts: dict[str, dict[str, int]] | None = None

    def __post_init__(self) -> None:
        if not 0 < self.t_low <= self.t_high < 1:
            raise DataError(f"The thresholds must satisfy 0 < t_low ≤ t_high < 1, not {self.t_low} and {self.t_high}.")


def verdicts(probabilities: Any, t_high: float, t_low: float | None = None) -> np.ndarray:
    """The verdict on each probability: str (N,) of `VERDICTS`. Without `t_low` nothing is undecided."""
    p = np.asarray(probabilities, dtype=np.float64)
    real = p < t_high if t_low is None else p <= t_low
    return np.select([np.isnan(p), p >= t_high, real], ["unscored", "fake", "real"], "undecided")


def confusion(labels: np.ndarray, p: np.ndarray, t_high: float, t_low: float | None) -> dict[str, dict[str, int]]:
    """How many of the real and of the fake got which verdict: `{"real": {"real": n, "undecided": n, …}, "fake": …}`."""
    said = verdicts(p, t_high, t_low)
    return {
        name: {verdict: int(((labels == label) & (said == verdict)).sum()) for verdict in VERDICTS}
        for label, name in enumerate(("real", "fake"))
    }


def choose_thresholds(
    probabilities: Any, labels: Any, fpr: float = 0.05, undecided: float = 0.10, cost: float | None = None
) -> Thresholds:
    """The two thresholds of a checkpoint's card, from **validation** videos: FAKE at p ≥ t_high, REAL at p ≤ t_low.

    `t_high`: of all cuts that accuse at most `fpr` of the reals, the one that catches most fakes, and of those the one
    that accuses fewest. With `cost`, what accusing a real costs where missing a fake costs 1, it is instead the cut
    with the least cost · (share of reals accused) + (share of fakes missed). `t_low`: leaving at most `undecided` of
    all videos between the two, the cut whose REAL is most reliable (the share of reals among videos called REAL, both
    classes counted as equally common), and of those the one that leaves fewest undecided: where abstaining gains
    nothing, t_low = t_high. Cuts lie halfway between neighbouring scores, so ties stay together. Last,
    t_low ≤ .5 ≤ t_high is kept, whatever share that leaves undecided: nothing is called REAL that is more likely fake,
    nor FAKE that is more likely real. Videos without a score are counted, not used. Raises `DataError` with one class
    only, a cost that is not above 0, or where `fpr` or `undecided` is not 0…1.
    """
    check_share("The false positive rate", fpr)
    check_share("The share that may stay undecided", undecided)
    everyone = checked(labels, probabilities)
    labels, p = scored(*everyone)
    reals, fakes = np.sort(p[labels == 0]), np.sort(p[labels == 1])
    if not len(reals) or not len(fakes):
        raise DataError("Thresholds need scores of real and of fake videos; give validation more groups of both.")
    values = np.unique(p)
    edges = np.concatenate([[0.0], values, [1.0]])  # cut i lies between edges[i] and edges[i + 1]
    passed = np.append(np.searchsorted(reals, values), len(reals))  # reals and fakes below each cut
    missed = np.append(np.searchsorted(fakes, values), len(fakes))
    accused = len(reals) - passed
    if cost is None:
        allowed = np.flatnonzero(accused <= fpr * len(reals) + 1e-9)
        upper = min(allowed, key=lambda cut: (missed[cut], accused[cut]))
    elif cost > 0:
        total = (cost * accused / len(reals) + missed / len(fakes)).round(12)
        upper = min(range(len(total)), key=lambda cut: (total[cut], accused[cut]))
    else:
        raise DataError(f"The cost of accusing a real must be above 0, not {cost} (missing a fake costs 1).")
    between = (passed + missed)[upper] - (passed + missed)[: upper + 1]
    right, wrong = passed / len(reals), missed / len(fakes)
    reliable = np.divide(right, right + wrong, out=np.full(len(right), -1.0), where=right + wrong > 0)
    allowed = np.flatnonzero(between <= undecided * len(p) + 1e-9)
    lower = max(allowed, key=lambda cut: (round(reliable[cut], 12), cut))

    def halfway(cut: int, fallback: int) -> float:
        middle = (edges[cut] + edges[cut + 1]) / 2
        if middle in (edges[cut], edges[cut + 1]):  # neighbours in floating point: the side that the verdict includes
            middle = edges[cut + fallback]
        return float(np.clip(middle, 1e-6, 1 - 1e-6))

    t_high = halfway(upper, fallback=1)
    t_low = t_high if lower == upper else min(halfway(lower, fallback=0), t_high)
    t_low, t_high = min(t_low, 0.5), max(t_high, 0.5)
    return Thresholds(t_low, t_high, confusion(*everyone, t_high, t_low))
