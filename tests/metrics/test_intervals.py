"""Intervals cover the truth as often as they say, and claim nothing on few groups."""

from __future__ import annotations

import math

import numpy as np
import pytest
from makers.scores import NAN, draw
from scipy.special import expit
from scipy.stats import norm

from spotterlib import metrics
from spotterlib.base import DataError
from spotterlib.metrics import bootstrap_difference, bootstrap_interval, bootstrap_intervals, intervals


def mean_of(labels, scores):
    return float(scores.mean())


def test_bootstrap_covers_the_truth_about_as_often_as_it_says():
    random = np.random.default_rng(1)
    hits = naive = 0
    for trial in range(100):
        people = np.repeat(np.arange(30), 4)
        scores = random.normal(size=30)[people] + 0.3 * random.normal(size=120)  # mean 0, groups far from independent
        low, high = bootstrap_interval(np.zeros(120), scores, people, mean_of, n=100, seed=trial)
        hits += low <= 0 <= high
        low, high = bootstrap_interval(np.zeros(120), scores, np.arange(120), mean_of, n=100, seed=trial)
        naive += low <= 0 <= high
    assert 0.88 <= hits / 100 <= 0.99
    assert naive / 100 < 0.8, "drawing videos instead of people would claim too much"


def test_bootstrap_is_deterministic_and_blind_to_the_order_of_rows():
    labels, p = draw(90)
    groups = np.arange(90) // 5
    first = bootstrap_interval(labels, p, groups, metrics.auc, n=100)
    order = np.random.default_rng(0).permutation(90)
    assert first == pytest.approx(bootstrap_interval(labels[order], p[order], groups[order], metrics.auc, n=100))
    assert first != bootstrap_interval(labels, p, groups, metrics.auc, n=100, seed=1)
    assert first[0] < metrics.auc(labels, p) < first[1]


def test_no_interval_where_it_would_claim_too_much():
    labels, p = draw(90)
    nine, ten = np.arange(90) % 9, np.arange(90) % 10
    assert bootstrap_interval(labels, p, nine, metrics.auc, n=50) is None
    assert bootstrap_interval(labels, p, ten, metrics.auc, n=50) is not None
    assert bootstrap_interval(labels, np.where(ten == 3, NAN, p), ten, metrics.auc, n=50) is None, "nine have scores"
    assert bootstrap_interval(labels, labels / 1.0, ten, metrics.auc, n=50) is None, "AUC 1 in every draw"
    assert bootstrap_interval(np.zeros(90), p, ten, metrics.auc, n=50) is None, "undefined in every draw"
    assert bootstrap_interval([], [], [], metrics.auc) is None
    with pytest.raises(DataError):
        bootstrap_interval(labels, p, ten[:-1], metrics.auc)


def test_no_interval_rests_on_a_class_of_few_groups():
    labels, p, groups = np.repeat([0, 1], [40, 4]), np.tile([0.1, 0.4, 0.6, 0.9], 11), np.arange(44)
    assert bootstrap_interval(labels, p, groups, metrics.auc, n=50) is None, "four fakes"
    assert bootstrap_difference(labels, p, p[::-1], groups, metrics.auc, n=50) is None
    assert bootstrap_interval(labels, p, groups, lambda drawn, some: some[drawn == 0].mean(), n=50) is not None
    assert bootstrap_interval(np.repeat([0, 1], [39, 5]), p, groups, metrics.auc, n=50) is not None
    lost = np.where(groups == 43, NAN, p)
    assert bootstrap_interval(np.repeat([0, 1], [39, 5]), lost, groups, metrics.auc, n=50) is None, "four have scores"


def test_an_interval_on_two_fakes_would_miss_the_truth_too_often(monkeypatch):
    monkeypatch.setattr(intervals, "MIN_GROUPS", 0)
    random, labels = np.random.default_rng(2), np.repeat([0, 1], [20, 2])
    hits = 0
    for trial in range(80):
        scores = random.normal(size=22) + 1.2 * labels
        found = bootstrap_interval(labels, scores, np.arange(22), metrics.auc, n=80, seed=trial)
        hits += found is not None and found[0] <= norm.cdf(1.2 / math.sqrt(2)) <= found[1]
    assert hits / 80 < 0.8


def test_paired_difference_is_narrower_than_unpaired():
    random = np.random.default_rng(0)
    labels, hard = np.arange(200) % 2, random.normal(size=200)
    a, b = (expit(hard + skill * labels + 0.2 * random.normal(size=200)) for skill in (1.6, 1.0))
    groups = np.arange(200) // 2
    low, high = bootstrap_difference(labels, a, b, groups, metrics.auc, n=300)
    assert 0 < low < metrics.auc(labels, a) - metrics.auc(labels, b) < high
    single = [bootstrap_interval(labels, scores, groups, metrics.auc, n=300) for scores in (a, b)]
    assert high - low < 0.7 * math.hypot(*(top - bottom for bottom, top in single))
    assert bootstrap_difference(labels, a, a, groups, metrics.auc, n=50) is None, "no difference, no interval"


def test_auc_intervals_cover_the_truth_for_one_checkpoint_and_for_the_difference_of_two():
    random = np.random.default_rng(2)
    people, labels = np.repeat(np.arange(40), 4), np.tile([0, 0, 1, 1], 40)
    hits = gap_hits = 0

    def truth(shift, spread, noise):  # pairs of two people, and of one person, who shares the person's own shift
        apart, same = (norm.cdf(shift / math.sqrt(2 * v)) for v in (spread**2 + noise**2, noise**2))
        return (39 * apart + same) / 40

    for trial in range(80):
        person = 0.7 * random.normal(size=40)[people]
        a, b = (person + shift * labels + random.normal(size=160) for shift in (1.6, 1.0))
        low, high = bootstrap_interval(labels, a, people, metrics.auc, n=120, seed=trial)
        hits += low <= truth(1.6, 0.7, 1.0) <= high
        low, high = bootstrap_difference(labels, a, b, people, metrics.auc, n=120, seed=trial)
        gap_hits += low <= truth(1.6, 0.7, 1.0) - truth(1.0, 0.7, 1.0) <= high
    assert 0.86 <= hits / 80 <= 1.0 and 0.86 <= gap_hits / 80 <= 1.0


def test_many_intervals_are_those_of_each():
    labels, p = draw(90)
    groups = np.arange(90) // 5
    figures = {"auc": metrics.auc, "brier": lambda drawn, scores: metrics.brier(scores, drawn)}
    found = bootstrap_intervals(
        labels, p, groups, lambda drawn, scores: {name: of(drawn, scores) for name, of in figures.items()}, n=60
    )
    for name, of in figures.items():
        assert found[name] == bootstrap_interval(labels, p, groups, of, n=60)
    assert bootstrap_intervals(labels, p, groups % 9, lambda drawn, scores: {"x": 1.0}, n=5) == {}
