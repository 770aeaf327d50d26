"""Ranking and decisions against scikit-learn and by hand; edge cases are defined, not accidental."""

from __future__ import annotations

import math

import numpy as np
import pytest
from makers.scores import NAN, draw
from sklearn import metrics as sk

from spotterlib import metrics
from spotterlib.base import DataError
from spotterlib.metrics import binary_metrics

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
