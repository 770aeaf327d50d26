"""How well scores rank fakes above reals, and what decisions at a threshold are worth."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.stats import rankdata
from sklearn.metrics import average_precision_score, roc_curve

from .scores import check_share, checked, ratio, scored
from .thresholds import Thresholds, confusion

MIN_GROUPS = 10
"""Fewer independent groups than this carry no interval: counts are shown instead. Of a class that a figure rests on
there are half as many at least."""

Statistic = Callable[[np.ndarray, np.ndarray], float | None]


def auc(labels: Any, scores: Any) -> float | None:
    """Area under the ROC curve, ties counted half (Mann–Whitney U); scores on any scale; None with one class."""
    labels, scores = scored(labels, scores, top=math.inf)
    fakes = int(labels.sum())
    ranks = rankdata(scores)[labels == 1].sum() - fakes * (fakes + 1) / 2
    return ratio(ranks, fakes * (len(labels) - fakes))


def average_precision(labels: Any, probabilities: Any) -> float | None:
    """Average precision of "fake" (precision summed over the steps of recall); None with one class."""
    labels, p = scored(labels, probabilities)
    return float(average_precision_score(labels, p)) if len(np.unique(labels)) == 2 else None


def eer(labels: Any, probabilities: Any) -> float | None:
    """Equal error rate: where the ROC curve, joined by straight lines, has FPR = 1 − TPR; None with one class."""
    return _eer(_curve(*scored(labels, probabilities)))


def tpr_at_fpr(labels: Any, probabilities: Any, fpr: float) -> float | None:
    """The largest share of fakes caught by a threshold that accuses at most `fpr` of the reals; None with one class.

    No interpolation: with fewer than 1/`fpr` reals this is the share caught without accusing a single one. Raises
    `DataError` where `fpr` is not 0…1.
    """
    check_share("The false positive rate", fpr)
    return _caught(_curve(*scored(labels, probabilities)), fpr)


_Curve = tuple[np.ndarray, np.ndarray] | None


def _curve(labels: np.ndarray, p: np.ndarray) -> _Curve:
    """Shares accused and caught at every threshold, from (0, 0) to (1, 1); None with one class."""
    return roc_curve(labels, p, drop_intermediate=False)[:2] if 0 < labels.sum() < len(labels) else None


def _eer(curve: _Curve) -> float | None:
    # FPR − (1 − TPR) rises from −1 to 1, strictly: each step of the curve moves right or up
    return None if curve is None else float(np.interp(0, curve[0] + curve[1] - 1, curve[0]))


def _caught(curve: _Curve, fpr: float) -> float | None:
    return None if curve is None else float(curve[1][curve[0] <= fpr + 1e-12].max())


def ranking(labels: Any, probabilities: Any) -> dict[str, float | None]:
    """What needs no threshold: auc, average_precision, eer, tpr_at_fpr_1 and tpr_at_fpr_5; None with one class."""
    labels, p = scored(labels, probabilities)
    curve = _curve(labels, p)
    return {
        "auc": auc(labels, p),
        "average_precision": average_precision(labels, p),
        "eer": _eer(curve),
        "tpr_at_fpr_1": _caught(curve, 0.01),
        "tpr_at_fpr_5": _caught(curve, 0.05),
    }


def counts_of(labels: np.ndarray, p: np.ndarray) -> dict[str, int]:
    """How many videos there are: n, n_real, n_fake, n_unscored."""
    fakes = int((labels == 1).sum())
    return {"n": len(labels), "n_real": len(labels) - fakes, "n_fake": fakes, "n_unscored": int(np.isnan(p).sum())}


def decisions(labels: np.ndarray, p: np.ndarray, t_high: float, t_low: float | None) -> dict[str, Any]:
    """The part of `binary_metrics` that depends on the thresholds, for labels and probabilities already checked."""
    counts, names = confusion(labels, p, t_high, t_low), ("real", "fake")
    report: dict[str, dict[str, Any]] = {}
    for name, other in (names, names[::-1]):
        right, wrong, support = counts[name][name], counts[other][name], sum(counts[name].values())
        precision, recall = ratio(right, right + wrong), ratio(right, support)
        f1 = ratio(2 * right, right + wrong + support)
        report[name] = {"precision": precision, "recall": recall, "f1": f1, "support": support}
    pairs = {key: [report[name][key] for name in names] for key in ("precision", "recall", "f1")}
    report["mean"] = {key: None if None in pair else sum(pair) / 2 for key, pair in pairs.items()}
    right = counts["real"]["real"] + counts["fake"]["fake"]
    decided = sum(counts[name][verdict] for name in names for verdict in names)
    return {
        "t_low": float(t_high if t_low is None else t_low),
        "t_high": float(t_high),
        "n_undecided": counts["real"]["undecided"] + counts["fake"]["undecided"],
        "share_decided": ratio(decided, len(labels)),
        "accuracy": ratio(right, len(labels)),
        "accuracy_decided": ratio(right, decided),
        "balanced_accuracy": report["mean"]["recall"],
        "tpr": report["fake"]["recall"],
        "fpr": ratio(counts["real"]["fake"], report["real"]["support"]),
        "f1": report["fake"]["f1"],
        "confusion": counts,
        "report": report,
    }


def binary_metrics(labels: Any, probabilities: Any, t_high: float, t_low: float | None = None) -> dict[str, Any]:
    """All figures of one set of videos at one pair of thresholds; plain numbers, None where undefined.

    A video without a verdict (undecided, unscored) is a miss of its class: it lowers recall, `accuracy` and
    `balanced_accuracy` (the mean of both recalls). `accuracy_decided` is the accuracy where a verdict was given and
    `share_decided` how often that was. `tpr` and `fpr` are the shares of fakes and of reals called fake; `f1` is that
    of "fake"; `report` has precision, recall, F1 and support of both classes, and the plain mean of both.
    """
    labels, p = checked(labels, probabilities)
    Thresholds(t_high if t_low is None else t_low, t_high)  # refuses what is no pair of thresholds
    return counts_of(labels, p) | ranking(labels, p) | decisions(labels, p, t_high, t_low)
