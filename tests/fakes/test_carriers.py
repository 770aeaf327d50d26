"""The moments of a clip are even and inside it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotterlib.fakes import draw_moments


@given(st.floats(0, 100), st.floats(0.1, 60), st.integers(1, 24), st.none() | st.integers(0, 99))
def test_moments_are_even_and_inside(start, length, count, seed):
    moments = draw_moments(None if seed is None else np.random.default_rng(seed), start, start + length, count)
    assert moments.shape == (count,) and moments.min() >= start - 1e-6 and moments.max() <= start + length + 1e-6
    span, most = moments[-1] - moments[0], min(length, 12.0)
    assert np.ptp(np.diff(moments)) < 1e-6 if count > 1 else span == 0
    if count > 1:
        assert span == pytest.approx(most) if seed is None else 0.4 * most - 1e-6 <= span <= most + 1e-6
