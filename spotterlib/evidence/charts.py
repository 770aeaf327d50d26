"""The scores of one video over time, and of two beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..base import FAKE, INK, REAL, TEAL, UNDECIDED, floats, literal, make_figure, say, styled


@styled
def plot_scores_over_time(
    report: Any, t_low: float | None = None, t_high: float | None = None, windows: Sequence[Any] | None = None
) -> Figure:
    """The score of every frame against time, gaps where the face was not seen, and each window's own probability.

    `report`: a `ScanReport`, or a pair (times in s, P(fake) with NaN). Thresholds and windows are the report's unless
    given; a window has `start` and `end` in s and a `probability` or None.
    """
    times, scores = _scores_of(report)
    t_low, t_high = _thresholds_of(report, t_low, t_high)
    if windows is None:
        windows = report.faces[0].windows if not isinstance(report, tuple) and report.faces else ()
    figure, axes = make_figure(9.0, 3.2)
    _draw_scores(axes, times, scores, INK, "frame")
    for at, window in enumerate([window for window in windows if window.probability is not None]):
        look = {"color": TEAL, "linewidth": 5, "alpha": 0.55, "solid_capstyle": "butt"}
        label = None if at else "window (decides)"
        axes.plot([window.start, window.end], [window.probability] * 2, label=label, **look)
    _bands(axes, t_low, t_high)
    axes.set(xlabel="time (s)", ylabel="P(fake)")
    if len(times):
        axes.set_xlim(times[0], max(times[-1], times[0] + 0.1))
    known = np.isfinite(scores)
    if not known.any():
        finding = "No frame has a score: no face was seen"
    else:
        peak = int(np.nanargmax(scores))
        finding = f"Frame scores: mean {scores[known].mean():.2f}, peak {scores[peak]:.2f} at {times[peak]:.1f} s"
        if t_high is not None:
            finding += f"; {(scores[known] >= t_high).mean():.0%} of frames ≥ {t_high:.2f}"
        axes.legend(loc="best", ncols=2)
    if not isinstance(report, tuple):
        p = "" if report.probability is None else f", P(fake) {report.probability:.2f}"
        finding = f"{report.label}{p}. {finding}"
    say(axes, finding)
    return figure


@styled
def plot_real_vs_fake(
    real_report: Any, fake_report: Any, t_low: float | None = None, t_high: float | None = None
) -> Figure:
    """Frame scores of a real and of a fake video on one axis; each a `ScanReport` or a pair (times in s, P(fake))."""
    figure, axes = make_figure(9.0, 3.4)
    means = []
    for report, colour, name in ((real_report, REAL, "real"), (fake_report, FAKE, "fake")):
        times, scores = _scores_of(report)
        file = "" if isinstance(report, tuple) else f": {Path(report.video).name}"
        file = file if len(file) <= 42 else file[:41] + "…"
        _draw_scores(axes, times, scores, colour, name + literal(file))
        means.append(float(np.nanmean(scores)) if np.isfinite(scores).any() else None)
    _bands(axes, *_thresholds_of(real_report, t_low, t_high))
    axes.set(xlabel="time (s)", ylabel="P(fake)")
    axes.margins(x=0)
    axes.legend(loc="best")
    if None in means:
        missing = " and ".join(name for name, mean in zip(("real", "fake"), means, strict=True) if mean is None)
        say(axes, f"No frame of the {missing} video has a score")
    else:
        real, fake = means
        side = "above" if fake > real else "below"
        say(axes, f"The fake's frames score {abs(fake - real):.2f} {side} the real's (means {fake:.2f} and {real:.2f})")
    return figure


def _bands(axes: Axes, t_low: float | None, t_high: float | None) -> None:
    """Shade what a probability on the y axis means: REAL, UNDECIDED, FAKE."""
    axes.set_ylim(-0.02, 1.02)
    if t_high is None:
        return
    t_low = t_high if t_low is None else t_low
    spans = [(-0.02, t_low, REAL, "REAL"), (t_low, t_high, UNDECIDED, "UNDECIDED"), (t_high, 1.02, FAKE, "FAKE")]
    for low, high, colour, name in spans:
        axes.axhspan(low, high, color=colour, alpha=0.10, linewidth=0, zorder=0)
        if high - low > 0.06:
            middle = (max(low, 0) + min(high, 1)) / 2
            axes.text(1.01, middle, name, transform=axes.get_yaxis_transform(), color=colour, va="center", fontsize=8)
    for threshold in {t_low, t_high}:
        axes.axhline(threshold, color=UNDECIDED, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)


def _scores_of(report: Any) -> tuple[np.ndarray, np.ndarray]:
    """Times in s and frame scores of a report, or of a pair (times, scores); a gap is cut where frames are missing."""
    times, scores = report if isinstance(report, tuple) else (report.times, report.frame_scores)
    times, scores = floats(times), floats(scores)
    if len(times) > 2:  # a pause in the time stamps must not be bridged by a line
        steps = np.diff(times)
        wide = np.flatnonzero(steps > 4 * np.median(steps)) + 1
        times, scores = np.insert(times, wide, times[wide - 1]), np.insert(scores, wide, np.nan)
    return times, scores


def _thresholds_of(report: Any, t_low: float | None, t_high: float | None) -> tuple[float | None, float | None]:
    if t_high is None and not isinstance(report, tuple):
        return report.checkpoint.get("t_low"), report.checkpoint.get("t_high")
    return t_low, t_high


def _draw_scores(axes: Axes, times: np.ndarray, scores: np.ndarray, colour: str, label: str) -> None:
    known = np.isfinite(scores)
    axes.plot(times, scores, color=colour, label=label)
    neighbours = np.append(known[1:], False) | np.append(False, known[:-1])
    alone = known & ~neighbours  # a line through one point is invisible
    axes.plot(times[alone], scores[alone], ".", color=colour)
