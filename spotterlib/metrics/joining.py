"""Many probabilities joined into one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..base import DataError


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
    with np.errstate(divide="ignore", over="ignore"):
        joined = np.logaddexp.reduce(np.log(p) - np.log1p(-p)) - math.log(len(p))
        return float(1 / (1 + np.exp(-joined)))
