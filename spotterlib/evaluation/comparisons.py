"""The figures that compare: methods, damage, and the surest mistakes."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from ..base import FAINT, FAKE, INK, REAL, UNDECIDED, count_of, floats, literal, make_figure, say, styled

_UNNAMED = "unnamed method"


@styled
def plot_methods(lines: Sequence[dict[str, Any]]) -> Figure:
    """The AUC of each method against its own reals, with its interval where there is one; `per_method`'s rows."""
    names = [_name_of(line) for line in lines]
    figure, axes = make_figure(7.4, 1.3 + 0.42 * max(len(lines), 1))
    axes.axvline(0.5, color=FAINT, linewidth=1)
    for row, line in enumerate(lines):
        if line["auc"] is None:
            continue
        if line["auc_low"] is not None:
            axes.plot([line["auc_low"], line["auc_high"]], [row, row], color=FAKE, linewidth=5, alpha=0.35)
        axes.plot(line["auc"], row, "o", color=FAKE)
    amounts = [f"{line['n_fake']} against {line['n_real']}, {count_of(line['n_groups'], 'group')}" for line in lines]
    for row, amount in enumerate(amounts):
        axes.text(1.01, row, amount, transform=axes.get_yaxis_transform(), va="center", fontsize=8, color=UNDECIDED)
    ticks = [textwrap.wrap(name, 34, max_lines=2, placeholder=" …") for name in names]
    axes.set_yticks(range(len(lines)), [literal("\n".join(tick)) for tick in ticks])
    axes.set(xlim=(0, 1.02), ylim=(len(lines) - 0.4, -0.6), xlabel="AUC against its own reals")
    axes.grid(False, axis="y")
    short = [line["method"] or _UNNAMED for line in lines]
    short = short if len(set(short)) == len(short) else names
    short = [literal(textwrap.shorten(name, 60, placeholder=" …")) for name in short]
    known = [(line["auc"], name) for line, name in zip(lines, short, strict=True) if line["auc"] is not None]
    # what stands on either side of the axes
    left = 1.9 + 0.075 * max((len(part) for tick in ticks for part in tick), default=0)
    if not known:
        say(axes, "No method has both reals and fakes with a score", left)
    elif max(known)[0] - min(known)[0] < 0.005:
        say(axes, f"AUC {known[0][0]:.2f} for {known[0][1] if len(known) == 1 else 'every method'}", left)
    else:
        (worst, hard), (best, easy) = min(known), max(known)
        say(axes, f"AUC from {worst:.2f} ({hard}) to {best:.2f} ({easy})", left)
    return figure


@styled
def plot_robustness(table: pd.DataFrame) -> Figure:
    """AUC and false positive rate after each kind of damage, with intervals where there are any.

    `table`: as `measure_robustness` returns it, the videos as they are first.
    """
    figure, panels = make_figure(9.0, 1.6 + 0.3 * len(table), columns=2, sharey=True)
    rows = np.arange(len(table))
    for axes, name, colour, label in (
        (panels[0], "auc", INK, "AUC"),
        (panels[1], "fpr", REAL, "reals called FAKE"),
    ):
        values = floats(table[name])
        if np.isfinite(values[0]):
            axes.axvline(values[0], color=FAINT, linewidth=1)
        axes.hlines(rows, floats(table[f"{name}_low"]), floats(table[f"{name}_high"]), color=colour, alpha=0.35, lw=5)
        axes.plot(values, rows, "o", color=colour, clip_on=False)
        axes.set(xlim=(0, 1.02), xlabel=label)
        axes.grid(False, axis="y")
    panels[1].xaxis.set_major_formatter(PercentFormatter(1))
    panels[0].set_yticks(rows, [literal(name) for name in table["name"]])
    panels[0].set_ylim(len(table) - 0.4, -0.6)
    areas, accused = floats(table["auc"]), floats(table["fpr"])
    if len(table) > 1 and np.isfinite(areas[0]) and np.isfinite(areas[1:]).any():
        worst = 1 + int(np.nanargmin(areas[1:]))
        lowest = f"AUC {areas[0]:.2f}; damaged, {areas[worst]:.2f} at the lowest ({table['name'].iloc[worst]})"
        say(panels[0], lowest, left=1.8)
    else:
        say(panels[0], "Nothing to compare: AUC undefined, or no damage", left=1.8)
    if len(table) > 1 and np.isfinite(accused[0]) and np.isfinite(accused[1:]).any():
        worst = 1 + int(np.nanargmax(accused[1:]))
        said = f"Reals accused {accused[0]:.0%}; damaged, up to {accused[worst]:.0%} ({table['name'].iloc[worst]})"
        say(panels[1], said, left=1.3)  # the names left of the first panel take from this one too
    else:
        say(panels[1], f"Reals accused {accused[0]:.0%}" if np.isfinite(accused[0]) else "No reals to accuse")
    missing = int(table["missing"].max()) if "missing" in table else 0
    if missing:
        said = f"{count_of(missing, 'video')} not there any more, and in no row"
        figure.supxlabel(said, x=0.01, ha="left", fontsize=8.5)
    return figure


@styled
def plot_mistakes(mistakes: Sequence[dict[str, Any]], title: str = "", note: str = "") -> Figure:
    """Faces and what spoke for "fake" in them: a row a video, plain frames above their heatmaps.

    mistakes: dicts with `faces` and `heats`, each as many uint8 RGB (H, W, 3) of one size, and a `caption`; note: how
    well the heat points, written below them.
    """
    figure, grid = make_figure(6.4, 0.6 + 3.5 * max(len(mistakes), 0.1), max(len(mistakes), 1), squeeze=False)
    for axes, mistake in zip(grid.flat, mistakes, strict=False):
        both = np.concatenate([np.concatenate(list(mistake[name]), axis=1) for name in ("faces", "heats")])
        axes.imshow(both, interpolation="antialiased")
        axes.set_title(textwrap.fill(literal(mistake["caption"]), 80), fontsize=9, fontweight="normal")
    for axes in grid.flat:
        axes.set_axis_off()
    head = title or (f"{count_of(len(mistakes), 'mistake')}, the surest first" if mistakes else "No mistake to show")
    figure.suptitle(literal(head), x=0.01, ha="left", fontsize=11, fontweight="bold")
    if mistakes and note:
        figure.supxlabel(textwrap.fill(literal(note), 100), x=0.01, ha="left", fontsize=8.5)
    return figure


def mark_leak(figure: Figure, text: str = "LEAKING SPLIT: TOO GOOD TO BE TRUE") -> Figure:
    """Write across a figure that its split leaks; returns the figure."""
    look = {"ha": "center", "va": "center", "rotation": 20, "fontsize": 15, "fontweight": "bold", "color": "#c02020"}
    figure.text(0.5, 0.5, text, alpha=0.45, zorder=100, **look).set_in_layout(False)
    return figure


def _name_of(line: dict[str, Any]) -> str:
    """A method with what tells it from its namesakes."""
    parts = (line["method"] or _UNNAMED, line["compression"], line["dataset"])
    return ", ".join(part for part in parts if part)
