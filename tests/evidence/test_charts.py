"""Scores over time: gaps stay gaps, the colour is the verdict's, for the class is not known."""

from __future__ import annotations

import numpy as np
from makers.figure_data import NAN, lines, report, title

from spotterlib.base import FAKE, REAL
from spotterlib.evidence import plot_compared, plot_scores_over_time


def test_scores_over_time_keep_gaps_and_say_the_peak():
    figure = plot_scores_over_time(report())
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
    figure = plot_scores_over_time(([0.0, 0.1, 0.2, 0.3, 5.0, 5.1], [0.5] * 6))
    y = figure.axes[0].lines[0].get_ydata()
    assert np.isnan(y[4]) and np.isfinite(np.delete(y, 4)).all()


def test_two_videos_are_named_by_their_part_and_coloured_by_their_verdict():
    first = report(frame_scores=np.full(100, 0.2), video="in/r.mp4", label="REAL")
    second = report(frame_scores=np.full(100, 0.7), video="f.mp4")
    figure = plot_compared(first, second)
    axes = figure.axes[0]
    assert lines(axes, REAL)[0].get_ydata()[0] == 0.2 and lines(axes, FAKE)[0].get_ydata()[0] == 0.7
    assert title(figure) == "The frames score 0.50 less than those compared with (means 0.20 and 0.70)"
    said = [text.get_text() for text in axes.get_legend().get_texts()]
    assert said == ["inspected: r.mp4 (REAL)", "compared with: f.mp4 (FAKE)"]
    assert "0.50 more than" in title(plot_compared(second, first)) and "as much as" in title(
        plot_compared(first, first)
    )


def test_one_video_is_compared_with_nothing():
    figure = plot_compared(report(frame_scores=np.full(100, 0.2), label="REAL"))
    assert title(figure) == "The frames score 0.20 in the mean; there is nothing to compare them with"
    sure = plot_compared(report(frame_scores=np.full(100, 0.999), label="FAKE"))
    assert title(sure).startswith("The frames score >0.99 in the mean"), "no network is certain"
    assert len(figure.axes[0].get_legend().get_texts()) == 1
    none = plot_compared(report(), report(frame_scores=np.full(100, NAN), label="UNDECIDED"))
    assert title(none) == "No frame has a score of the video compared with"
