"""A table of scored videos → its figures: as a whole, method by method, part by part, frame by frame.

What the table is made of, and where the thresholds come from, say `measure` and `point`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from .. import metrics
from ..base import DataError
from ..metrics import Thresholds

_TEXT = ("dataset", "compression", "method", "group", "ids", "status")
_NUMBERS = ("probability", "uncalibrated", "frame_probability")
_DIGITS = 6  # of a probability: what another number of threads changes lies below


def complete(table: pd.DataFrame) -> pd.DataFrame:
    """The table with every column that the figures read, in the order of its paths (and of its data sets).

    A video without a group is a group of its own. Raises `DataError` when a column that must be given is missing, or a
    video stands in it twice.
    """
    missing = {"path", "label", "probability"} - set(table.columns)
    if missing:
        raise DataError(f"The table of scores lacks the column(s) {', '.join(sorted(missing))}.")
    videos = table.copy()
    for name in _TEXT:
        videos[name] = videos[name].fillna("").astype(str) if name in videos else ""
    videos = videos.sort_values(["path", "dataset"], kind="stable").reset_index(drop=True)
    twice = videos[videos.duplicated(["dataset", "path"])]
    if len(twice):
        raise DataError(f"{twice['path'].iloc[0]} is in the table of scores twice. A video counts once.")
    videos["group"] = videos["group"].where(videos["group"] != "", "file " + videos["path"].astype(str))
    for name in _NUMBERS:
        videos[name] = pd.to_numeric(videos[name]).astype(np.float64) if name in videos else np.nan
    metrics.checked(videos["label"], videos["probability"])
    return videos


def there(table: pd.DataFrame) -> pd.DataFrame:
    """The videos of a table whose files were there: of a missing one nothing was measured, and it is in no figure.

    Raises `DataError` when all are missing.
    """
    if "status" not in table:
        return table
    kept = table[table["status"] != "missing"]
    if len(table) and kept.empty:
        raise DataError(
            f"Not one of the {len(table)} videos is there (the first: {table['path'].iloc[0]}), so there is nothing to "
            "measure. Put them back, or say where they are (Manifest.load(…, root=…)), and cache them again (02)."
        )
    return kept


def rounded(videos: pd.DataFrame) -> pd.DataFrame:
    """Scores to six digits, so that the machine's last bits change no figure."""
    kept: dict[str, Any] = {name: videos[name].round(_DIGITS) for name in _NUMBERS}
    if "frame_scores" in videos:
        kept["frame_scores"] = [tuple(round(score, _DIGITS) for score in each) for each in videos["frame_scores"]]
    return videos.assign(**kept)


def tokens_of(videos: pd.DataFrame) -> frozenset[str]:
    """What a video may not have in common with those that a threshold was chosen on: its file, its group, its people.

    A file is known by data set and path, so that two data sets may both have a real/001.mp4, and by its cached faces.
    """
    files = "file " + videos["dataset"] + " " + videos["path"].astype(str)
    groups = "group " + videos["dataset"] + " " + videos["group"]
    people = videos["ids"].str.split(";").explode().str.strip()
    named = ("person " + videos["dataset"].loc[people.index] + " " + people)[people != ""]
    kept = videos["file"].dropna().astype(str) if "file" in videos else pd.Series(dtype=str)
    cached = "stored faces " + kept[kept != ""]
    return frozenset([*files, *groups[~videos["group"].str.startswith("file ")], *named, *cached])


def figures_of(labels: np.ndarray, p: np.ndarray, thresholds: Thresholds) -> dict[str, float | None]:
    """Every single figure that an interval is given for, by name."""
    decided = metrics.decisions(labels, p, thresholds.t_high, thresholds.t_low)
    kept = ("accuracy", "balanced_accuracy", "tpr", "fpr", "f1", "share_decided", "accuracy_decided")
    return (
        metrics.ranking(labels, p)
        | {name: decided[name] for name in kept}
        | {f"{of.__name__}{'_balanced' * even}": of(p, labels, balanced=even)
           for of in (metrics.ece, metrics.brier) for even in (False, True)}
    )  # fmt: skip


def video_level(videos: pd.DataFrame, thresholds: Thresholds, n: int, seed: int) -> dict[str, Any]:
    """`binary_metrics`, calibration, and the intervals of all figures."""
    labels, p = metrics.checked(videos["label"], videos["probability"])
    high, low = thresholds.t_high, thresholds.t_low
    centre = float(expit((logit(low) + logit(high)) / 2))
    found = metrics.binary_metrics(labels, p, high, low) | figures_of(labels, p, thresholds)
    drawn = metrics.bootstrap_intervals(
        labels, p, videos["group"], lambda some, scores: figures_of(some, scores, thresholds), n, seed
    )
    raw = videos["uncalibrated"]
    return found | {
        "intervals": dict.fromkeys(figures_of(labels, p, thresholds)) | drawn,
        "uncalibrated": {
            "ece_balanced": metrics.ece(raw, labels, balanced=True),
            "brier_balanced": metrics.brier(raw, labels, balanced=True),
        },
        "reliability": metrics.reliability(p, labels, balanced=True).to_dict("records"),
        "selective": metrics.selective_curve(p, labels, centre).to_dict("records"),
    }


