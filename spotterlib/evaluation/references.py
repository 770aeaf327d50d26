"""Where a checkpoint stands: evaluations on several data sets side by side, and figures that others published."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ..base import DataError

PUBLISHED = Path(__file__).with_name("published.csv")
"""One published figure a line, with the place that it was read in."""

COLUMNS = ("model", "training_data", "test_set", "level", "metric", "number", "source")


def load_published() -> pd.DataFrame:
    """Figures that others published: `COLUMNS`, number 0…1. Raises `DataError` when the file is not whole."""
    try:
        table = pd.read_csv(PUBLISHED, comment="#")
    except (OSError, ValueError) as error:
        raise DataError(f"{PUBLISHED} cannot be read ({error}). Restore it from the repository.") from error
    if tuple(table.columns) != COLUMNS or not table["number"].between(0, 1).all() or table.isna().any(axis=None):
        raise DataError(f"{PUBLISHED} should have the columns {', '.join(COLUMNS)}, every one filled. Restore it.")
    return table


def side_by_side(evaluations: Sequence[dict[str, Any]], published: bool = True) -> pd.DataFrame:
    """The AUC of evaluations, data set by data set, at video and at frame level, above what others published on the
    same data set at the same level. Under figures on somebody's own clips there is none: no AUC holds across data sets.

    evaluations: the `facts` of each, or the content of its evaluation.json. `COLUMNS`, and low and high (95 %, NaN
    where there is no interval), n and accused (share of the reals called FAKE, at the card's thresholds).
    """
    lines = []
    for facts in evaluations:
        about = facts["checkpoint"]
        mark = {False: "leaking split: ", None: "not checked for leaks: "}.get(facts["leak"]["ok"], "")
        head = {"model": about["name"], "training_data": about.get("training", ""), "metric": "AUC"}
        for part in facts["per_dataset"]:
            line = {"test_set": part["dataset"], "level": "video", "number": part["auc"], "n": part["n"]}
            ends = {"low": part["auc_low"], "high": part["auc_high"], "accused": part["fpr"]}
            lines.append(head | line | ends | {"source": f"{mark}this evaluation"})
        if facts["frame"] is not None and len(facts["per_dataset"]) == 1:
            low, high = facts["frame"]["intervals"]["auc"] or (None, None)
            line = {"test_set": facts["per_dataset"][0]["dataset"], "level": "frame", "number": facts["frame"]["auc"]}
            lines.append(head | line | {"low": low, "high": high, "source": f"{mark}this evaluation"})
    table = pd.DataFrame(lines, columns=[*COLUMNS, "low", "high", "n", "accused"])
    return pd.concat([table, _comparable(evaluations, table)], ignore_index=True) if published else table


def _comparable(evaluations: Sequence[dict[str, Any]], table: pd.DataFrame) -> pd.DataFrame:
    """The published figures of a data set (of one compression, where they name one) and level that are in the table."""
    names: dict[str, set[str]] = {}
    for facts in evaluations:
        codecs = [part["compression"] for part in facts["per_compression"]]
        for part in facts["per_dataset"]:
            alone = {f"{part['dataset']} {codecs[0]}"} if len(codecs) == len(facts["per_dataset"]) == 1 else set()
            names.setdefault(part["dataset"], set()).update({part["dataset"]} | alone)
    there = {(name, row.level) for row in table.itertuples() for name in names[row.test_set]}
    others = load_published()
    return others[[pair in there for pair in zip(others["test_set"], others["level"], strict=True)]]
