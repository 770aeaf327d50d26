"""Figures of one table of scores: the title's numbers come from the data."""

from __future__ import annotations

import numpy as np
import pytest
from makers.figure_data import GROUPS, LABELS, NAN, SCORES, VIDEO, title

from spotterlib import metrics
from spotterlib.evaluation.figures import (
    plot_confusion,
    plot_reliability,
    plot_roc,
    plot_score_histogram,
    plot_selective,
)


def test_roc_title_and_point_are_computed():
    figure = plot_roc(LABELS, SCORES, GROUPS, 0.5)
    low, high = metrics.bootstrap_interval(LABELS, SCORES, GROUPS, metrics.auc)
    area = metrics.auc(LABELS, SCORES)
    assert title(figure) == f"AUC {area:.2f} (95 %: {low:.2f}–{high:.2f}) on 60 videos of 12 groups"
    few = plot_roc(LABELS[:20], np.where(np.arange(20) == 3, NAN, SCORES[:20]), GROUPS[:20])
    assert title(few).endswith("on 19 videos of 4 groups") and "95" not in title(few)
    point = figure.axes[0].lines[-1]
    expected = [np.mean(SCORES[label == LABELS] >= 0.5) for label in (0, 1)]
    assert [point.get_xdata()[0], point.get_ydata()[0]] == pytest.approx(expected)
    curve = figure.axes[0].lines[1]
    assert np.trapezoid(curve.get_ydata(), curve.get_xdata()) == pytest.approx(area)


def test_roc_says_whom_its_point_leaves_out():
    scores = np.where(np.arange(60) < 3, NAN, SCORES)
    said = [
        figure.axes[0].texts[0].get_text() for figure in (plot_roc(LABELS, s, t_high=0.5) for s in (SCORES, scores))
    ]
    assert "score" not in said[0] and said[1].endswith("of those with a score (3 have none)")


def test_confusion_shows_every_video_once():
    scores = SCORES.copy()
    scores[:3] = NAN
    found = metrics.binary_metrics(LABELS, scores, 0.6, 0.4)
    figure = plot_confusion(found)
    shown = [text.get_text() for text in figure.axes[0].texts]
    assert sum(int(text) for text in shown if "%" not in text) == 60
    assert "no score" in figure.axes[0].get_xticklabels()[3].get_text()
    caught, accused = found["confusion"]["fake"]["fake"], found["confusion"]["real"]["fake"]
    without = found["n_undecided"] + 3
    assert title(figure) == f"{caught} of 30 fakes caught, {accused} of 30 reals accused, {without} without a verdict"


def test_reliability_says_the_error_and_its_direction():
    figure = plot_reliability([0.8, 0.8, 0.8, 0.8], [0, 0, 1, 1])
    assert title(figure) == "Calibration error 0.30 on 4 videos; on average 0.30 too high"
    assert "too low" in title(plot_reliability([0.2, 0.2], [0, 1]))


def test_reliability_counts_both_classes_alike_where_asked():
    labels, p = [0, 1, 1, 1], [0.2, 0.92, 0.92, 0.92]
    assert (
        title(plot_reliability(p, labels, balanced=True))
        == "Calibration error 0.14 on 4 videos, real and fake counted alike; on average 0.06 too high"
    )
    assert "alike" not in title(plot_reliability([0.2, 0.3], [0, 0], balanced=True)), "there is one class only"
    assert title(plot_reliability(p, labels)) == "Calibration error 0.11 on 4 videos; on average 0.01 too low"


def test_selective_marks_the_thresholds_and_says_what_abstaining_gains():
    figure = plot_selective(VIDEO)
    forced = metrics.selective_curve(SCORES, LABELS)["accuracy"].iloc[-1]
    assert title(figure) == f"90% right of the 70% decided; {forced:.0%} if all with a score were"
    assert [tuple(line.get_xydata()[0]) for line in figure.axes[0].lines if len(line.get_xdata()) == 1] == [(0.7, 0.9)]


def test_histogram_counts_videos_without_a_score():
    figure = plot_score_histogram([0.1, 0.3, 0.9, NAN], [0, 0, 1, 1])
    assert title(figure) == "Median score: reals 0.20, fakes 0.90; 1 video without a score"
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["2 reals", "1 fake"]
