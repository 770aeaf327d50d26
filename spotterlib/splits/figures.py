"""What a split looks like, and where it leaks."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, PercentFormatter

from ..base import FAINT, FAKE, INK, REAL, TEAL, UNDECIDED, count_of, literal, make_figure, say, styled
from .audit import LeakAudit


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
def plot_leak(by_file: LeakAudit, ours: LeakAudit) -> Figure:
    """Leaks of a split by file beside ours. A video may leak in several ways; what was not checked is said so."""
    names = dict.fromkeys([*by_file.counts, *ours.counts])
    kinds = [name for name in names if by_file.counts.get(name) or ours.counts.get(name)]
    figure, axes = make_figure(8.0, 1.7 + 0.55 * max(len(kinds), 1))
    for shift, audit, colour, name in ((-0.2, by_file, INK, "split by file"), (0.2, ours, TEAL, "split by group")):
        counts = [audit.counts.get(kind, 0) for kind in kinds]
        bars = axes.barh(np.arange(len(kinds)) + shift, counts, 0.38, color=colour, label=name)
        axes.bar_label(bars, ["not checked" if audit.ok is None else f"{n:,}" for n in counts], padding=4, fontsize=9)
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
        axes.set_xticks([])
        unsaid = [audit for audit in (by_file, ours) if audit.ok is None]
        text = {0: "no leak found in either", 1: "no leak found in one, the other not checked", 2: "NOT CHECKED"}
        middle = {"transform": axes.transAxes, "ha": "center", "va": "center", "color": UNDECIDED}
        axes.text(0.5, 0.5, text[len(unsaid)], **middle)
    if by_file.ok is None and ours.ok is None:
        say(axes, "Not checked: too few videos name a person, source or group", left=1.6)
    else:
        said = f"Held-out videos that leak: {_told(by_file)} in a split by file, {_told(ours)} in ours by group"
        say(axes, said, left=1.6)
    return figure


def _told(audit: LeakAudit) -> str:
    """How many of the held-out videos that could be checked leak."""
    if audit.ok is None:
        return "not checked"
    told = f"{audit.leaking:,} of {audit.checked:,}" if audit.leaking else f"none of {audit.checked:,}"
    return told + (f" ({audit.held_out - audit.checked:,} not checked)" if audit.held_out > audit.checked else "")
