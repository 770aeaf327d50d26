"""The history of a training run, drawn."""

from __future__ import annotations

import numpy as np
from makers.figure_data import HISTORY, title

from spotterlib.training import plot_history


def test_history_finds_the_best_epoch_and_leaves_gaps():
    figure = plot_history(HISTORY)
    assert title(figure) == "Training loss 0.700 → 0.400"
    assert title(figure, 1) == "Best validation AUC 0.810, epoch 1"
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss", "AUC", "learning rate"]
    validation = next(line for line in figure.axes[0].lines if line.get_label() == "validation")
    assert np.isnan(validation.get_ydata()[2])
