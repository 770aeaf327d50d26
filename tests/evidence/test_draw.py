"""The strip of scores keeps its gaps and its highest."""

from __future__ import annotations

import numpy as np
import pytest

from spotterlib.evidence import draw


def test_score_strip_has_gaps_and_keeps_the_highest():
    times = np.arange(1000) / 25
    scores = np.full(1000, 0.1)
    scores[517] = 0.97  # one telling frame in a strip of 50 columns
    scores[200:400] = np.nan
    columns = draw.score_columns(times, scores, 50, 40.0)
    assert np.nanmax(columns) == pytest.approx(0.97) and np.nanargmax(columns) == 25
    assert np.isnan(columns[10:20]).all() and np.isfinite(columns[:10]).all() and np.isfinite(columns[20:]).all()
    assert np.isnan(draw.score_columns(np.zeros(0), np.zeros(0), 5, 1.0)).all()
    strip = draw.draw_timeline(np.array([1.0] * 20 + [0.0] * 20 + [np.nan] * 20), 21)
    assert (strip[3, 10] == draw.FAKE).all() and (strip[-1, 30] == draw.REAL).all()
    assert not (strip[:, 41:] == draw.FAKE).all(-1).any()
