"""The history of a training run, drawn."""

from __future__ import annotations

import numpy as np
import pytest
from makers.figure_data import HISTORY, title
from makers.training_runs import faces

from spotterlib.training import plot_clip, plot_history


def test_history_finds_the_best_epoch_and_leaves_gaps():
    figure = plot_history(HISTORY)
    assert title(figure) == "Training loss 0.700 → 0.400"
    assert title(figure, 1) == "Best validation AUC 0.810, epoch 2"
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss", "AUC", "learning rate"]
    validation = next(line for line in figure.axes[0].lines if line.get_label() == "validation")
    assert np.isnan(validation.get_ydata()[2])


def test_one_epoch_is_no_course_and_what_it_began_with_stands_at_0():
    before = {"epoch": -1, "val_loss": 0.8, "val_auc": 0.9}
    figure = plot_history([before, HISTORY[0]])
    assert (
        title(figure) == "Training loss 0.700"
        and title(figure, 1) == "Best validation AUC 0.900, before training: not kept"
    )
    assert len(figure.axes) == 2, "one rate is no curve"
    validation = next(line for line in figure.axes[0].lines if line.get_label() == "validation")
    assert validation.get_xdata().tolist() == [0, 1]


@pytest.mark.parametrize("share, rows", [(1.0, ["original", "its fake", "what was pasted"]), (0.0, ["original"])])
def test_a_clip_stands_above_its_fake_and_its_mask(share, rows):
    figure = plot_clip(faces(2, frames=4, augment=True, selfblend=share))
    lines = [axes for axes in figure.axes if axes.get_ylabel()]
    assert [axes.get_ylabel() for axes in lines] == rows
    if share:
        original, fake, mask = (np.asarray(axes.images[0].get_array(), float) for axes in lines)
        assert mask.shape == (14, 14) and mask.max() > 0.2 and not np.array_equal(original, fake)
