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
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import MaxNLocator, PercentFormatter
from sklearn.metrics import roc_curve

from . import metrics
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

__all__ = [
    "FAKE", "REAL", "UNDECIDED", "plot_confusion", "plot_faces", "plot_history", "plot_leak", "plot_real_vs_fake",
    "plot_reliability", "plot_roc", "plot_score_histogram", "plot_scores_over_time", "plot_split_balance",
    "save_figure", "use_style",
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


# --- evaluation ------------------------------------------------------------------------------------------------------


@styled
def plot_roc(labels: Any, probabilities: Any, groups: Any = None, t_high: float | None = None) -> Figure:
    """The ROC curve of the videos that have a score, the point of `t_high` marked.

    With `groups` the title has the 95 % interval of the AUC.
    `labels` (N,) 0 or 1, `probabilities` (N,) of "fake", NaN where there is none, `groups` (N,).
    """
    found = metrics.binary_metrics(labels, probabilities, 0.5 if t_high is None else t_high)
    figure, axes = make_figure(5.6, 5.2)
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1)
    scored = np.isfinite(np.asarray(probabilities, dtype=np.float64))
    amount = count_of(found["n"] - found["n_unscored"], "video")
    if groups is not None:
        amount += f" of {count_of(len(set(np.asarray(groups)[scored].tolist())), 'group')}"
    if found["auc"] is None:
        say(axes, f"No ROC curve: {amount} of one class only")
    else:
        fpr, tpr, _ = roc_curve(np.asarray(labels)[scored], np.asarray(probabilities, dtype=np.float64)[scored])
        axes.plot(fpr, tpr, color=INK, clip_on=False)
        axes.fill_between(fpr, tpr, color=INK, alpha=0.06, linewidth=0)
        interval = None if groups is None else metrics.bootstrap_interval(labels, probabilities, groups, metrics.auc)
        between = "" if interval is None else f" (95 %: {interval[0]:.2f}–{interval[1]:.2f})"
        say(axes, f"AUC {found['auc']:.2f}{between} on {amount}")
        if t_high is not None:
            real, fake = found["confusion"]["real"], found["confusion"]["fake"]
            judged = [found["n_real"] - real["unscored"], found["n_fake"] - fake["unscored"]]
            at = (real["fake"] / judged[0], fake["fake"] / judged[1])
            axes.plot(*at, "o", color=FAKE, markersize=8, clip_on=False, zorder=5)
            side = 1 if at[0] < 0.5 else -1  # the note lies below the curve, inside the axes
            note = f"FAKE at p ≥ {t_high:.2f}:\ncatches {at[1]:.0%}, accuses {at[0]:.0%}"
            place = {"xytext": (10 * side, -10), "textcoords": "offset points", "va": "top"}
            axes.annotate(note, at, ha="left" if side > 0 else "right", fontsize=9, **place)
    axes.set(xlabel="reals accused (false positive rate)", ylabel="fakes caught (true positive rate)")
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    return figure


@styled
def plot_confusion(found: dict[str, Any]) -> Figure:
    """The confusion matrix of `binary_metrics` as counts, with those undecided and those without a score."""
    confusion, (low, high) = found["confusion"], (found["t_low"], found["t_high"])
    empty = {"unscored"} if not found["n_unscored"] else set()
    empty |= {"undecided"} if low == high else set()
    verdicts = [name for name in metrics.VERDICTS if name not in empty]
    heads = {
        "real": f"REAL\np {'<' if low == high else '≤'} {low:.2f}",
        "undecided": "UNDECIDED\nbetween",
        "fake": f"FAKE\np ≥ {high:.2f}",
        "unscored": "no score\n(no face, unreadable)",
    }
    figure, axes = make_figure(1.9 + 1.35 * len(verdicts), 3.1)
    colours = {"real": REAL, "fake": FAKE}
    for row, name in enumerate(("real", "fake")):
        total = sum(confusion[name].values())
        for column, verdict in enumerate(verdicts):
            count = confusion[name][verdict]
            share = count / total if total else 0.0
            shade = {"color": colours.get(verdict, UNDECIDED), "alpha": 0.05 + 0.5 * share, "linewidth": 0}
            axes.add_patch(Rectangle((column, row), 1, 1, **shade))
            axes.text(column + 0.5, row + 0.45, f"{count:,}", ha="center", va="center", fontsize=15)
            if total:
                axes.text(column + 0.5, row + 0.76, f"{share:.0%}", ha="center", va="center", fontsize=8)
    axes.set(xlim=(0, len(verdicts)), ylim=(2, 0), xlabel="verdict")
    axes.set_xticks(np.arange(len(verdicts)) + 0.5, [heads[name] for name in verdicts], fontsize=9)
    axes.set_yticks([0.5, 1.5], [f"{count_of(found[f'n_{name}'], name)}" for name in ("real", "fake")])
    for tick, colour in zip(axes.get_yticklabels(), (REAL, FAKE), strict=True):
        tick.set(color=colour, fontweight="bold")
    axes.tick_params(length=0)
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    for line in range(1, len(verdicts)):
        axes.axvline(line, color="white", linewidth=2)
    axes.axhline(1, color="white", linewidth=2)
    without = found["n_undecided"] + found["n_unscored"]
    say(
        axes,
        f"{confusion['fake']['fake']} of {count_of(found['n_fake'], 'fake')} caught, "
        f"{confusion['real']['fake']} of {count_of(found['n_real'], 'real')} accused, {without} without a verdict",
    )
    return figure


