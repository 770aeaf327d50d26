"""What a score means: calibrated probabilities, the thresholds that turn one into a verdict, and many joined into one.

Seen through `metrics`, whose text says what labels and probabilities are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import expit, logit, logsumexp

from .project import DataError

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


def checked(labels: Any, scores: Any, top: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Labels as int (N,) and scores as float64 (N,), NaN allowed; `DataError` when they are not what is said above."""
    labels, scores = np.asarray(labels), np.asarray(scores, dtype=np.float64)
    if labels.shape != scores.shape or labels.ndim != 1:
        raise DataError(f"One label for each score, please: labels {labels.shape}, scores {scores.shape}.")
    if not np.isin(labels, (0, 1)).all():
        raise DataError("A label is 0 (real) or 1 (fake), nothing else; are labels and scores swapped?")
    if np.isinf(scores).any() or (top == 1 and (scores < 0).any()) or (scores > top).any():
        raise DataError("A probability lies between 0 and 1 and a logit is finite; NaN is for videos without a score.")
    return labels.astype(np.int64), scores


def scored(labels: Any, scores: Any, top: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Checked labels and scores of those that have a score."""
    labels, scores = checked(labels, scores, top)
    kept = np.isfinite(scores)
    return labels[kept], scores[kept]


def ratio(part: float, whole: float) -> float | None:
    """`part / whole`, None where that is undefined."""
    return float(part / whole) if whole else None


def check_share(what: str, share: float) -> None:
    """Refuses what is no share, with `DataError`: 5 or -1, where 0.05 was meant."""
    if not 0 <= share <= 1:
        raise DataError(f"{what} must be a share of 0 to 1, not {share}: write 5 % as 0.05.")


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


# --- calibration -----------------------------------------------------------------------------------------------------


def fit_calibration(logits: Any, labels: Any) -> tuple[float, float]:
    """(scale > 0, bias) for which sigmoid(scale · logit + bias) fits the labels best: least negative log-likelihood.

    Platt scaling (Platt, 1999), which is temperature scaling (Guo et al., 2017; T = 1/scale) with a shift, for a
    detector trained on fakes of its own making leans to one side. `logits` (N,): fake minus real, finite. The targets
    are Platt's, (n₁ + 1)/(n₁ + 2) and 1/(n₀ + 2) in place of 1 and 0, so that a handful of perfectly separated clips
    does not ask for endless confidence. Each class counts for half, so that p is calibrated for a video as likely real
    as fake, whatever the mix. The scale is kept within 0.02…50. Raises `DataError` with one class only, or where a
    logit is not finite.
    """
    given = len(np.asarray(logits))
    labels, z = scored(labels, logits, top=math.inf)
    fakes = int(labels.sum())
    reals = len(labels) - fakes
    if not fakes or not reals or len(z) < given:
        raise DataError("A calibration needs finite logits of real and of fake videos; give validation both.")
    target = np.where(labels == 1, (fakes + 1) / (fakes + 2), 1 / (reals + 2))
    weight = np.where(labels == 1, 0.5 / fakes, 0.5 / reals)

    # on standardised logits the likelihood is convex and round enough to be followed to its one minimum
    middle, spread = float(z.mean()), float(z.std()) or 1.0
    x = (z - middle) / spread

    def loss(fitted: np.ndarray) -> tuple[float, list[float]]:
        scaled = x * fitted[0] + fitted[1]
        value = np.sum(weight * (np.logaddexp(0, scaled) - target * scaled))
        slope = weight * (expit(scaled) - target)
        return float(value), [float(slope @ x), float(slope.sum())]

    limits = [(0.02 * spread, 50 * spread), (None, None)]
    found = minimize(loss, [spread, 0.0], jac=True, bounds=limits, method="L-BFGS-B", options={"ftol": 1e-13})
    scale = float(found.x[0]) / spread
    return scale, float(found.x[1]) - scale * middle


def _weights(labels: np.ndarray, balanced: bool) -> np.ndarray:
    """1 each; balanced: real and fake count for half each, however many there are. The sum is the count."""
    share = labels.mean() if len(labels) else 0.0
    if not balanced or share in (0.0, 1.0):
        return np.ones(len(labels))
    return np.where(labels == 1, 0.5 / share, 0.5 / (1 - share))


def reliability(probabilities: Any, labels: Any, bins: int = 10, balanced: bool = False) -> pd.DataFrame:
    """What was said against what was so, in bins of equal width: low, high, n, mean_probability, share_fake.

    Bins without a video are left out; the last one contains 1. balanced: means in which real and fake count for half
    each, the mix that `fit_calibration` calibrates for; without it a test set of four fakes to a real looks
    miscalibrated for its mix alone.
    """
    labels, p = scored(labels, probabilities)
    weight = _weights(labels, balanced)
    columns = {"bin": np.minimum((p * bins).astype(int), bins - 1), "n": 1, "w": weight}
    kept = pd.DataFrame(columns | {"p": weight * p, "fake": weight * labels}).groupby("bin").sum()
    table = pd.DataFrame({"low": kept.index / bins, "high": (kept.index + 1) / bins, "n": kept["n"].to_numpy()})
    return table.assign(
        mean_probability=(kept["p"] / kept["w"]).to_numpy(), share_fake=(kept["fake"] / kept["w"]).to_numpy()
    )


def ece(probabilities: Any, labels: Any, bins: int = 10, balanced: bool = False) -> float | None:
    """Expected calibration error of P(fake): mean |probability − share of fakes| over the bins, by their weight.

    balanced: as in `reliability`. Naeini et al., AAAI 2015, with P(fake) in place of confidence. Never 0 on a finite
    sample, even of a perfect forecaster: compare it with that of others on the same videos.
    """
    labels, p = scored(labels, probabilities)
    weight = _weights(labels, balanced)
    gaps = np.bincount(np.minimum((p * bins).astype(int), bins - 1), weights=weight * (p - labels))
    return ratio(np.abs(gaps).sum(), weight.sum())


def brier(probabilities: Any, labels: Any, balanced: bool = False) -> float | None:
    """Mean squared difference of probability and label, 0 (sure and right) … 1 (sure and wrong); see `reliability`."""
    labels, p = scored(labels, probabilities)
    weight = _weights(labels, balanced)
    return ratio((weight * (p - labels) ** 2).sum(), weight.sum())


def selective_curve(probabilities: Any, labels: Any, centre: float = 0.5) -> pd.DataFrame:
    """Accuracy against the share decided, when the least certain abstain: n_decided, share_decided, accuracy.

    FAKE at p ≥ `centre`; certainty is the distance of a logit from the centre's, and equal ones decide together, the
    surest first. Videos without a score never decide: where there are any, the share ends below 1.
    """
    given = len(np.asarray(labels))
    labels, p = scored(labels, probabilities)
    distance = np.abs(logit(np.clip(p, 1e-9, 1 - 1e-9)) - logit(centre)).round(9)  # so that .2 and .8 tie
    order = np.argsort(-distance, kind="stable")
    right, distance = ((p >= centre) == (labels == 1))[order], distance[order]
    last = np.flatnonzero(np.append(np.diff(distance) != 0, len(p) > 0))  # of each run of equal distances
    decided = last + 1
    columns = {"n_decided": decided, "share_decided": decided / max(given, 1)}
    return pd.DataFrame(columns | {"accuracy": np.cumsum(right)[last] / decided})


# --- from scores to a verdict ----------------------------------------------------------------------------------------


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


def combine_odds(probabilities: Any) -> float:
    """P(video is fake) from the calibrated P(fake) of its n windows or faces, of which one, unknown, may be forged.

    Either all n are real, or one is forged, each as likely as the next. Then the evidence x₁ … xₙ has the likelihood
    ratio  (1/n) Σᵢ P(xᵢ | fake) / P(xᵢ | real):  a uniform mixture, in which the other n − 1 windows cancel. A
    calibrated pᵢ has odds pᵢ / (1 − pᵢ) = prior odds · likelihood ratio of window i. So, with the same prior odds for
    the video, its odds are the **mean of the windows' odds**: one window is itself, n equal ones are themselves, the
    strongest dominates, and being the highest of n is paid for by the factor 1/n. In logits: logsumexp(z) − log n.
    Raises `DataError` without a probability or with a NaN: leave windows that have no score out.
    """
    p = np.asarray(probabilities, dtype=np.float64).ravel()
    if not len(p) or not ((p >= 0) & (p <= 1)).all():
        raise DataError("At least one probability is needed, and each must be between 0 and 1.")
    return float(expit(logsumexp(logit(p)) - math.log(len(p))))
