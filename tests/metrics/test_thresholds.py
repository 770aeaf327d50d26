"""Thresholds keep their promises, and agree with brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from makers.scores import NAN, draw, probability

from spotterlib import metrics
from spotterlib.base import DataError
from spotterlib.metrics import Thresholds, choose_thresholds

awkward = st.sampled_from([0.0, 1e-9, 0.1, 0.5, 0.5 + 2e-16, 0.7, 0.99, 1.0])  # ties, neighbours, both ends


@pytest.mark.parametrize("pair", [(0.0, 0.5), (0.6, 0.5), (0.5, 1.0), (NAN, 0.5), (0.5, NAN)])
def test_thresholds_refuse_what_is_no_pair(pair):
    with pytest.raises(DataError, match="t_low"):
        Thresholds(*pair)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 1), awkward | probability), min_size=2, max_size=60),
    st.sampled_from([0.0, 0.05, 0.2]),
    st.sampled_from([0.0, 0.1, 0.3]),
)
def test_thresholds_keep_their_promises(rows, fpr, undecided):
    labels, p = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    if len(set(labels)) < 2:
        with pytest.raises(DataError):
            choose_thresholds(p, labels, fpr, undecided)
        return
    found = choose_thresholds(p, labels, fpr, undecided)
    assert 0 < found.t_low <= 0.5 <= found.t_high < 1
    certain = np.mean(p[labels == 0] > 1 - 2e-6)  # a real scored 1.0 lies above every threshold below 1
    assert np.mean(p[labels == 0] >= found.t_high) <= max(fpr, certain) + 1e-9
    between = (p > found.t_low) & (p < found.t_high)
    kept = between.mean() <= undecided + np.mean(p < 2e-6) + 1e-9
    assert kept or 0.5 in (found.t_low, found.t_high), "more abstain only where a threshold was moved to .5"
    said = metrics.verdicts(p, found.t_high, found.t_low)
    assert found.counts["fake"]["fake"] == np.sum((said == "fake") & (labels == 1))


def brute_force(p, labels, fpr, undecided):
    """Every pair of cuts; the same aims, as plainly as possible: FAKE at p ≥ the first, REAL at p < the second."""
    cuts = [-1.0, *np.unique(p), 2.0]
    reals, fakes = p[labels == 0], p[labels == 1]
    high = [c for c in cuts[1:] if np.mean(reals >= c) <= fpr]
    best_high = max(high, key=lambda c: (np.sum(fakes >= c), -np.sum(reals >= c)))
    options = []
    for low in [c for c in cuts[1:] if c <= best_high]:  # REAL below the cut
        if np.mean((p >= low) & (p < best_high)) <= undecided:
            tn, fn = np.mean(reals < low), np.mean(fakes < low)
            options.append((round(tn / (tn + fn), 12) if tn + fn else -1, low))
    return best_high, max(options)[1]


@pytest.mark.parametrize("seed", range(20))
def test_thresholds_agree_with_brute_force(seed):
    labels, p = draw(60, seed, places=2 if seed % 2 else None)
    found = choose_thresholds(p, labels)
    high, low = brute_force(p, labels, 0.05, 0.10)
    expected = np.where((p >= high) & (p >= 0.5), "fake", np.where((p < low) & (p <= 0.5), "real", "undecided"))
    assert metrics.verdicts(p, found.t_high, found.t_low).tolist() == expected.tolist()


def test_thresholds_where_both_are_far_apart():
    found = choose_thresholds([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1])
    assert found.t_low == found.t_high == pytest.approx(0.5), "nothing is gained by abstaining"
    assert found.counts == {
        "real": {"real": 2, "undecided": 0, "fake": 0, "unscored": 0},
        "fake": {"real": 0, "undecided": 0, "fake": 2, "unscored": 0},
    }


def test_thresholds_spend_the_abstentions_on_missed_fakes():
    p = np.concatenate([np.linspace(0.01, 0.3, 20), np.linspace(0.62, 0.95, 18), [0.31, 0.36], [0.4]])
    labels = np.array([0] * 20 + [1] * 20 + [0])
    found = choose_thresholds(p, labels, fpr=0.0)
    assert 0.4 < found.t_high < 0.62
    assert 0.3 < found.t_low < 0.31, "the two fakes under a real become undecided, that real with them"
    assert found.counts["fake"] == {"real": 0, "undecided": 2, "fake": 18, "unscored": 0}


def test_thresholds_count_videos_without_a_score():
    found = choose_thresholds([0.1, 0.9, NAN, NAN], [0, 1, 1, 0])
    assert found.counts["real"]["unscored"] == found.counts["fake"]["unscored"] == 1
    with pytest.raises(DataError, match="validation"):
        choose_thresholds([0.1, NAN], [0, 1])


@pytest.mark.parametrize("cost", [0.1, 1.0, 3.0, 50.0])
@pytest.mark.parametrize("seed", range(4))
def test_a_cost_is_spent_as_cheaply_as_any_cut_could(seed, cost):
    labels, p = draw(60, seed, places=2)
    p = 0.5 + p / 2  # above .5, where no cut is moved
    found = choose_thresholds(p, labels, cost=cost)

    def price(cut):
        return cost * np.mean(p[labels == 0] >= cut) + np.mean(p[labels == 1] < cut)

    assert price(found.t_high) == pytest.approx(min(price(cut) for cut in [*np.unique(p), 2.0]))
    dear = choose_thresholds(p, labels, cost=cost * 10)
    assert dear.counts["real"]["fake"] <= found.counts["real"]["fake"], "the dearer, the fewer are accused"


@pytest.mark.parametrize("share", [5, -0.01, NAN])
def test_a_share_is_one(share):
    for asked in ({"fpr": share}, {"undecided": share}):
        with pytest.raises(DataError, match="share of 0 to 1"):
            choose_thresholds([0.1, 0.9], [0, 1], **asked)
    with pytest.raises(DataError, match="share of 0 to 1"):
        metrics.tpr_at_fpr([0, 1], [0.1, 0.9], share)


@pytest.mark.parametrize("cost", [0.0, -1.0, NAN])
def test_a_cost_is_above_zero(cost):
    with pytest.raises(DataError, match="above 0"):
        choose_thresholds([0.1, 0.9], [0, 1], cost=cost)