def frame_level(videos: pd.DataFrame, n: int, seed: int) -> dict[str, Any]:
    """The frame head: every frame by itself, and a video by the mean of its frames; each None where there is none."""
    means = videos["frame_probability"].to_numpy()
    found: dict[str, Any] = {"frame": None, "frame_mean": None}
    if np.isfinite(means).any():
        labels = videos["label"].to_numpy()
        level = {"level": "video, by the mean of its frames' scores"}
        found["frame_mean"] = level | _ranked(labels, means, videos["group"], n, seed)
    if "frame_scores" in videos:
        each = videos[["label", "group", "frame_scores"]].explode("frame_scores").dropna()
        if len(each):
            scores = each["frame_scores"].to_numpy(np.float64)
            level = {"level": "frame, each by itself"}
            found["frame"] = level | _ranked(each["label"].to_numpy(int), scores, each["group"], n, seed)
    return found


def line_of(videos: pd.DataFrame, thresholds: Thresholds, n: int, seed: int) -> dict[str, Any]:
    """One row of a table: counts, AUC, and what happens at the thresholds, each with its interval's two ends."""
    labels, p = metrics.checked(videos["label"], videos["probability"])

    def short(some: np.ndarray, scores: np.ndarray) -> dict[str, float | None]:
        decided = metrics.decisions(some, scores, thresholds.t_high, thresholds.t_low)
        return {"auc": metrics.auc(some, scores)} | {name: decided[name] for name in ("tpr", "fpr")}

    drawn = metrics.bootstrap_intervals(labels, p, videos["group"], short, n, seed)
    decided = metrics.decisions(labels, p, thresholds.t_high, thresholds.t_low)
    line: dict[str, Any] = {"n_groups": videos["group"].nunique()} | metrics.counts_of(labels, p)
    line |= {"n_undecided": decided["n_undecided"], "eer": metrics.eer(labels, p)}
    line |= {"accused": decided["confusion"]["real"]["fake"], "caught": decided["confusion"]["fake"]["fake"]}
    for name, value in short(labels, p).items():
        low, high = drawn.get(name) or (None, None)
        line |= {name: value, f"{name}_low": low, f"{name}_high": high}
    return line


def per_method(videos: pd.DataFrame, thresholds: Thresholds, n: int = 1000, seed: int = 0) -> pd.DataFrame:
    """Each method of each dataset and compression against its own reals: one row each, with counts and figures.

    Own reals: those of the same dataset and compression that share a group with the method's fakes (`reals` = "own");
    where none does, all reals of that dataset and compression (`reals` = "all"). The manipulations of a pair are never
    merged: each is a video, and each method has a row.
    """
    videos, lines, cell = complete(videos), [], ["dataset", "compression", "method"]
    for names, fakes in videos[videos["label"] == 1].groupby(cell):
        alike = (videos["dataset"] == names[0]) & (videos["compression"] == names[1])
        same = videos[(videos["label"] == 0) & alike]
        own = same[same["group"].isin(set(fakes["group"]))]
        rows = pd.concat([own if len(own) else same, fakes])
        head = dict(zip(cell, names, strict=True)) | {"reals": "own" if len(own) else "all"}
        lines.append(head | line_of(rows, thresholds, n, seed))
    return pd.DataFrame(lines)


def per_part(
    videos: pd.DataFrame, column: str, thresholds: Thresholds, n: int = 1000, seed: int = 0
) -> list[dict[str, Any]]:
    """Each dataset, or each compression: one row each; `auc` of all its fakes, `auc_methods` the mean over methods."""
    methods = per_method(videos, thresholds, 0, seed)
    lines = []
    for name, part in complete(videos).groupby(column):
        line = {column: name} | line_of(part, thresholds, n, seed)
        alone = methods.loc[methods[column] == name, "auc"].dropna() if len(methods) else []
        lines.append(line | {"auc_methods": float(np.mean(alone)) if len(alone) else None})
    return lines


def group_counts(videos: pd.DataFrame, thresholds: Thresholds) -> list[dict[str, Any]]:
    """What is shown where an interval would promise too much: the confusion counts of every group."""
    lines = []
    for group, part in videos.groupby("group"):
        labels, p = metrics.checked(part["label"], part["probability"])
        counts = metrics.confusion(labels, p, thresholds.t_high, thresholds.t_low)
        lines.append({"group": group, "accused": counts["real"]["fake"], "missed": counts["fake"]["real"]} | counts)
    return lines


def differences(
    labels: Any, groups: Any, scores: tuple[Any, Any], points: tuple[Thresholds, Thresholds], n: int, seed: int
) -> dict[str, dict[str, Any]]:
    """Two scores of the same videos, each at its own thresholds: every figure of both, first minus second, interval."""
    labels = np.asarray(labels)
    both = np.column_stack([np.asarray(score, dtype=np.float64) for score in scores])

    def gaps(some: np.ndarray, pair: np.ndarray) -> dict[str, float | None]:
        one, other = (figures_of(some, pair[:, k], points[k]) for k in (0, 1))
        return {k: None if one[k] is None or other[k] is None else one[k] - other[k] for k in one}

    first, second = (figures_of(labels, both[:, k], points[k]) for k in (0, 1))
    drawn = metrics.bootstrap_intervals(labels, both, groups, gaps, n, seed)
    return {
        name: {"first": first[name], "second": second[name], "difference": gap, "interval": drawn.get(name)}
        for name, gap in gaps(labels, both).items()
    }


def _ranked(labels: np.ndarray, p: np.ndarray, groups: pd.Series, n: int, seed: int) -> dict[str, Any]:
    interval = metrics.bootstrap_interval(labels, p, groups, metrics.auc, n, seed)
    return metrics.counts_of(labels, p) | metrics.ranking(labels, p) | {"intervals": {"auc": interval}}
