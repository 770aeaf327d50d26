"""The page of an evaluation: what its tables, pictures and sentences hold, laid out by `evaluation.html`."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from ..base import count_of, to_json, words_of
from ..evidence import data_address, figure_text, fill_page
from ..metrics import probability_text
from .measure import Evaluation
from .references import side_by_side

Table = dict[str, list[Any]]
"""A table of the page: "head", a name a column, and "rows", as many texts each."""

TRUTH = ("REAL", "FAKE")
"""The verdict that a label should get."""

FIGURE_NAMES = {
    "auc": "AUC",
    "auc_methods": "AUC, mean of its methods",
    "average_precision": "average precision",
    "eer": "equal error rate",
    "tpr_at_fpr_1": "fakes caught at 1 % FPR",
    "tpr_at_fpr_5": "fakes caught at 5 % FPR",
    "balanced_accuracy": "balanced accuracy",
    "tpr": "fakes called FAKE (TPR)",
    "fpr": "reals called FAKE (FPR)",
    "f1": "F1 of “fake”",
    "share_decided": "share decided",
    "accuracy_decided": "accuracy of those decided",
    "ece": "calibration error (ECE)",
    "ece_balanced": "ECE, real and fake alike",
    "brier": "Brier score",
    "brier_balanced": "Brier score, real and fake alike",
    "n_real": "reals",
    "n_fake": "fakes",
    "n_groups": "groups",
    "n_unscored": "no score",
    "n_undecided": "undecided",
    "auc_change": "change of AUC",
    "fpr_change": "change of FPR",
    "found": "faces found",
    "missing": "not there",
}
"""What a figure is called on the page, where its name in evaluation.json will not do."""


def evaluation_page(
    evaluation: Evaluation, figures: dict[str, Figure], robustness: pd.DataFrame | None, videos: str
) -> str:
    """The report as one HTML text with its pictures inside; videos: the folder that the paths lie in, or ""."""
    facts, against = evaluation.facts, evaluation.facts["against"]
    part = facts["split"] or "all of it"
    published = side_by_side([facts])
    sources = list(dict.fromkeys(published["source"]))
    damaged = None if robustness is None else robustness.to_dict("records")
    gone = max((int(line.get("missing", 0)) for line in damaged or ()), default=0)
    tables = {
        "figures": _figures(facts["video"]),
        "classes": _classes(facts["video"]),
        "frames": _frames(facts),
        "methods": _lines(facts["per_method"], ["method", "dataset", "compression", "reals"]),
        "datasets": _lines(facts["per_dataset"], ["dataset"], ["auc_methods"]),
        "compressions": _lines(facts["per_compression"], ["compression"], ["auc_methods"]),
        "robustness": None if damaged is None else _lines(damaged, ["name"]),
        "differences": None if against is None else _differences(against),
        "references": _references(published, sources),
        "groups": _groups(facts),
        "provenance": _provenance(facts),
    }
    return fill_page(
        "evaluation.html",
        title=f"{facts['checkpoint']['name']} on {', '.join(facts['data']['datasets'])}, {part}",
        leaks=evaluation.leaks,
        audit=facts["leak"]["verdict"],
        summary=repr(evaluation),
        notes=facts["notes"],
        pictures={name: _picture(figure) for name, figure in figures.items()},
        tables=tables,
        calibration=_calibration(facts),
        rival="" if against is None else against["checkpoint"]["name"],
        sources=sources,
        compared=len(sources) > len({line for line in sources if line.endswith("this evaluation")}),
        mistakes=_into_05(facts, videos),
        groups=len(facts["groups"]),
        damage="The videos damaged, their faces found anew."
        + (f" {count_of(gone, 'video')} not there any more, and in no row." if gone else ""),
    )


def surest_mistakes(facts: dict[str, Any]) -> list[dict[str, Any]]:
    """The videos called the opposite of what they are, the surest first."""
    wrong = [row for row in facts["verdicts"] if row["verdict"] == TRUTH[1 - row["label"]]]
    return sorted(wrong, key=lambda row: -abs(row["label"] - row["probability"]))


def _picture(figure: Figure) -> dict[str, str]:
    """A figure as an address that carries it, its title as the text alternative."""
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=100, metadata={"Software": None})
    return {"words": words_of(figure), "address": data_address(picture.getvalue(), "png")}


def _table(head: Sequence[str], rows: list[list[str]]) -> Table:
    return {"head": [FIGURE_NAMES.get(name, name) for name in head], "rows": rows}


def _between(ends: Any) -> str:
    """An interval; "–" where there is none."""
    missing = ends is None or None in ends or any(end != end for end in ends)
    return "–" if missing else f"{ends[0]:.3f} to {ends[1]:.3f}"


def _figures(video: dict[str, Any]) -> Table:
    names = [(name, _between(ends)) for name, ends in video["intervals"].items()]
    rows = [[FIGURE_NAMES.get(name, name), figure_text(video[name]), between] for name, between in names]
    return _table(["figure", "value", "95 %, over groups"], rows)


def _classes(video: dict[str, Any]) -> Table:
    names = ["precision", "recall", "f1", "support"]
    rows = [[kind, *(figure_text(line.get(name)) for name in names)] for kind, line in video["report"].items()]
    return _table(["class", *names], rows)


def _frames(facts: dict[str, Any]) -> Table:
    names = ["n", "auc", "average_precision", "eer", "tpr_at_fpr_1", "tpr_at_fpr_5"]
    levels = [facts[key] for key in ("frame", "frame_mean") if facts[key] is not None]
    rows = [
        [line["level"], *(figure_text(line[name]) for name in names), _between(line["intervals"]["auc"])]
        for line in levels
    ]
    return _table(["level", *names, "AUC, 95 %"], rows)


def _lines(lines: list[dict[str, Any]], first: Sequence[str], last: Sequence[str] = ()) -> Table:
    """Rows of `tables.line_of`: what each is, its counts, its figures with their intervals, and those of `last`."""
    names = [*first, "n_real", "n_fake", "n_groups", "n_unscored", "n_undecided", "accused", "caught"]
    rows = []
    for line in lines:
        row = [figure_text(line[name]) for name in names]
        for figure in ("auc", "fpr", "tpr"):
            row += [figure_text(line[figure]), _between((line[f"{figure}_low"], line[f"{figure}_high"]))]
        rows.append(row + [figure_text(line[name]) for name in last])
    return _table([*names, "AUC", "95 %", "FPR", "95 %", "TPR", "95 %", *last], rows)


def _calibration(facts: dict[str, Any]) -> dict[str, str]:
    video, fitted = facts["video"], facts["checkpoint"]["calibration"]["clip"]
    return {
        "scale": f"{fitted['scale']:.2f}",
        "bias": f"{fitted['bias']:+.2f}",
        "ece": figure_text(video["ece_balanced"]),
        "brier": figure_text(video["brier_balanced"]),
        "ece_without": figure_text(video["uncalibrated"]["ece_balanced"]),
        "brier_without": figure_text(video["uncalibrated"]["brier_balanced"]),
        "undecided": str(video["n_undecided"]),
        "unscored": str(video["n_unscored"]),
    }


def _differences(against: dict[str, Any]) -> Table:
    rows = []
    for name, line in against["differences"].items():
        values = [figure_text(line[key]) for key in ("first", "second", "difference")]
        rows.append([FIGURE_NAMES.get(name, name), *values, _between(line["interval"])])
    return _table(["figure", "this", against["checkpoint"]["name"], "difference", "95 %"], rows)


def _references(published: pd.DataFrame, sources: list[str]) -> Table:
    """The table of `side_by_side`, each line with the number of its source."""
    rows = []
    for line in published.to_dict("records"):
        cells = [line["model"], line["training_data"], line["test_set"], line["level"], line["metric"]]
        ends = _between((line["low"], line["high"]))
        rows.append([*cells, figure_text(line["number"]), ends, f"[{sources.index(line['source']) + 1}]"])
    return _table(["model", "trained on", "test set", "level", "metric", "number", "95 %", "source"], rows)


def _into_05(facts: dict[str, Any], videos: str) -> list[dict[str, str]]:
    """The twenty surest mistakes: the path to set in notebook 05, and what went wrong."""
    return [
        {
            "path": f"{videos}/{row['path']}" if videos else row["path"],
            "said": f"{TRUTH[row['label']].lower()}, called {row['verdict']}, "
            + probability_text(row["probability"], "p"),
        }
        for row in surest_mistakes(facts)[:20]
    ]


def _groups(facts: dict[str, Any]) -> Table:
    """The forty groups with most mistakes: a count for each class and verdict."""
    worst = sorted(facts["groups"], key=lambda line: (-line["accused"] - line["missed"], line["group"]))[:40]
    rows = [
        [line["group"], *(str(line[kind][verdict]) for kind in ("real", "fake") for verdict in line[kind])]
        for line in worst
    ]
    head = [f"{kind}: {verdict}" for kind in ("real", "fake") for verdict in facts["groups"][0]["real"]]
    return _table(["group", *head], rows)


def _provenance(facts: dict[str, Any]) -> Table:
    checkpoint, t = facts["checkpoint"], facts["thresholds"]
    below = "<" if t["t_low"] == t["t_high"] else "≤"  # one threshold belongs to FAKE
    rows = [
        ["checkpoint", f"{checkpoint['name']}, SHA-256 {checkpoint['sha256']}"],
        ["its card", f"SHA-256 {checkpoint['card_sha256']}"],
        ["thresholds", f"REAL at p {below} {t['t_low']:.3f}, FAKE at p ≥ {t['t_high']:.3f}; from {t['origin']}"],
        ["videos", f"{facts['data']['videos']}, SHA-256 of the table {facts['data']['sha256']}"],
        ["what became of them", ", ".join(f"{name}: {count}" for name, count in facts["status"].items())],
        ["intervals", f"95 %, bootstrap over groups, {facts['draws']} draws, seed {facts['seed']}"],
        ["versions", to_json(facts["versions"], indent=None)],
    ]
    return _table(["what", "which"], rows)
