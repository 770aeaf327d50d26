"""Figures: the title's numbers come from the data, gaps stay gaps, every edge draws, files are whole and repeatable."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import warnings
from types import SimpleNamespace

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from PIL import Image

from spotterlib import metrics, plots

NAN = math.nan
LABELS = np.arange(60) % 2
SCORES = np.clip(np.random.default_rng(0).normal(0.35 + 0.3 * LABELS, 0.15), 0, 1)
GROUPS = np.arange(60) // 5
WINDOWS = (
    SimpleNamespace(start=0.0, end=2.0, probability=0.9),
    SimpleNamespace(start=2.0, end=4.0, probability=None),
)


def report(**changes):
    """A scan report as far as a figure looks at it."""
    scores = np.linspace(0.1, 0.9, 100)
    scores[40:60] = NAN
    facts = {
        "times": np.arange(100) / 25,
        "frame_scores": scores,
        "label": "FAKE",
        "probability": 0.87,
        "video": "in/a$b$.mp4",
        "checkpoint": {"t_low": 0.4, "t_high": 0.6},
        "faces": (SimpleNamespace(windows=WINDOWS),),
    }
    return SimpleNamespace(**facts | changes)


def audit(share, **counts):
    return SimpleNamespace(share_of_test_fakes=share, counts=counts)


def manifest_table(split=True):
    rows = [("", 0), ("", 0), ("Deepfakes", 1), ("FaceSwap", 1)]
    names = ["train"] * 7 + ["val"] * 2 + ["test"]
    return pd.DataFrame(
        [{"label": label, "method": method, "group": f"g{at}", "split": names[at] if split else ""}
         for at in range(10) for method, label in rows]
    )  # fmt: skip


def title(figure, panel=0):
    return " ".join(figure.axes[panel].get_title(loc="left").split())


def lines(axes, colour):
    return [line for line in axes.lines if to_hex(line.get_color()) == colour and len(line.get_xdata()) > 2]


HISTORY = [
    {"epoch": 0, "train_loss": 0.7, "val_loss": 0.7, "val_auc": 0.55, "val_frame_auc": 0.5, "lr": 1e-4, "lr_b": 1e-5},
    {"epoch": 1, "train_loss": 0.5, "val_loss": 0.6, "val_auc": 0.81, "val_frame_auc": 0.7, "lr": 1e-5, "lr_b": 1e-6},
    {"epoch": 2, "train_loss": 0.4, "val_loss": None, "val_auc": None},
]
VIDEO = {
    "selective": metrics.selective_curve(SCORES, LABELS).to_dict("records"),
    "share_decided": 0.7,
    "accuracy_decided": 0.9,
}


def method_line(name, auc, low=None, high=None, **changes):
    """A row of `per_method`, as far as the figure looks at it."""
    counts = {"n_fake": 12, "n_real": 24, "n_groups": 12}
    return {"method": name, "compression": "c23", "dataset": "F$F$", "auc": auc, "auc_low": low, "auc_high": high} | (
        counts | changes
    )


METHODS = [method_line("Deepfakes", 0.9, 0.8, 0.95), method_line("NeuralTextures", 0.6), method_line("Lost", None)]
DAMAGE = pd.DataFrame(
    {"name": ["as it is", "H.264 crf 40", "resized to ¼"], "auc": [0.9, 0.8, None], "auc_low": [0.85, 0.7, None],
     "auc_high": [0.95, 0.9, None], "fpr": [0.05, 0.6, 0.3], "fpr_low": [0.0, 0.5, None], "fpr_high": [0.1, 0.7, None]}
)  # fmt: skip
PICTURE = np.full((224, 224, 3), 90, np.uint8)
MISTAKE = {
    "faces": [PICTURE] * 4,
    "heats": [PICTURE + 60] * 4,
    "caption": "real/$x$.mp4: real, called FAKE " + "y" * 99,
}
EDGES = {
    "selective": lambda: plots.plot_selective(VIDEO),
    "selective, nothing decided": lambda: plots.plot_selective(VIDEO | {"accuracy_decided": None}),
    "selective, everything decided": lambda: plots.plot_selective(VIDEO | {"share_decided": 1.0}),
    "selective of nothing": lambda: plots.plot_selective(VIDEO | {"selective": []}),
    "methods": lambda: plots.plot_methods(METHODS),
    "one method": lambda: plots.plot_methods(METHODS[:1]),
    "methods of long names": lambda: plots.plot_methods(
        [method_line("Neural $x^2 " * 9, 0.6), method_line("y" * 99, 0.9)]
    ),
    "no method": lambda: plots.plot_methods([]),
    "robustness": lambda: plots.plot_robustness(DAMAGE),
    "robustness, long name": lambda: plots.plot_robustness(
        DAMAGE.assign(name=["as it is"] + ["encoded twice, crf 28"] * 2)
    ),
    "no damage": lambda: plots.plot_robustness(DAMAGE[:1]),
    "damage, nothing known": lambda: plots.plot_robustness(DAMAGE.assign(auc=None, fpr=None)),
    "mistakes": lambda: plots.plot_mistakes([MISTAKE, MISTAKE], note="Red is only a hint " * 9),
    "no mistakes": lambda: plots.plot_mistakes([]),
    "marked": lambda: plots.mark_leak(plots.plot_methods(METHODS)),
    "reliability, balanced": lambda: plots.plot_reliability(SCORES, LABELS, balanced=True),
    "history": lambda: plots.plot_history(HISTORY),
    "history of one epoch": lambda: plots.plot_history([{"epoch": 3, "train_loss": 0.5}]),
    "history of nothing": lambda: plots.plot_history([]),
    "rates of zero": lambda: plots.plot_history([{"epoch": 0, "lr": 0.0}]),
    "roc": lambda: plots.plot_roc(LABELS, SCORES, GROUPS, 0.5),
    "roc, some without a score": lambda: plots.plot_roc([0, 0, 1, 1], [0.1, 0.6, 0.7, NAN], t_high=0.5),
    "roc, one class": lambda: plots.plot_roc([1, 1], [0.2, 0.3], ["a", "b"], 0.5),
    "roc, no score": lambda: plots.plot_roc([0, 1], [NAN, NAN]),
    "confusion": lambda: plots.plot_confusion(metrics.binary_metrics(LABELS, SCORES, 0.6, 0.4)),
    "confusion of nothing": lambda: plots.plot_confusion(metrics.binary_metrics([], [], 0.5)),
    "reliability": lambda: plots.plot_reliability(SCORES, LABELS),
    "reliability, no score": lambda: plots.plot_reliability([NAN], [1]),
    "histogram": lambda: plots.plot_score_histogram(SCORES, LABELS, 0.4, 0.6),
    "histogram of nothing": lambda: plots.plot_score_histogram([], []),
    "over time": lambda: plots.plot_scores_over_time(report()),
    "one frame": lambda: plots.plot_scores_over_time(([0.0], [0.5]), 0.4, 0.6),
    "no face": lambda: plots.plot_scores_over_time(
        report(faces=(), frame_scores=np.full(100, NAN), probability=None, label="UNDECIDED")
    ),
    "no frame": lambda: plots.plot_scores_over_time(([], [])),
    "both": lambda: plots.plot_real_vs_fake(report(video="x" * 200), report()),
    "both, one without a face": lambda: plots.plot_real_vs_fake(report(frame_scores=np.full(100, NAN)), report()),
    "balance": lambda: plots.plot_split_balance(manifest_table()),
    "balance before the split": lambda: plots.plot_split_balance(SimpleNamespace(table=manifest_table(split=False))),
    "leak": lambda: plots.plot_leak(audit(0.978, same_pair=2740, real_in_fake=140), audit(0.0, same_pair=0)),
    "no leak": lambda: plots.plot_leak(audit(0.0), audit(None)),
    "faces": lambda: plots.plot_faces([np.zeros((8, 8, 3), np.uint8)] * 5, ["0.0 s", "a$1", "$x$"], columns=3),
    "no faces": lambda: plots.plot_faces([]),
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
    assert figure._repr_png_().startswith(b"\x89PNG"), "a notebook can show it"


def test_history_finds_the_best_epoch_and_leaves_gaps():
    figure = plots.plot_history(HISTORY)
    assert title(figure) == "Training loss 0.700 → 0.400"
    assert title(figure, 1) == "Best validation AUC 0.810, epoch 1"
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss", "AUC", "learning rate"]
    validation = next(line for line in figure.axes[0].lines if line.get_label() == "validation")
    assert np.isnan(validation.get_ydata()[2])


def test_roc_title_and_point_are_computed():
    figure = plots.plot_roc(LABELS, SCORES, GROUPS, 0.5)
    low, high = metrics.bootstrap_interval(LABELS, SCORES, GROUPS, metrics.auc)
    area = metrics.auc(LABELS, SCORES)
    assert title(figure) == f"AUC {area:.2f} (95 %: {low:.2f}–{high:.2f}) on 60 videos of 12 groups"
    few = plots.plot_roc(LABELS[:20], np.where(np.arange(20) == 3, NAN, SCORES[:20]), GROUPS[:20])
    assert title(few).endswith("on 19 videos of 4 groups") and "95" not in title(few)
    point = figure.axes[0].lines[-1]
    expected = [np.mean(SCORES[label == LABELS] >= 0.5) for label in (0, 1)]
    assert [point.get_xdata()[0], point.get_ydata()[0]] == pytest.approx(expected)
    curve = figure.axes[0].lines[1]
    assert np.trapezoid(curve.get_ydata(), curve.get_xdata()) == pytest.approx(area)


def test_roc_says_whom_its_point_leaves_out():
    scores = np.where(np.arange(60) < 3, NAN, SCORES)
    said = [
        figure.axes[0].texts[0].get_text()
        for figure in (plots.plot_roc(LABELS, s, t_high=0.5) for s in (SCORES, scores))
    ]
    assert "score" not in said[0] and said[1].endswith("of those with a score (3 have none)")


def test_confusion_shows_every_video_once():
    scores = SCORES.copy()
    scores[:3] = NAN
    found = metrics.binary_metrics(LABELS, scores, 0.6, 0.4)
    figure = plots.plot_confusion(found)
    shown = [text.get_text() for text in figure.axes[0].texts]
    assert sum(int(text) for text in shown if "%" not in text) == 60
    assert "no score" in figure.axes[0].get_xticklabels()[3].get_text()
    caught, accused = found["confusion"]["fake"]["fake"], found["confusion"]["real"]["fake"]
    without = found["n_undecided"] + 3
    assert title(figure) == f"{caught} of 30 fakes caught, {accused} of 30 reals accused, {without} without a verdict"


def test_reliability_says_the_error_and_its_direction():
    figure = plots.plot_reliability([0.8, 0.8, 0.8, 0.8], [0, 0, 1, 1])
    assert title(figure) == "Calibration error 0.30 on 4 videos; on average 0.30 too high"
    assert "too low" in title(plots.plot_reliability([0.2, 0.2], [0, 1]))


def test_reliability_counts_both_classes_alike_where_asked():
    labels, p = [0, 1, 1, 1], [0.2, 0.92, 0.92, 0.92]
    assert (
        title(plots.plot_reliability(p, labels, balanced=True))
        == "Calibration error 0.14 on 4 videos, real and fake counted alike; on average 0.06 too high"
    )
    assert "alike" not in title(plots.plot_reliability([0.2, 0.3], [0, 0], balanced=True)), "there is one class only"
    assert title(plots.plot_reliability(p, labels)) == "Calibration error 0.11 on 4 videos; on average 0.01 too low"


def test_selective_marks_the_thresholds_and_says_what_abstaining_gains():
    figure = plots.plot_selective(VIDEO)
    forced = metrics.selective_curve(SCORES, LABELS)["accuracy"].iloc[-1]
    assert title(figure) == f"90% right of the 70% decided; {forced:.0%} if all with a score were"
    assert [tuple(line.get_xydata()[0]) for line in figure.axes[0].lines if len(line.get_xdata()) == 1] == [(0.7, 0.9)]


def test_methods_name_the_hardest_and_show_no_interval_where_there_is_none():
    figure = plots.plot_methods(METHODS)
    assert title(figure) == "AUC from 0.60 (NeuralTextures) to 0.90 (Deepfakes)"
    assert figure.axes[0].get_yticklabels()[0].get_text() == r"Deepfakes, c23, F\$F\$"
    twice = plots.plot_methods([METHODS[0], METHODS[0] | {"compression": "c40", "auc": 0.7}])
    assert title(twice).startswith("AUC from 0.70 (Deepfakes, c40,"), "namesakes are told apart"
    assert sum(line.get_linewidth() == 5 for line in figure.axes[0].lines) == 1
    assert title(plots.plot_methods([METHODS[0], METHODS[0]])) == "AUC 0.90 for every method"
    assert "12 against 24, 12 groups" in [text.get_text() for text in figure.axes[0].texts]


def test_methods_without_a_name_and_with_long_ones_are_told():
    figure = plots.plot_methods([method_line("", 0.9, compression="", dataset="")])
    assert title(figure) == "AUC 0.90 for unnamed method"
    assert figure.axes[0].get_yticklabels()[0].get_text() == "unnamed method"
    figure = EDGES["methods of long names"]()
    figure.draw_without_rendering()
    assert figure.axes[0].get_position().width > 0.3, "long names leave room for what they name"


def test_robustness_names_the_worst_of_both():
    figure = plots.plot_robustness(DAMAGE)
    assert title(figure) == "AUC 0.90 → 0.80 at worst (H.264 crf 40)"
    assert title(figure, 1) == "Reals accused 5% → 60% (H.264 crf 40)"
    assert title(plots.plot_robustness(DAMAGE[:1]), 1) == "Reals accused 5%", "there are reals, and no damage"
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()] == DAMAGE["name"].tolist()


def test_a_leak_is_written_across():
    figure = plots.plot_robustness(DAMAGE)
    before = [axes.get_position().bounds for axes in figure.axes]
    assert any("LEAKING" in text.get_text() for text in plots.mark_leak(figure).texts)
    assert before == [axes.get_position().bounds for axes in figure.axes]


def test_histogram_counts_videos_without_a_score():
    figure = plots.plot_score_histogram([0.1, 0.3, 0.9, NAN], [0, 0, 1, 1])
    assert title(figure) == "Median score: reals 0.20, fakes 0.90; 1 video without a score"
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["2 reals", "1 fake"]


def test_scores_over_time_keep_gaps_and_say_the_peak():
    figure = plots.plot_scores_over_time(report())
    scores = report().frame_scores
    share = np.nanmean(np.where(np.isnan(scores), NAN, scores >= 0.6))
    mean = np.nanmean(scores)
    said = f"FAKE, P(fake) 0.87. Frame scores: mean {mean:.2f}, peak 0.90 at 4.0 s; {share:.0%} of frames ≥ 0.60"
    assert title(figure) == said
    axes = figure.axes[0]
    assert axes.get_xlabel() == "time (s)"
    assert np.array_equal(axes.lines[0].get_ydata(), scores, equal_nan=True)
    bands = [text.get_text() for text in axes.texts]
    assert bands == ["REAL", "UNDECIDED", "FAKE"]
    drawn = [line for line in axes.lines if list(line.get_ydata()) == [0.9, 0.9]]
    assert len(drawn) == 1 and list(drawn[0].get_xdata()) == [0.0, 2.0], "a window without a score is not drawn"


def test_a_pause_in_the_time_stamps_is_not_bridged():
    figure = plots.plot_scores_over_time(([0.0, 0.1, 0.2, 0.3, 5.0, 5.1], [0.5] * 6))
    y = figure.axes[0].lines[0].get_ydata()
    assert np.isnan(y[4]) and np.isfinite(np.delete(y, 4)).all()


def test_real_is_blue_and_fake_is_orange():
    real, fake = report(frame_scores=np.full(100, 0.2), video="r.mp4"), report(frame_scores=np.full(100, 0.7))
    figure = plots.plot_real_vs_fake(real, fake)
    axes = figure.axes[0]
    assert lines(axes, plots.REAL)[0].get_ydata()[0] == 0.2 and lines(axes, plots.FAKE)[0].get_ydata()[0] == 0.7
    assert title(figure) == "The fake's frames score 0.50 above the real's (means 0.70 and 0.20)"
    turned = plots.plot_real_vs_fake((real.times, fake.frame_scores), (real.times, real.frame_scores))
    assert "0.50 below" in title(turned)


def test_balance_and_leak_count():
    assert title(plots.plot_split_balance(manifest_table())) == "40 videos in 10 groups: train 70%, val 20%, test 10%"
    figure = plots.plot_leak(audit(0.978, same_pair=2740, empty=0), audit(0.0, same_pair=1))
    assert title(figure) == "Test fakes that leak: 97.8% in a split by file, none in ours by group"
    assert "none in a split by file, unknown in ours" in title(EDGES["no leak"]())
    assert [text.get_text() for text in figure.axes[0].texts] == ["2,740", "1"]
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()] == ["same pair"]


def test_faces_lie_in_rows_with_their_captions():
    images = [np.full((8, 8, 3), at, np.uint8) for at in range(5)]
    figure = plots.plot_faces(images, ["one", "two", "three", "four", "five"], columns=3, title="Five")
    assert [int(axes.images[0].get_array()[0, 0, 0]) for axes in figure.axes if axes.images] == [0, 1, 2, 3, 4]
    assert [axes.texts[0].get_text() for axes in figure.axes if axes.texts] == ["one", "two", "three", "four", "five"]
    assert figure.get_suptitle() == "Five" and len(figure.axes) == 6
    assert plots.plot_faces(images).get_suptitle() == "5 faces"


@pytest.mark.parametrize("name", ["roc", "roc.png", "v1.2.svg"])
def test_saving_writes_both_kinds_whole_and_repeatably(tmp_path, name):
    first = plots.save_figure(EDGES["roc"](), tmp_path / "one" / name)
    again = plots.save_figure(EDGES["roc"](), tmp_path / "two" / name)
    stem = name.removesuffix(".png").removesuffix(".svg")
    assert [path.name for path in first] == [f"{stem}.png", f"{stem}.svg"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]
    assert sorted(os.listdir(tmp_path / "one")) == sorted(path.name for path in first), "no temporary file is left"
    assert Image.open(first[0]).size[0] > 500 and b"<svg" in first[1].read_bytes()[:1000]


def test_the_callers_style_is_left_alone():
    before = dict(matplotlib.rcParams)
    with matplotlib.rc_context({"font.size": 31.0, "axes.spines.top": True}):
        figure = plots.plot_roc(LABELS, SCORES)
        assert matplotlib.rcParams["font.size"] == 31.0
        assert figure.axes[0].xaxis.label.get_fontsize() == 10 and not figure.axes[0].spines["top"].get_visible()
    assert dict(matplotlib.rcParams) == before
    with matplotlib.rc_context():
        plots.use_style()
        assert matplotlib.rcParams["axes.titlelocation"] == "left"


def test_no_pyplot_and_no_torch():
    code = "import sys, spotterlib.plots; sys.exit('matplotlib.pyplot' in sys.modules or 'torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=120).returncode == 0
