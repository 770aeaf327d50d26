"""Each figure against scikit-learn, a hand calculation or a simulation; edge cases are defined, not accidental."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import norm
from sklearn import metrics as sk
from sklearn.linear_model import LogisticRegression

from spotterlib import metrics
from spotterlib.metrics import (
    Thresholds,
    binary_metrics,
    bootstrap_difference,
    bootstrap_interval,
    bootstrap_intervals,
    choose_thresholds,
    combine_odds,
    fit_calibration,
    reliability,
    selective_curve,
)
from spotterlib.project import DataError

NAN = math.nan


def draw(n: int, seed: int = 0, places: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Labels and overlapping probabilities; `places` rounds them so that many tie."""
    random = np.random.default_rng(seed)
    labels = np.arange(n) % 3 == 0
    p = expit(random.normal(size=n) + 1.5 * labels)
    return labels.astype(int), p if places is None else p.round(places)


probability = st.floats(0, 1)
awkward = st.sampled_from([0.0, 1e-9, 0.1, 0.5, 0.5 + 2e-16, 0.7, 0.99, 1.0])  # ties, neighbours, both ends


# --- ranking ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("places", [None, 1])  # 1: nearly everything ties
def test_ranking_agrees_with_scikit_learn(places):
    labels, p = draw(211, seed=3, places=places)
    assert metrics.auc(labels, p) == pytest.approx(sk.roc_auc_score(labels, p), abs=1e-12)
    assert metrics.average_precision(labels, p) == pytest.approx(sk.average_precision_score(labels, p), abs=1e-12)
    fpr, tpr, _ = sk.roc_curve(labels, p)
    for limit in (0.01, 0.05):
        assert metrics.tpr_at_fpr(labels, p, limit) == pytest.approx(tpr[fpr <= limit].max())
    dense = np.linspace(0, 1, 200_001)
    crossing = dense[np.argmin(np.abs(dense - (1 - np.interp(dense, fpr, tpr))))] if places else None
    if crossing is not None:
        assert metrics.eer(labels, p) == pytest.approx(crossing, abs=1e-4)


def test_ranking_by_hand():
    labels, p = [0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]
    assert metrics.auc(labels, p) == 0.75  # of four pairs, one is the wrong way round
    assert metrics.eer(labels, p) == 0.5
    assert metrics.tpr_at_fpr(labels, p, 0.05) == 0.5
    assert metrics.auc([0, 1], [0.5, 0.5]) == 0.5 and metrics.eer([0, 1], [0.5, 0.5]) == 0.5
    assert metrics.auc([0, 1], [-7.0, 30.0]) == 1.0, "an AUC takes logits too"
    assert metrics.eer([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9]) == 0.0
    assert metrics.eer([1, 1, 0, 0], [0.1, 0.2, 0.8, 0.9]) == 1.0


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_is_undefined_not_half(label):
    found = binary_metrics([label] * 3, [0.1, 0.6, 0.9], 0.5)
    undefined = ("auc", "average_precision", "eer", "tpr_at_fpr_1", "tpr_at_fpr_5", "balanced_accuracy")
    assert all(found[key] is None for key in undefined)
    assert found["accuracy"] == pytest.approx([1 / 3, 2 / 3][label])
    assert found[["tpr", "fpr"][label]] is None
    assert found["report"]["mean"]["recall"] is None


# --- decisions -------------------------------------------------------------------------------------------------------


def test_decisions_agree_with_scikit_learn_when_some_abstain():
    labels, p = draw(120, seed=5)
    p[::11] = NAN
    found = binary_metrics(labels, p, t_high=0.6, t_low=0.4)
    codes = {"real": 0, "fake": 1, "undecided": 2, "unscored": 3}
    said = [codes[verdict] for verdict in metrics.verdicts(p, 0.6, 0.4)]
    matrix = sk.confusion_matrix(labels, said, labels=[0, 1, 2, 3])
    for row, name in enumerate(("real", "fake")):
        assert [found["confusion"][name][verdict] for verdict in codes] == matrix[row].tolist()
    report = sk.classification_report(labels, said, labels=[0, 1], output_dict=True, zero_division=0)
    for label, name in (("0", "real"), ("1", "fake"), ("macro avg", "mean")):
        for ours, theirs in (("precision", "precision"), ("recall", "recall"), ("f1", "f1-score")):
            assert found["report"][name][ours] == pytest.approx(report[label][theirs])
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(labels, said))
    assert found["n"] == 120 == sum(sum(row.values()) for row in found["confusion"].values())
    assert found["n_unscored"] == 11 and found["n_undecided"] == said.count(2)
    scored = np.isfinite(p)
    assert found["auc"] == pytest.approx(sk.roc_auc_score(labels[scored], p[scored]))


def test_decisions_by_hand():
    #                    real: right, undecided, accused, lost;   fake: caught, missed
    found = binary_metrics([0, 0, 0, 0, 1, 1], [0.1, 0.5, 0.9, NAN, 0.8, 0.2], t_high=0.8, t_low=0.2)
    assert found["confusion"] == {
        "real": {"real": 1, "undecided": 1, "fake": 1, "unscored": 1},
        "fake": {"real": 1, "undecided": 0, "fake": 1, "unscored": 0},
    }
    assert (found["accuracy"], found["accuracy_decided"], found["share_decided"]) == (2 / 6, 2 / 4, 4 / 6)
    assert (found["tpr"], found["fpr"], found["balanced_accuracy"]) == (0.5, 0.25, 0.375)
    assert found["report"]["real"] == {"precision": 0.5, "recall": 0.25, "f1": pytest.approx(1 / 3), "support": 4}


def test_a_score_on_the_threshold_is_decided():
    assert metrics.verdicts([0.4, 0.5, 0.6], 0.6, 0.4).tolist() == ["real", "undecided", "fake"]
    assert metrics.verdicts([0.5], 0.5, 0.5).tolist() == ["fake"]
    assert metrics.verdicts([0.49, 0.5], 0.5).tolist() == ["real", "fake"]


def test_nobody_decided():
    for p in ([NAN, NAN], [0.5, 0.5]):
        found = binary_metrics([0, 1], p, 0.9, 0.1)
        assert found["accuracy"] == 0 and found["share_decided"] == 0 and found["balanced_accuracy"] == 0
        assert found["accuracy_decided"] is None and found["report"]["fake"]["precision"] is None
    assert binary_metrics([0, 1], [NAN, NAN], 0.9)["auc"] is None
    empty = binary_metrics([], [], 0.5)
    assert empty["n"] == 0 and empty["accuracy"] is None and empty["auc"] is None


@pytest.mark.parametrize(
    ("labels", "p"),
    [([0, 1], [0.1]), ([0, 2], [0.1, 0.2]), ([0, 1], [0.1, 1.2]), ([0, 1], [-0.1, 0.2]), ([0, 1], [0.1, math.inf]),
     ([[0], [1]], [[0.1], [0.2]]), ([0.3, 0.7], [0, 1])],
)  # fmt: skip
def test_nonsense_is_refused(labels, p):
    with pytest.raises(DataError):
        binary_metrics(labels, p, 0.5)


@pytest.mark.parametrize("pair", [(0.0, 0.5), (0.6, 0.5), (0.5, 1.0), (NAN, 0.5), (0.5, NAN)])
def test_thresholds_refuse_what_is_no_pair(pair):
    with pytest.raises(DataError, match="t_low"):
        Thresholds(*pair)


# --- intervals -------------------------------------------------------------------------------------------------------


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
    monkeypatch.setattr(metrics, "MIN_GROUPS", 0)
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


# --- thresholds ------------------------------------------------------------------------------------------------------


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
