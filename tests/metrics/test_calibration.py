"""Calibration is recovered whatever the mix; odds are combined by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from makers.scores import NAN, draw, probability
from scipy.special import expit
from sklearn import metrics as sk
from sklearn.linear_model import LogisticRegression

from spotterlib import metrics
from spotterlib.base import DataError
from spotterlib.metrics import combine_odds, fit_calibration, reliability, selective_curve

# --- calibration -----------------------------------------------------------------------------------------------------


def bell_logits(n: int, fakes: float, scale: float = 0.4, bias: float = -1.2, seed: int = 0):
    """Labels, and logits of two equal bells: Bayes makes of them exactly sigmoid(scale · logit + bias) at even odds."""
    random = np.random.default_rng(seed)
    labels = (random.random(n) < fakes).astype(int)
    return labels, (2 * labels - 1) * 3 + random.normal(size=n) * math.sqrt(6 / scale) - bias / scale


def smoothed_regression(logits, labels):
    """scikit-learn's fit to Platt's targets: each clip stands twice, as fake and as real, weighted."""
    fakes, reals = labels.sum(), (1 - labels).sum()
    target = np.where(labels == 1, (fakes + 1) / (fakes + 2), 1 / (reals + 2))
    weight = len(labels) * np.where(labels == 1, 0.5 / fakes, 0.5 / reals)
    weights = np.concatenate([weight * target, weight * (1 - target)])
    oracle = LogisticRegression(C=np.inf, tol=1e-10, max_iter=5000)
    oracle.fit(np.tile(logits, 2)[:, None], np.repeat([1, 0], len(labels)), weights)
    return oracle.coef_[0, 0], oracle.intercept_[0]


@pytest.mark.parametrize("fakes", [0.5, 0.1])
def test_calibration_is_recovered_whatever_the_mix(fakes):
    labels, logits = bell_logits(60_000, fakes)
    assert fit_calibration(logits, labels) == pytest.approx((0.4, -1.2), rel=0.04)
    plain = LogisticRegression(C=np.inf, class_weight="balanced").fit(logits[:, None], labels)
    assert fit_calibration(logits, labels) == pytest.approx((plain.coef_[0, 0], plain.intercept_[0]), rel=0.01)


@pytest.mark.parametrize("seed", range(20))
def test_calibration_agrees_with_scikit_learn_at_any_scale(seed):
    random = np.random.default_rng(seed)
    labels, logits = bell_logits(60, 0.4, seed=seed)
    logits = logits * np.exp(random.uniform(-2, 2)) + random.normal() * 30
    found, expected = fit_calibration(logits, labels), smoothed_regression(logits, labels)
    assert expit(logits * found[0] + found[1]) == pytest.approx(expit(logits * expected[0] + expected[1]), abs=1e-4)


def test_calibration_moves_with_the_logits():
    labels, logits = bell_logits(200, 0.4)
    scale, bias = fit_calibration(logits, labels)
    assert fit_calibration(logits * 4, labels) == pytest.approx((scale / 4, bias), rel=1e-4)
    assert fit_calibration(logits + 7, labels) == pytest.approx((scale, bias - 7 * scale), rel=1e-4)


def test_calibration_on_a_handful_stays_sensible():
    scale, bias = fit_calibration([-2.0, -1.0, 1.0, 2.0], [0, 0, 1, 1])
    assert 0.3 < scale < 2 and abs(bias) < 1e-4, "four perfect clips ask for no endless confidence"
    assert 0.7 < expit(2 * scale) < 0.95
    scale, bias = fit_calibration([1.0, -1.0], [0, 1])
    assert scale == pytest.approx(0.02, rel=0.01), "worse than chance: nothing is said"
    assert expit([scale + bias, bias - scale]) == pytest.approx([0.5, 0.5], abs=0.01)
    assert np.isfinite(fit_calibration([0.0, 0.0], [0, 1])).all()
    assert np.isfinite(fit_calibration([1e6, 1e6, -1e6], [0, 1, 0])).all()
    for labels in ([0, 0], [1, 1]):
        with pytest.raises(DataError):
            fit_calibration([0.3, 0.4], labels)
    with pytest.raises(DataError):
        fit_calibration([0.3, NAN], [0, 1])


def test_reliability_ece_and_brier_by_hand():
    p, labels = [0.05, 0.15, 0.15, 0.95, 1.0, NAN], [0, 0, 1, 1, 1, 0]
    table = reliability(p, labels)
    assert table["low"].tolist() == [0.0, 0.1, 0.9] and table["n"].tolist() == [1, 2, 2]
    assert table["share_fake"].tolist() == [0.0, 0.5, 1.0]
    assert metrics.ece(p, labels) == pytest.approx((0.05 * 1 + 0.35 * 2 + 0.025 * 2) / 5)
    assert metrics.brier(p, labels) == pytest.approx(sk.brier_score_loss(labels[:5], p[:5]))
    assert metrics.ece([NAN], [1]) is None and metrics.brier([], []) is None and len(reliability([NAN], [1])) == 0


def test_ece_is_the_gap_of_the_table():
    labels, p = draw(300)
    table = reliability(p, labels)
    gaps = (table["mean_probability"] - table["share_fake"]).abs()
    assert metrics.ece(p, labels) == pytest.approx(np.average(gaps, weights=table["n"]))


def test_balanced_calibration_ignores_the_mix():
    random = np.random.default_rng(0)
    labels, logits = bell_logits(40_000, 0.5, scale=1.0, bias=0.0)
    p = expit(logits)  # calibrated where real and fake are equally common
    rare = (labels == 0) | (random.random(len(labels)) < 0.1)
    for of in (metrics.ece, metrics.brier):
        even = of(p, labels)
        assert of(p, labels, balanced=True) == pytest.approx(even, abs=1e-3), "an even mix is as it was"
        assert of(p[rare], labels[rare], balanced=True) == pytest.approx(even, abs=0.02)
    assert metrics.ece(p[rare], labels[rare]) > 0.1 > 3 * metrics.ece(p[rare], labels[rare], balanced=True)
    one, many = [0.2, 0.9], [0.2, 0.9, 0.9, 0.9]
    assert metrics.brier(many, [0, 1, 1, 1], balanced=True) == pytest.approx(metrics.brier(one, [0, 1]))
    assert reliability([0.2, 0.21, 0.22], [0, 1, 1], balanced=True)["share_fake"].tolist() == pytest.approx([0.5])
    assert metrics.ece([0.3], [1], balanced=True) == pytest.approx(0.7), "one class counts as it is"


def test_selective_curve_by_hand():
    table = selective_curve([0.99, 0.2, 0.8, 0.4, NAN], [1, 0, 0, 1, 1])
    assert table["n_decided"].tolist() == [1, 3, 4], "0.2 and 0.8 are equally sure"
    assert table["share_decided"].tolist() == [0.2, 0.6, 0.8]
    assert table["accuracy"].tolist() == pytest.approx([1, 2 / 3, 0.5])
    assert len(selective_curve([NAN], [1])) == 0
    labels, p = draw(100)
    assert selective_curve(p, labels)["accuracy"].iloc[-1] == sk.accuracy_score(labels, p >= 0.5)


# --- one of n --------------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.lists(probability, min_size=1, max_size=30), st.integers(0, 29), probability, st.randoms())
def test_combined_odds_are_a_mean_of_odds(p, at, other, shuffler):
    found = combine_odds(p)
    assert 0 <= found <= 1
    assert min(p) - 1e-9 <= found <= max(p) + 1e-9
    mixed = list(p)
    shuffler.shuffle(mixed)
    assert combine_odds(mixed) == pytest.approx(found, abs=1e-12)
    raised = list(p)
    raised[at % len(p)] = max(raised[at % len(p)], other)
    assert combine_odds(raised) >= found - 1e-12
    assert combine_odds([other]) == pytest.approx(other, abs=1e-12)
    assert combine_odds([other] * len(p)) == pytest.approx(other, abs=1e-9)


def test_combined_odds_by_hand_and_at_the_ends():
    odds = (9 + 1 / 9) / 2
    assert combine_odds([0.9, 0.1]) == pytest.approx(odds / (1 + odds))
    assert combine_odds([0.99] + [0.01] * 9) == pytest.approx(0.908, abs=1e-3), "the highest of ten pays for being that"
    assert combine_odds([1.0, 0.0, 0.5]) == 1.0 and combine_odds([0.0, 0.0]) == 0.0
    assert combine_odds(np.float32([0.25])) == pytest.approx(0.25)
    for bad in ([], [NAN], [0.5, NAN], [1.1]):
        with pytest.raises(DataError):
            combine_odds(bad)


def test_combined_odds_stay_calibrated_where_the_story_holds():
    random = np.random.default_rng(0)
    n, videos = 6, 8_000
    fake = random.random(videos) < 0.5
    x = random.normal(size=(videos, n)) * 1.0
    x[fake, random.integers(n, size=videos)[fake]] += 2.0  # one forged window, log-likelihood ratio 2x − 2
    p = expit(2 * x - 2)
    found = np.array([combine_odds(row) for row in p])
    assert metrics.ece(found, fake.astype(int)) < 0.02
    assert metrics.ece(p.max(axis=1), fake.astype(int)) > 0.05, "the bare maximum is not calibrated"