@styled
def plot_reliability(probabilities: Any, labels: Any, bins: int = 10) -> Figure:
    """Stated probability against the share that was fake, with the number of videos in each bin underneath."""
    table, gap = metrics.reliability(probabilities, labels, bins), metrics.ece(probabilities, labels, bins)
    figure, (upper, lower) = make_figure(5.6, 5.6, rows=2, height_ratios=[4, 1], sharex=True)
    upper.plot([0, 1], [0, 1], color=FAINT, linewidth=1, label="perfectly calibrated")
    if len(table):
        said, was = table["mean_probability"], table["share_fake"]
        upper.vlines(said, np.minimum(said, was), np.maximum(said, was), color=FAKE, alpha=0.5, linewidth=1)
        upper.plot(said, was, "o-", color=INK, label="these videos", clip_on=False)
        lower.bar(table["low"], table["n"], 1 / bins, align="edge", color=INK, alpha=0.6, edgecolor="white")
    upper.set(xlim=(0, 1), ylim=(0, 1), ylabel="share that was fake")
    lower.set(xlabel="P(fake) as stated", ylabel="videos")
    lower.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    upper.legend(loc="upper left")
    if gap is None:
        lower.set_ylim(0, 1)
        say(upper, "No video has a score")
        return figure
    n = table["n"].sum()
    excess = ((said - was) * table["n"]).sum() / n
    on_average = f"on average {abs(excess):.2f} too {'high' if excess > 0 else 'low'}"
    say(upper, f"Calibration error {gap:.2f} on {count_of(n, 'video')}; {on_average}")
    return figure


@styled
def plot_score_histogram(
    probabilities: Any, labels: Any, t_low: float | None = None, t_high: float | None = None
) -> Figure:
    """How the scores of reals and of fakes lie, in bins of 0.05, with the thresholds."""
    labels, p = np.asarray(labels), np.asarray(probabilities, dtype=np.float64)
    figure, axes = make_figure(7.0, 3.6)
    reals, fakes = (p[(labels == label) & np.isfinite(p)] for label in (0, 1))
    edges = np.linspace(0, 1, 21)
    for values, colour, name in ((reals, REAL, "real"), (fakes, FAKE, "fake")):
        axes.hist(values, edges, color=colour, alpha=0.6, edgecolor="white", label=count_of(len(values), name))
    for threshold, name, side in ((t_low, "REAL ≤", "right"), (t_high, "≥ FAKE", "left")):
        if threshold is not None:
            axes.axvline(threshold, color=UNDECIDED, linewidth=1, linestyle=(0, (4, 3)))
            place = {"transform": axes.get_xaxis_transform(), "ha": side, "va": "bottom"}
            axes.text(threshold, 1.0, f" {name} ", fontsize=8, color=UNDECIDED, **place)
    axes.set(xlim=(0, 1), xlabel="P(fake)", ylabel="videos")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    named = (("reals", reals), ("fakes", fakes))
    middles = [f"{name} {np.median(values):.2f}" for name, values in named if len(values)]
    lost = int(np.isnan(p).sum())
    finding = f"Median score: {', '.join(middles)}" if middles else "No video has a score"
    axes.set_title(finding + (f"; {count_of(lost, 'video')} without a score" if lost else ""), pad=16)
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
