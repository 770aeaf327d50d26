"""Every figure of every room: each edge draws without a warning and fits, and none brings pyplot."""

from __future__ import annotations

import subprocess
import sys
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from makers.figure_data import (
    DAMAGE,
    GROUPS,
    HISTORY,
    LABELS,
    METHODS,
    MISTAKE,
    NAN,
    SCORES,
    VIDEO,
    audit,
    manifest_table,
    method_line,
    report,
    title,
)

from spotterlib import metrics
from spotterlib.evaluation.comparisons import mark_leak, plot_methods, plot_mistakes, plot_robustness
from spotterlib.evaluation.figures import (
    plot_confusion,
    plot_reliability,
    plot_roc,
    plot_score_histogram,
    plot_selective,
)
from spotterlib.evidence import plot_compared, plot_scores_over_time
from spotterlib.faces import plot_faces
from spotterlib.splits import plot_leak, plot_split_balance
from spotterlib.training import plot_history

EDGES = {
    "selective": lambda: plot_selective(VIDEO),
    "selective, nothing decided": lambda: plot_selective(VIDEO | {"accuracy_decided": None}),
    "selective, everything decided": lambda: plot_selective(VIDEO | {"share_decided": 1.0}),
    "selective of nothing": lambda: plot_selective(VIDEO | {"selective": []}),
    "methods": lambda: plot_methods(METHODS),
    "one method": lambda: plot_methods(METHODS[:1]),
    "methods of long names": lambda: plot_methods([method_line("Neural $x^2 " * 9, 0.6), method_line("y" * 99, 0.9)]),
    "no method": lambda: plot_methods([]),
    "robustness": lambda: plot_robustness(DAMAGE),
    "robustness, long name": lambda: plot_robustness(DAMAGE.assign(name=["as it is"] + ["encoded twice, crf 28"] * 2)),
    "no damage": lambda: plot_robustness(DAMAGE[:1]),
    "damage, nothing known": lambda: plot_robustness(DAMAGE.assign(auc=None, fpr=None)),
    "mistakes": lambda: plot_mistakes([MISTAKE, MISTAKE], note="Red is only a hint " * 9),
    "no mistakes": lambda: plot_mistakes([]),
    "marked": lambda: mark_leak(plot_methods(METHODS)),
    "reliability, balanced": lambda: plot_reliability(SCORES, LABELS, balanced=True),
    "history": lambda: plot_history(HISTORY),
    "history of one epoch": lambda: plot_history([{"epoch": 3, "train_loss": 0.5}]),
    "history of nothing": lambda: plot_history([]),
    "rates of zero": lambda: plot_history([{"epoch": 0, "lr": 0.0}]),
    "roc": lambda: plot_roc(LABELS, SCORES, GROUPS, 0.5),
    "roc, some without a score": lambda: plot_roc([0, 0, 1, 1], [0.1, 0.6, 0.7, NAN], t_high=0.5),
    "roc, one class": lambda: plot_roc([1, 1], [0.2, 0.3], ["a", "b"], 0.5),
    "roc, no score": lambda: plot_roc([0, 1], [NAN, NAN]),
    "confusion": lambda: plot_confusion(metrics.binary_metrics(LABELS, SCORES, 0.6, 0.4)),
    "confusion of nothing": lambda: plot_confusion(metrics.binary_metrics([], [], 0.5)),
    "reliability": lambda: plot_reliability(SCORES, LABELS),
    "reliability, no score": lambda: plot_reliability([NAN], [1]),
    "histogram": lambda: plot_score_histogram(SCORES, LABELS, 0.4, 0.6),
    "histogram of nothing": lambda: plot_score_histogram([], []),
    "over time": lambda: plot_scores_over_time(report()),
    "one frame": lambda: plot_scores_over_time(([0.0], [0.5]), 0.4, 0.6),
    "no face": lambda: plot_scores_over_time(
        report(faces=(), frame_scores=np.full(100, NAN), probability=None, label="UNDECIDED")
    ),
    "no frame": lambda: plot_scores_over_time(([], [])),
    "both": lambda: plot_compared(report(video="x" * 200), report()),
    "one alone": lambda: plot_compared(report(label="REAL")),
    "both, one without a face": lambda: plot_compared(report(frame_scores=np.full(100, NAN)), report()),
    "balance": lambda: plot_split_balance(manifest_table()),
    "balance before the split": lambda: plot_split_balance(SimpleNamespace(table=manifest_table(split=False))),
    "leak": lambda: plot_leak(audit(2800, 2900, same_pair=2740, real_in_fake=140), audit(0, same_pair=0)),
    "no leak": lambda: plot_leak(audit(0), audit(0)),
    "no leak, one not checked": lambda: plot_leak(audit(0), audit(None)),
    "not checked": lambda: plot_leak(audit(None), audit(None)),
    "leak, one not checked": lambda: plot_leak(audit(1, same_file=1), audit(None)),
    "faces": lambda: plot_faces([np.zeros((8, 8, 3), np.uint8)] * 5, ["0.0 s", "a$1", "$x$"], columns=3),
    "no faces": lambda: plot_faces([]),
}


@pytest.mark.parametrize("name", EDGES)
def test_every_figure_draws_without_a_warning_and_fits(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = EDGES[name]()
        figure.draw_without_rendering()  # lays it out
    width, height = figure.canvas.get_width_height()
    for axes in figure.axes:
        if axes.axison:
            assert axes._left_title.get_window_extent().x1 <= width + 1, "the title is cut off"
            box = axes.get_tightbbox()
            assert box.x0 >= -1 and box.y0 >= -1 and box.x1 <= width + 1 and box.y1 <= height + 1, (
                "something is cut off"
            )
    said = title(figure) or figure.get_suptitle()
    assert said and "nan" not in said.lower()
    assert figure._repr_png_()[0].startswith(b"\x89PNG"), "a notebook can show it"


FIGURES = [  # the files that draw, and whether what they draw is at hand without torch
    ("base.style", True),
    ("splits.figures", True),
    ("faces.quality", False),
    ("training.figures", True),
    ("evidence.charts", True),
    ("evaluation.figures", True),
    ("evaluation.comparisons", True),
]


def test_no_pyplot_and_no_torch():
    for light in (True, False):
        files = ", ".join(f"spotterlib.{name}" for name, without in FIGURES if without or not light)
        torch = "or 'torch' in sys.modules" if light else ""
        code = f"import sys, {files}; sys.exit('matplotlib.pyplot' in sys.modules {torch})"
        assert subprocess.run([sys.executable, "-c", code], check=False, timeout=480).returncode == 0, files
