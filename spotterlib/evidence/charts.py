"""The scores of one video over time, and of two beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..base import FAKE, INK, REAL, TEAL, UNDECIDED, floats, literal, make_figure, say, styled
from ..metrics import probability_text

if TYPE_CHECKING:
    from ..scan import ScanReport

_VERDICT_COLOURS = {"REAL": REAL, "FAKE": FAKE, "UNDECIDED": UNDECIDED}


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
        top = f"{probability_text(scores[peak])} at {times[peak]:.1f} s"
        finding = f"Frame scores: mean {probability_text(scores[known].mean())}, peak {top}"
        if t_high is not None:
            finding += f"; {(scores[known] >= t_high).mean():.0%} of frames ≥ {t_high:.2f}"
        axes.legend(loc="best", ncols=2)
    if not isinstance(report, tuple):
        p = "" if report.probability is None else f", P(fake) {probability_text(report.probability)}"
        finding = f"{report.label}{p}. {finding}"
    say(axes, finding)
    return figure


@styled
def plot_compared(inspected: ScanReport, other: ScanReport | None = None) -> Figure:
    """Frame scores of the video inspected, and of another that it is compared with, on one axis.

    The colours are those of the verdicts, and the second curve is dashed: what a video really is nobody knows here.
    Without another video there is one curve. The thresholds drawn are those of the first report.
    """
    figure, axes = make_figure(9.0, 3.4)
    means = {}
    shown = [("inspected", inspected, "-")] + ([] if other is None else [("compared with", other, (0, (5, 2)))])
    for name, report, dash in shown:
        times, scores = _scores_of(report)
        file = Path(report.video).name
        label = f"{name}: {literal(file if len(file) <= 40 else file[:39] + '…')} ({report.label})"
        _draw_scores(axes, times, scores, _VERDICT_COLOURS[report.label], label, dash)
        means[name] = float(np.nanmean(scores)) if np.isfinite(scores).any() else None
    _bands(axes, *_thresholds_of(inspected, None, None))
    axes.set(xlabel="time (s)", ylabel="P(fake)")
    axes.margins(x=0)
    axes.legend(loc="best")
    unscored = [name for name, mean in means.items() if mean is None]
    if unscored:
        say(axes, "No frame has a score of the video " + ", nor of the one ".join(unscored))
    elif other is None:
        mean = probability_text(means["inspected"])
        say(axes, f"The frames score {mean} in the mean; there is nothing to compare them with")
    else:
        first, second = means.values()
        apart = (
            "as much as"
            if abs(first - second) < 0.005
            else f"{abs(first - second):.2f} " + ("more than" if first > second else "less than")
        )
        both = f"{probability_text(first)} and {probability_text(second)}"
        say(axes, f"The frames score {apart} those compared with (means {both})")
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
            axes.text(1.01, middle, name, transform=axes.get_yaxis_transform(), va="center", fontsize=8)
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


def _draw_scores(axes: Axes, times: np.ndarray, scores: np.ndarray, colour: str, label: str, dash: Any = "-") -> None:
    known = np.isfinite(scores)
    axes.plot(times, scores, color=colour, label=label, linestyle=dash)
    neighbours = np.append(known[1:], False) | np.append(False, known[:-1])
    alone = known & ~neighbours  # a line through one point is invisible
    axes.plot(times[alone], scores[alone], ".", color=colour)
