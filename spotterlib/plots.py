"""One function a figure; each returns a matplotlib `Figure` whose title says what the data show.

The figures are made without pyplot: nothing is kept open, no window appears, no screen is needed, and a
notebook shows what a cell returns. Real is blue, fake is orange, undecided is grey, everywhere.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, PercentFormatter

from ._figures import (
    FAINT,
    FAKE,
    INK,
    REAL,
    TEAL,
    UNDECIDED,
    count_of,
    floats,
    literal,
    make_figure,
    save_figure,
    say,
    styled,
    use_style,
)
from ._judging import (
    mark_leak,
    plot_confusion,
    plot_methods,
    plot_mistakes,
    plot_reliability,
    plot_robustness,
    plot_roc,
    plot_score_histogram,
    plot_selective,
)

__all__ = [
    "FAKE", "REAL", "UNDECIDED", "mark_leak", "plot_confusion", "plot_faces", "plot_history", "plot_leak",
    "plot_methods", "plot_mistakes", "plot_real_vs_fake", "plot_reliability", "plot_robustness", "plot_roc",
    "plot_score_histogram", "plot_scores_over_time", "plot_selective", "plot_split_balance", "save_figure", "use_style",
]  # fmt: skip


# --- training --------------------------------------------------------------------------------------------------------


@styled
def plot_history(history: Sequence[dict[str, Any]]) -> Figure:
    """Training epoch by epoch: losses, validation AUC of clips and of frames, learning rates.

    One dict an epoch; keys used where present: epoch, train_loss, val_loss, val_auc, val_frame_auc, lr and lr_*.
    Missing or None is a gap.
    """

    def curve(name: str) -> np.ndarray:
        return floats([line.get(name) for line in history])

    epochs = floats([line.get("epoch", at) for at, line in enumerate(history)])
    rates = sorted({name for line in history for name in line if name == "lr" or name.startswith("lr_")})
    figure, panels = make_figure(
        10.5 if rates else 8.0, 3.4, columns=3 if rates else 2, width_ratios=[3, 3, 2][: 3 if rates else 2]
    )
    groups = [
        (panels[0], "loss", [("train_loss", "training", INK, "-"), ("val_loss", "validation", TEAL, "-")]),
        (panels[1], "AUC", [("val_auc", "clips", TEAL, "-"), ("val_frame_auc", "frames", TEAL, ":")]),
    ]
    if rates:
        groups.append((panels[2], "learning rate", [(name, name, INK, "-:"[at % 2]) for at, name in enumerate(rates)]))
    for axes, label, lines in groups:
        drawn = False
        for name, shown, colour, dash in lines:
            if np.isfinite(curve(name)).any():
                axes.plot(epochs, curve(name), dash, color=colour, marker="o", markersize=3, label=shown)
                drawn = True
        axes.set(xlabel="epoch", ylabel=label)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        if len(epochs):
            axes.set_xlim(epochs.min() - 0.5, epochs.max() + 0.5)
        if drawn and not (label == "learning rate" and len(lines) == 1):
            axes.legend()
    losses, scores = curve("train_loss"), curve("val_auc")
    known = losses[np.isfinite(losses)]
    say(panels[0], f"Training loss {known[0]:.3f} → {known[-1]:.3f}" if len(known) else "No loss was recorded")
    if np.isfinite(scores).any():
        best = int(np.nanargmax(scores))
        panels[1].axhline(0.5, color=FAINT, linewidth=1)
        panels[1].plot(epochs[best], scores[best], "o", color=TEAL, markersize=8, fillstyle="none")
        say(panels[1], f"Best validation AUC {scores[best]:.3f}, epoch {epochs[best]:.0f}")
    else:
        say(panels[1], "No validation AUC was recorded")
    if rates:
        values = np.concatenate([curve(name) for name in rates])
        values = values[np.isfinite(values)]
        if len(values) and (values > 0).all():
            panels[2].set_yscale("log")
            panels[2].set_ylim(values.min() / (4 if len(rates) > 1 else 1.5), values.max() * 1.5)  # room for the legend
        say(panels[2], f"Highest rate {values.max():.0e}" if len(values) else "No rate was recorded")
    return figure


# --- one video -------------------------------------------------------------------------------------------------------


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


# --- data ------------------------------------------------------------------------------------------------------------


@styled
def plot_split_balance(manifest: Any) -> Figure:
    """How the reals and each method are shared out to train, val and test; a `Manifest` or its table."""
    table = getattr(manifest, "table", manifest)
    splits = [name for name in ("train", "val", "test", "") if (table["split"] == name).any()]
    kinds = pd.Series(np.where(table["label"] == 0, "real", table["method"].replace("", "fake")), index=table.index)
    order = ["real", *sorted(set(kinds) - {"real"})]
    order = [kind for kind in order if (kinds == kind).any()]
    shades = {"train": "#44546a", "val": "#8497b0", "test": TEAL, "": FAINT}
    figure, axes = make_figure(8.0, 1.5 + 0.42 * max(len(order), 2))
    for row, kind in enumerate(order):
        start, total = 0.0, int((kinds == kind).sum())
        for split in splits:
            count = int(((kinds == kind) & (table["split"] == split)).sum())
            axes.barh(row, count / total, left=start, color=shades[split], height=0.7, edgecolor="white")
            if count / total > 0.04:
                ink = INK if split == "" else "white"
                axes.text(start + count / total / 2, row, f"{count:,}", ha="center", va="center", color=ink, fontsize=9)
            start += count / total
    axes.set(xlim=(0, 1), xlabel="share of the videos of that kind (numbers: videos)")
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.set_yticks(range(len(order)), [literal(kind) for kind in order])
    for tick in axes.get_yticklabels():
        tick.set(color=REAL if tick.get_text() == "real" else FAKE, fontweight="bold")
    axes.invert_yaxis()
    axes.grid(False)
    handles = [Patch(color=shades[split], label=split or "no split") for split in splits]
    axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    shares = [f"{split or 'no split'} {(table['split'] == split).mean():.0%}" for split in splits]
    groups = table["group"][table["group"] != ""].nunique()
    say(axes, f"{count_of(len(table), 'video')} in {count_of(groups, 'group')}: {', '.join(shares)}", left=1.5)
    return figure


@styled
def plot_leak(by_file: Any, ours: Any) -> Figure:
    """Leaks of a split by file beside ours; each a `LeakAudit`. A video may leak in several ways."""
    names = dict.fromkeys([*by_file.counts, *ours.counts])
    kinds = [name for name in names if by_file.counts.get(name) or ours.counts.get(name)]
    figure, axes = make_figure(8.0, 1.7 + 0.55 * max(len(kinds), 1))
    for shift, audit, colour, name in ((-0.2, by_file, INK, "split by file"), (0.2, ours, TEAL, "split by group")):
        counts = [audit.counts.get(kind, 0) for kind in kinds]
        bars = axes.barh(np.arange(len(kinds)) + shift, counts, 0.38, color=colour, label=name)
        axes.bar_label(bars, [f"{count:,}" for count in counts], padding=4, fontsize=9)
    axes.set_yticks(range(len(kinds)), [textwrap.fill(literal(str(kind)).replace("_", " "), 30) for kind in kinds])
    axes.set(xlabel="held-out videos that leak")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.invert_yaxis()
    axes.grid(False, axis="y")
    if kinds:
        axes.margins(x=0.12)
        axes.legend(loc="lower right")
    else:
        axes.set_xlim(0, 1)
        axes.text(0.5, 0.5, "no leak in either", transform=axes.transAxes, ha="center", va="center", color=UNDECIDED)
    found = (by_file.share_of_test_fakes, ours.share_of_test_fakes)
    shares = ["unknown" if share is None else f"{share:.1%}" if share else "none" for share in found]
    say(axes, f"Test fakes that leak: {shares[0]} in a split by file, {shares[1]} in ours by group", left=1.6)
    return figure


@styled
def plot_faces(images: Sequence[np.ndarray], captions: Sequence[str] = (), columns: int = 6, title: str = "") -> Figure:
    """Pictures in rows, each uint8 RGB (H, W, 3), with a caption under each; the title counts them unless given."""
    columns = max(1, min(columns, len(images)))
    rows = max(1, -(-len(images) // columns))
    lines = max([textwrap.fill(text, 22).count("\n") + 1 for text in captions], default=0)
    figure, grid = make_figure(1.6 * columns, (1.6 + 0.17 * lines) * rows + 0.4, rows, columns, squeeze=False)
    for at, axes in enumerate(grid.flat):
        axes.set_axis_off()
        if at < len(images):
            axes.imshow(images[at], interpolation="antialiased")
        if at < min(len(images), len(captions)):
            caption = textwrap.fill(literal(captions[at]), 22)
            axes.text(0.5, -0.03, caption, transform=axes.transAxes, ha="center", va="top", fontsize=8)
    figure.suptitle(literal(title) or count_of(len(images), "face"), x=0.01, ha="left", fontsize=11, fontweight="bold")
    return figure
