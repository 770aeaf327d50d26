"""What a training run looks like."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..base import FAINT, FAKE, INK, TEAL, floats, make_figure, say, styled

if TYPE_CHECKING:  # the figures are drawn without torch
    from .dataset import ClipDataset

_LOOKS = 3  # epochs searched for a clip that brings its fake


@styled
def plot_history(history: Sequence[dict[str, Any]]) -> Figure:
    """Training epoch by epoch: losses, validation AUC of clips and of frames, and learning rates once they change.

    One dict an epoch; keys used where present: epoch, train_loss, val_loss, val_auc, val_frame_auc, lr and lr_*.
    Missing or None is a gap. Epoch −1, that of `judge_start`, stands at 0, and the first one trained at 1.
    """

    def curve(name: str) -> np.ndarray:
        return floats([line.get(name) for line in history])

    epochs = floats([line.get("epoch", at) for at, line in enumerate(history)]) + 1
    rates = sorted({name for line in history for name in line if name == "lr" or name.startswith("lr_")})
    rates = rates if any(np.isfinite(curve(name)).sum() > 1 for name in rates) else []
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
    course = f"{known[0]:.3f} → {known[-1]:.3f}" if len(known) > 1 else "".join(f"{loss:.3f}" for loss in known)
    say(panels[0], f"Training loss {course}" if course else "No epoch trained yet")
    if np.isfinite(scores).any():
        best = int(np.nanargmax(scores))
        panels[1].axhline(0.5, color=FAINT, linewidth=1)
        panels[1].plot(epochs[best], scores[best], "o", color=TEAL, markersize=8, fillstyle="none")
        at = f"epoch {epochs[best]:.0f}" if epochs[best] else "before training: not kept"
        say(panels[1], f"Best validation AUC {scores[best]:.3f}, {at}")
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


@styled
def plot_clip(data: ClipDataset, columns: int = 6) -> Figure:
    """A real clip as the network gets it above the fake that was made of it, and below both what was pasted (white).

    The first real row that brings its fake within a few epochs; without any (no self-blends) the first clip alone.
    """
    items = (data[number] for number in range(_LOOKS * len(data)))
    item = next((item for item in items if len(item) > 1), None) or data[0]
    rows = [(("fake" if label else "original"), frames.permute(0, 2, 3, 1).numpy()) for frames, _, label, *_ in item]
    if len(item) > 1:
        rows[1] = ("its fake", rows[1][1])
        rows.append(("what was pasted", item[1][4].numpy()))
    there = np.flatnonzero(item[0][1].numpy())
    shown = there[np.linspace(0, len(there) - 1, min(columns, len(there))).round().astype(int)] if len(there) else [0]
    figure, grid = make_figure(1.6 * len(shown) + 1.2, 1.65 * len(rows) + 0.4, len(rows), len(shown), squeeze=False)
    for line, (name, pictures) in zip(grid, rows, strict=True):
        for axes, at in zip(line, shown, strict=True):
            axes.imshow(pictures[at], cmap="gray", vmin=0, vmax=1 if pictures.ndim == 3 else None)
            axes.set(xticks=[], yticks=[])
            axes.grid(False)
            for spine in axes.spines.values():
                spine.set_visible(False)
        line[0].set_ylabel(name, color=FAKE if name.endswith("fake") else INK)
    title = "A real clip, the fake made of it, and where" if len(item) > 1 else "A training clip"
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    return figure
