"""The page of an evaluation: one HTML text that needs no other file. Seen through `dossier`."""

from __future__ import annotations

import base64
import io
from html import escape
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from .evaluation import Evaluation
from .project import to_json
from .references import side_by_side

TRUTH = ("REAL", "FAKE")
"""The verdict that a label should get."""

_NAMES = {
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
}
"""What a figure is called on the page, where its name in evaluation.json will not do."""

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #333a44; }
table { border-collapse: collapse; font-size: .9rem; margin: .5rem 0 1rem; display: block; overflow-x: auto; }
td, th { padding: .15rem .8rem .15rem 0; text-align: left; border-bottom: 1px solid #ddd; vertical-align: top; }
img { max-width: 100%; height: auto; }
code { font-size: .85rem; overflow-wrap: anywhere; }
.leak { background: #c02020; color: white; padding: .6rem 1rem; font-weight: bold; }
"""


def surest_mistakes(facts: dict[str, Any]) -> list[dict[str, Any]]:
    """The videos called the opposite of what they are, the surest first."""
    wrong = [row for row in facts["verdicts"] if row["verdict"] == TRUTH[1 - row["label"]]]
    return sorted(wrong, key=lambda row: -abs(row["label"] - row["probability"]))


def evaluation_page(
    evaluation: Evaluation, figures: dict[str, Figure], robustness: pd.DataFrame | None, videos: str
) -> str:
    """The report as one HTML text with its pictures inside."""
    facts, video = evaluation.facts, evaluation.facts["video"]
    title = f"{facts['checkpoint']['name']} on {', '.join(facts['data']['datasets'])}, {facts['split'] or 'all of it'}"
    warning = f'<p class="leak">{escape(facts["leak"]["verdict"])} Every figure below is too good.</p>'
    parts = [
        f"<h1>{escape(title)}</h1>",
        warning if evaluation.leaks else f"<p>{escape(facts['leak']['verdict'])}</p>",
        f"<p><b>{escape(repr(evaluation))}.</b></p>",
        "<ul>" + "".join(f"<li>{escape(note)}</li>" for note in facts["notes"]) + "</ul>",
        "<h2>Video level</h2>",
        _headline(video),
        _picture(figures["confusion"]) + _picture(figures["roc"]) + _picture(figures["scores"]),
        _class_report(video),
        "<h2>Frame level</h2><p>The frame head, which does not decide; ranking only.</p>",
        _frames(facts),
        "<h2>Each method against its own reals</h2>",
        _picture(figures["methods"]),
        _table(facts["per_method"], "method dataset compression reals"),
        "<h2>Each data set, each compression</h2>",
        _table(facts["per_dataset"], "dataset", ("auc_methods",)),
        _table(facts["per_compression"], "compression", ("auc_methods",)),
        "<h2>Calibration</h2>",
        f"<p>{escape(_calibration(facts))}</p>",
        _picture(figures["reliability"]) + _picture(figures["selective"]),
    ]
    if robustness is not None:
        parts += ["<h2>Robustness</h2><p>The videos damaged, their faces found anew.</p>"]
        parts += [_picture(figures["robustness"]), _table(robustness.to_dict("records"), "name")]
    if facts["against"] is not None:
        parts += [f"<h2>Beside {escape(facts['against']['checkpoint']['name'])}</h2>", _differences(facts["against"])]
    parts += ["<h2>Beside what others published</h2>", _references(facts)]
    parts += ["<h2>The surest mistakes</h2>", _picture(figures["mistakes"]), _into_05(facts, videos)]
    parts += ["<h2>Group by group</h2>", _groups(facts), "<h2>How it was made</h2>", _provenance(facts)]
    head = f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
    view = '<meta name="viewport" content="width=device-width, initial-scale=1">'
    return f"{head}{view}<style>{_STYLE}</style></head><body>\n" + "\n".join(parts) + "\n</body></html>\n"


def _picture(figure: Figure) -> str:
    """A figure inside the page, its title as the text alternative."""
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=100, metadata={"Software": None})
    said = figure.get_suptitle() or "; ".join(axes.get_title(loc="left") for axes in figure.axes[:2])
    said = escape(" ".join(said.split()), quote=True)
    return f'<img alt="{said}" src="data:image/png;base64,{base64.b64encode(picture.getvalue()).decode("ascii")}">'


def _rows(head: list[str], rows: list[list[str]]) -> str:
    top = "".join(f"<th>{escape(_NAMES.get(name, name))}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{top}</tr>{body}</table>"


def _number(value: Any) -> str:
    if value is None or value != value:
        return "–"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _between(ends: Any) -> str:
    missing = ends is None or None in ends or any(end != end for end in ends)
    return "–" if missing else f"{ends[0]:.3f} to {ends[1]:.3f}"


def _headline(video: dict[str, Any]) -> str:
    rows = [[_NAMES.get(name, name), _number(video[name]), _between(ends)] for name, ends in video["intervals"].items()]
    return _rows(["figure", "value", "95 %, over groups"], rows)


def _class_report(video: dict[str, Any]) -> str:
    names = ("precision", "recall", "f1", "support")
    rows = [[kind, *(_number(line.get(name)) for name in names)] for kind, line in video["report"].items()]
    return _rows(["class", *names], rows)


def _frames(facts: dict[str, Any]) -> str:
    names = ("n", "auc", "average_precision", "eer", "tpr_at_fpr_1", "tpr_at_fpr_5")
    levels = [facts[key] for key in ("frame", "frame_mean") if facts[key] is not None]
    rows = [
        [line["level"], *(_number(line[name]) for name in names), _between(line["intervals"]["auc"])] for line in levels
    ]
    return _rows(["level", *names, "AUC, 95 %"], rows)


def _table(lines: list[dict[str, Any]], first: str, extra: tuple[str, ...] = ()) -> str:
    """Rows of `line_of`: what each is, its counts, its figures with their intervals, and any `extra` figures."""
    names = [*first.split(), "n_real", "n_fake", "n_groups", "n_unscored", "n_undecided", "accused", "caught"]
    rows = []
    for line in lines:
        row = [_number(line[name]) for name in names]
        for figure in ("auc", "fpr", "tpr"):
            row += [_number(line[figure]), _between((line[f"{figure}_low"], line[f"{figure}_high"]))]
        rows.append(row + [_number(line[name]) for name in extra])
    return _rows([*names, "AUC", "95 %", "FPR", "95 %", "TPR", "95 %", *extra], rows)


def _calibration(facts: dict[str, Any]) -> str:
    video, fitted = facts["video"], facts["checkpoint"]["calibration"]["clip"]
    return (
        f"The card's temperature {fitted['temperature']:.2f} and shift {fitted['bias']:.2f} were fitted on validation. "
        f"With real and fake counted alike, the calibration error (ECE) is {_number(video['ece_balanced'])} and the "
        f"Brier score {_number(video['brier_balanced'])}; without them they would be "
        f"{_number(video['uncalibrated']['ece_balanced'])} and {_number(video['uncalibrated']['brier_balanced'])}. "
        f"{video['n_undecided']} videos are UNDECIDED and {video['n_unscored']} have no score: both abstain."
    )


def _differences(against: dict[str, Any]) -> str:
    rows = []
    for name, line in against["differences"].items():
        values = [_number(line[key]) for key in ("first", "second", "difference")]
        rows.append([_NAMES.get(name, name), *values, _between(line["interval"])])
    return _rows(["figure", "this", against["checkpoint"]["name"], "difference", "95 %"], rows)


def _references(facts: dict[str, Any]) -> str:
    table = side_by_side([facts])
    sources = list(dict.fromkeys(table["source"]))
    rows = []
    for line in table.to_dict("records"):
        cells = [line["model"], line["training_data"], line["test_set"], line["level"], line["metric"]]
        ends = _between((line["low"], line["high"]))
        rows.append([*cells, _number(line["number"]), ends, f"[{sources.index(line['source']) + 1}]"])
    note = "<p>Compare within one test set and one level only. Published figures come without intervals.</p>"
    read = "".join(f"<li>{escape(source)}</li>" for source in sources)
    head = ["model", "trained on", "test set", "level", "metric", "number", "95 %", "source"]
    return f"{note}{_rows(head, rows)}<ol>{read}</ol>"


def _into_05(facts: dict[str, Any], videos: str) -> str:
    wrong = surest_mistakes(facts)
    if not wrong:
        return "<p>No real is called FAKE and no fake REAL.</p>"
    lines = []
    for row in wrong[:20]:
        path = f"{videos}/{row['path']}" if videos else row["path"]
        said = f"{TRUTH[row['label']].lower()}, called {row['verdict']}, p = {row['probability']:.3f}"
        lines.append(f'<li><code>video = "{escape(path)}"</code> ({escape(said)})</li>')
    head = "Look at one frame by frame: open <code>notebooks/05_inspect.ipynb</code> and set"
    return f"<p>{head}</p><ol>{''.join(lines)}</ol>"


def _groups(facts: dict[str, Any]) -> str:
    worst = sorted(facts["groups"], key=lambda line: (-line["accused"] - line["missed"], line["group"]))[:40]
    rows = [
        [line["group"], *(str(line[kind][verdict]) for kind in ("real", "fake") for verdict in line[kind])]
        for line in worst
    ]
    head = ["group", *(f"{kind}: {verdict}" for kind in ("real", "fake") for verdict in facts["groups"][0]["real"])]
    kept = f"<p>The {len(worst)} with most mistakes of {len(facts['groups'])}.</p>"
    return kept + _rows(head, rows)


def _provenance(facts: dict[str, Any]) -> str:
    checkpoint, t = facts["checkpoint"], facts["thresholds"]
    rows = [
        ["checkpoint", f"{checkpoint['name']}, SHA-256 {checkpoint['sha256']}"],
        ["its card", f"SHA-256 {checkpoint['card_sha256']}"],
        ["thresholds", f"REAL at p ≤ {t['t_low']:.3f}, FAKE at p ≥ {t['t_high']:.3f}; from {t['origin']}"],
        ["videos", f"{facts['data']['videos']}, SHA-256 of the table {facts['data']['sha256']}"],
        ["what became of them", ", ".join(f"{name}: {count}" for name, count in facts["status"].items())],
        ["intervals", f"95 %, bootstrap over groups, {facts['draws']} draws, seed {facts['seed']}"],
        ["versions", to_json(facts["versions"], indent=None)],
    ]
    return _rows(["what", "which"], rows)
