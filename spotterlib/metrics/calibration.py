"""What a score means: calibrated probabilities, and how good they are."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import expit, logit

from ..base import DataError
from .scores import ratio, scored


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
