"""From scores to figures that can be defended: ranking, decisions, intervals over groups, calibration, thresholds.

Throughout: a label is 0 (real) or 1 (fake); a probability is that of "fake", 0…1, and NaN where a video got no score
(no face, unreadable). Such a video is counted in every decision figure and never dropped; only what ranks or averages
scores (AUC, Brier, …) has to leave it out, and `n_unscored` stands beside it. What is undefined is None, never 0 or .5.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit, logit
from scipy.stats import rankdata
from sklearn.metrics import average_precision_score, roc_curve

from ._calibration import (
    VERDICTS,
    Thresholds,
    brier,
    checked,
    choose_thresholds,
    combine_odds,
    confusion,
    ece,
    fit_calibration,
    ratio,
    reliability,
    scored,
    selective_curve,
    verdicts,
)
from .project import DataError, to_json

__all__ = [
    "MIN_GROUPS", "VERDICTS", "Thresholds", "auc", "average_precision", "binary_metrics", "bootstrap_difference",
    "bootstrap_interval", "brier", "choose_thresholds", "combine_odds", "confusion", "ece", "eer", "evaluate_table",
    "fit_calibration", "per_method", "reliability", "selective_curve", "tpr_at_fpr", "verdicts",
]  # fmt: skip

MIN_GROUPS = 10
"""Fewer independent groups than this carry no interval: counts are shown instead."""

Statistic = Callable[[np.ndarray, np.ndarray], float | None]


# --- ranking: needs no threshold -------------------------------------------------------------------------------------


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
    labels, p = scored(labels, probabilities)
    if len(np.unique(labels)) < 2:
        return None
    fpr, tpr, _ = roc_curve(labels, p, drop_intermediate=False)
    gap = fpr + tpr - 1  # rises from −1 to 1, strictly: each step of the curve moves right or up
    return float(np.interp(0, gap, fpr))


def tpr_at_fpr(labels: Any, probabilities: Any, fpr: float) -> float | None:
    """The largest share of fakes caught by a threshold that accuses at most `fpr` of the reals; None with one class.

    No interpolation: with fewer than 1/`fpr` reals this is the share caught without accusing a single one.
    """
    labels, p = scored(labels, probabilities)
    if len(np.unique(labels)) < 2:
        return None
    accused, caught, _ = roc_curve(labels, p, drop_intermediate=False)
    return float(caught[accused <= fpr + 1e-12].max())


def _ranking(labels: np.ndarray, p: np.ndarray) -> dict[str, Any]:
    return {
        "n": len(labels),
        "n_real": int((labels == 0).sum()),
        "n_fake": int((labels == 1).sum()),
        "n_unscored": int(np.isnan(p).sum()),
        "auc": auc(labels, p),
        "average_precision": average_precision(labels, p),
        "eer": eer(labels, p),
        "tpr_at_fpr_1": tpr_at_fpr(labels, p, 0.01),
        "tpr_at_fpr_5": tpr_at_fpr(labels, p, 0.05),
    }


# --- decisions -------------------------------------------------------------------------------------------------------


def _decisions(labels: np.ndarray, p: np.ndarray, t_high: float, t_low: float | None) -> dict[str, Any]:
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
    return _ranking(labels, p) | _decisions(labels, p, t_high, t_low)


# --- intervals -------------------------------------------------------------------------------------------------------


def bootstrap_interval(
    labels: Any, scores: Any, groups: Any, statistic: Statistic, n: int = 1000, seed: int = 0
) -> tuple[float, float] | None:
    """95 % percentile bootstrap interval of `statistic(labels, scores)`, drawing whole groups with replacement.

    `labels` (N,), `scores` (N,) or (N, K), `groups` (N,): rows with the same value stand or fall together (people,
    not videos, are what is independent). The order of the rows does not matter. None, and counts are to be shown
    instead, where an interval would claim more than is known: fewer than `MIN_GROUPS` groups with a score; half of the
    draws undefined; or all draws equal (an AUC of 1 does not become certain by resampling itself).
    Percentile intervals run a little narrow under some 30 groups (Efron & Tibshirani, 1993, ch. 13–14).
    """
    labels, scores, groups = np.asarray(labels), np.asarray(scores, dtype=np.float64), np.asarray(groups).astype(str)
    if not len(labels) == len(scores) == len(groups):
        raise DataError(f"As many groups as scores, please: {len(labels)}, {len(scores)} and {len(groups)}.")
    with_score = np.isfinite(scores).all(axis=tuple(range(1, scores.ndim)))
    if len(np.unique(groups[with_score])) < MIN_GROUPS:
        return None
    _, codes, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    rows = np.split(np.argsort(codes, kind="stable"), np.cumsum(sizes)[:-1])
    random = np.random.default_rng(seed)
    draws = []
    for _ in range(n):
        picked = np.concatenate([rows[group] for group in random.integers(len(rows), size=len(rows))])
        value = statistic(labels[picked], scores[picked])
        if value is not None and math.isfinite(value):
            draws.append(value)
    if 2 * len(draws) < n or min(draws) == max(draws):
        return None
    low, high = np.percentile(draws, [2.5, 97.5])
    return float(low), float(high)


def bootstrap_difference(
    labels: Any, scores_a: Any, scores_b: Any, groups: Any, statistic: Statistic, n: int = 1000, seed: int = 0
) -> tuple[float, float] | None:
    """95 % interval of `statistic` of a minus that of b: two checkpoints on the same videos, drawn together."""

    def difference(drawn: np.ndarray, both: np.ndarray) -> float | None:
        a, b = statistic(drawn, both[:, 0]), statistic(drawn, both[:, 1])
        return None if a is None or b is None else a - b

    both = np.column_stack([np.asarray(scores_a, dtype=np.float64), np.asarray(scores_b, dtype=np.float64)])
    return bootstrap_interval(labels, both, groups, difference, n, seed)


# --- a table of scored videos ----------------------------------------------------------------------------------------


def _videos(table: pd.DataFrame) -> pd.DataFrame:
    """The table with every column that the figures read; a video without a group is a group of its own."""
    missing = {"path", "label", "group", "probability"} - set(table.columns)
    if missing:
        raise DataError(f"The table of scores lacks the column(s) {', '.join(sorted(missing))}.")
    videos = table.copy()
    for name in ("dataset", "compression", "method", "group"):
        videos[name] = videos[name].fillna("").astype(str) if name in videos else ""
    videos["group"] = videos["group"].where(videos["group"] != "", "file " + videos["path"].astype(str))
    for name in ("probability", "frame_probability"):
        videos[name] = pd.to_numeric(videos[name]).astype(np.float64) if name in videos else np.nan
    return videos.reset_index(drop=True)


def per_method(table: pd.DataFrame, thresholds: Thresholds | None = None, n: int = 1000, seed: int = 0) -> pd.DataFrame:
    """Each method of each dataset and compression against its own reals: one row each, with counts and figures.

    Own reals: those of the same dataset and compression that share a group with the method's fakes (`reals` = "own");
    where none does, all reals of that dataset and compression (`reals` = "all"). The manipulations of a pair are never
    merged. `auc_low` and `auc_high` are None under ten groups; `tpr`, `fpr` and `n_undecided` stand with thresholds.
    """
    videos, lines, cell = _videos(table), [], ["dataset", "compression", "method"]
    for names, fakes in videos[videos["label"] == 1].groupby(cell):
        alike = (videos["dataset"] == names[0]) & (videos["compression"] == names[1])
        same = videos[(videos["label"] == 0) & alike]
        own = same[same["group"].isin(set(fakes["group"]))]
        rows = pd.concat([own if len(own) else same, fakes])
        labels, p = checked(rows["label"], rows["probability"])
        low, high = bootstrap_interval(labels, p, rows["group"], auc, n, seed) or (None, None)
        line = dict(zip(cell, names, strict=True)) | {"reals": "own" if len(own) else "all"}
        line |= {"n_groups": rows["group"].nunique()} | _ranking(labels, p) | {"auc_low": low, "auc_high": high}
        if thresholds is not None:
            decided = _decisions(labels, p, thresholds.t_high, thresholds.t_low)
            line |= {key: decided[key] for key in ("tpr", "fpr", "n_undecided")}
        lines.append(line)
    return pd.DataFrame(lines)


def evaluate_table(
    table: pd.DataFrame, thresholds: Thresholds, split: str | None = "test", n: int = 1000, seed: int = 0
) -> dict[str, Any]:
    """The evaluation of scored videos, ready for JSON: the same table and seed give the same text.

    Columns: path, label, group, probability; optional split, dataset, compression, method, frame_probability (the mean
    of a video's frame scores) and status. `split` picks the rows (None: all of them). The thresholds come from
    elsewhere, the card or validation: nothing here chooses one. Keys: `video` (the verdict's level: `binary_metrics`,
    calibration and `intervals`), `frame` (the frame head's mean, ranking only; None without it), `per_method`, `groups`
    (the confusion counts group by group), `status`. An interval is None under ten groups: show the counts.
    Raises `DataError` when a column or the split is missing.
    """
    if split is not None and ("split" not in table or not (table["split"] == split).any()):
        raise DataError(f"The table of scores has no video in the split “{split}”. Score that split first.")
    videos = _videos(table if split is None else table[table["split"] == split])
    labels, p = checked(videos["label"], videos["probability"])
    frame_scores = checked(labels, videos["frame_probability"])[1]
    high, low = thresholds.t_high, thresholds.t_low

    def decision(key: str) -> Statistic:
        return lambda drawn, scores: _decisions(drawn, scores, high, low)[key]

    ranked: dict[str, Statistic] = {"auc": auc, "average_precision": average_precision, "eer": eer}
    judged = ranked | {key: decision(key) for key in ("balanced_accuracy", "tpr", "fpr")}
    judged |= {"ece": lambda drawn, scores: ece(scores, drawn), "brier": lambda drawn, scores: brier(scores, drawn)}

    def intervals(scores: np.ndarray, statistics: dict[str, Statistic]) -> dict[str, Any]:
        return {key: bootstrap_interval(labels, scores, videos["group"], of, n, seed) for key, of in statistics.items()}

    video = binary_metrics(labels, p, high, low) | {"ece": ece(p, labels), "brier": brier(p, labels)}
    video["intervals"] = intervals(p, judged)
    video["reliability"] = reliability(p, labels).to_dict("records")
    video["selective"] = selective_curve(p, labels, float(expit((logit(low) + logit(high)) / 2))).to_dict("records")
    frame = None
    if np.isfinite(frame_scores).any():
        frame = {"level": "mean of a video's frame scores"} | _ranking(labels, frame_scores)
        frame["intervals"] = intervals(frame_scores, ranked)
    rows = ((group, member.index) for group, member in videos.groupby("group"))
    status = videos["status"].astype(str).value_counts().sort_index().to_dict() if "status" in videos else {}
    result = {
        "split": split,
        "thresholds": asdict(thresholds),
        "n_groups": videos["group"].nunique(),
        "seed": seed,
        "draws": n,
        "video": video,
        "frame": frame,
        "per_method": per_method(videos, thresholds, n, seed).to_dict("records"),
        "groups": [{"group": group} | confusion(labels[at], p[at], high, low) for group, at in rows],
        "status": status,
    }
    return json.loads(to_json(result))
