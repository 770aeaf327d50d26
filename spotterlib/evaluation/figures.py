"""The figures of an evaluation: how scores rank, decide and are calibrated."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator, PercentFormatter
from sklearn.metrics import roc_curve

from .. import metrics
from ..base import FAINT, FAKE, INK, REAL, UNDECIDED, count_of, make_figure, say, styled


@styled
def plot_roc(
    labels: Any,
    probabilities: Any,
    groups: Any = None,
    t_high: float | None = None,
    draws: int = 1000,
    seed: int = 0,
) -> Figure:
    """The ROC curve of the videos that have a score, the point of `t_high` marked.

    With `groups` the title has the 95 % interval of the AUC, from as many bootstrap `draws`.
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
        interval = None
        if groups is not None:
            interval = metrics.bootstrap_interval(labels, probabilities, groups, metrics.auc, draws, seed)
        between = "" if interval is None else f" (95 %: {interval[0]:.2f}–{interval[1]:.2f})"
        say(axes, f"AUC {found['auc']:.2f}{between} on {amount}")
        if t_high is not None:
            real, fake = found["confusion"]["real"], found["confusion"]["fake"]
            judged = [found["n_real"] - real["unscored"], found["n_fake"] - fake["unscored"]]
            at = (real["fake"] / judged[0], fake["fake"] / judged[1])
            axes.plot(*at, "o", color=FAKE, markersize=8, clip_on=False, zorder=5)
            side = 1 if at[0] < 0.5 else -1  # the note lies below the curve, inside the axes
            whom = "" if not found["n_unscored"] else f"\nof those with a score ({found['n_unscored']} have none)"
            note = f"FAKE at p ≥ {t_high:.2f}:\ncatches {at[1]:.0%}, accuses {at[0]:.0%}{whom}"
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
    digits = next((count for count in (2, 3, 4) if low == high or f"{low:.{count}f}" != f"{high:.{count}f}"), 5)
    heads = {
        "real": f"REAL\np {'<' if low == high else '≤'} {low:.{digits}f}",
        "undecided": "UNDECIDED\nbetween",
        "fake": f"FAKE\np ≥ {high:.{digits}f}",
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
def plot_reliability(probabilities: Any, labels: Any, bins: int = 10, balanced: bool = False) -> Figure:
    """Stated probability against the share that was fake, with the number of videos in each bin underneath.

    balanced: real and fake count for half each, as in `reliability`.
    """
    table = metrics.reliability(probabilities, labels, bins, balanced)
    gap = metrics.ece(probabilities, labels, bins, balanced)
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
    kept, p = metrics.checked(labels, probabilities)
    kept, p = kept[np.isfinite(p)], p[np.isfinite(p)]
    pairs = [p[kept == k].mean() - k for k in np.unique(kept)]
    excess = float(np.mean(pairs)) if balanced else float((p - kept).mean())
    on_average = f"on average {abs(excess):.2f} too {'high' if excess > 0 else 'low'}"
    alike = ", real and fake counted alike" if balanced and len(pairs) == 2 else ""
    say(upper, f"Calibration error {gap:.2f} on {count_of(len(p), 'video')}{alike}; {on_average}")
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


@styled
def plot_selective(found: dict[str, Any]) -> Figure:
    """Accuracy against the share decided, when the least certain abstain; `found` is an evaluation's `video`.

    The dot is what the thresholds do: UNDECIDED and no score are abstentions.
    """
    curve = pd.DataFrame(found["selective"])
    figure, axes = make_figure(6.2, 4.2)
    axes.set(xlabel="share of the videos decided", ylabel="accuracy of those decided", xlim=(0, 1.02), ylim=(0, 1.02))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1))
    axes.axhline(0.5, color=FAINT, linewidth=1)
    if curve.empty:
        say(axes, "No video has a score")
        return figure
    axes.plot(curve["share_decided"], curve["accuracy"], color=INK, drawstyle="steps-post", clip_on=False)
    axes.plot(curve["share_decided"], curve["accuracy"], ".", color=INK, clip_on=False)
    share, right = found["share_decided"], found["accuracy_decided"]
    if right is None:
        say(axes, "These thresholds decide no video")
        return figure
    axes.plot(share, right, "o", color=FAKE, markersize=8, clip_on=False, zorder=5, label="at the thresholds")
    axes.legend(loc="lower left")
    forced = curve["accuracy"].iloc[-1]
    rest = "" if share > 0.995 else f"; {forced:.0%} if all with a score were"
    say(axes, f"{right:.0%} right of the {share:.0%} decided{rest}", left=1.0)
    return figure
