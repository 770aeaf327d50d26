"""What a training run looks like."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..base import FAINT, INK, TEAL, floats, make_figure, say, styled


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
