"""Scores drawn for the tests of figures."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import strategies as st
from scipy.special import expit

NAN = math.nan


def draw(n: int, seed: int = 0, places: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Labels and overlapping probabilities; `places` rounds them so that many tie."""
    random = np.random.default_rng(seed)
    labels = np.arange(n) % 3 == 0
    p = expit(random.normal(size=n) + 1.5 * labels)
    return labels.astype(int), p if places is None else p.round(places)


probability = st.floats(0, 1)
