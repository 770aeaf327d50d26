"""The curve through scores is SciPy's monotone cubic."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import PchipInterpolator

from spotterlib.scan.curve import monotone_curve


def test_it_is_scipys():
    rng = np.random.default_rng(0)
    for round_number in range(300):
        times = np.cumsum(rng.uniform(0.01, 2.0, rng.integers(2, 9)))
        values = rng.integers(0, 3, len(times)) / 2 if round_number % 3 else rng.uniform(0, 1, len(times))
        asked = np.concatenate([rng.uniform(times[0], times[-1], 20), times])
        assert monotone_curve(times, values, asked) == pytest.approx(PchipInterpolator(times, values)(asked), abs=1e-12)


def test_beyond_its_ends_it_stays():
    assert monotone_curve(np.array([1.0, 2.0]), np.array([0.2, 0.8]), np.array([0.0, 1.5, 9.0])).tolist() == [
        pytest.approx(v) for v in (0.2, 0.5, 0.8)
    ]
    assert monotone_curve(np.array([1.0]), np.array([0.3]), np.array([0.0, 5.0])).tolist() == [0.3, 0.3]
