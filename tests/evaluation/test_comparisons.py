"""Figures that compare methods, damages and mistakes: the title's numbers come from the data."""

from __future__ import annotations

from makers.figure_data import DAMAGE, METHODS, method_line, title

from spotterlib.evaluation.comparisons import mark_leak, plot_methods, plot_robustness


def test_methods_name_the_hardest_and_show_no_interval_where_there_is_none():
    figure = plot_methods(METHODS)
    assert title(figure) == "AUC from 0.60 (NeuralTextures) to 0.90 (Deepfakes)"
    assert figure.axes[0].get_yticklabels()[0].get_text() == r"Deepfakes, c23, F\$F\$"
    twice = plot_methods([METHODS[0], METHODS[0] | {"compression": "c40", "auc": 0.7}])
    assert title(twice).startswith("AUC from 0.70 (Deepfakes, c40,"), "namesakes are told apart"
    assert sum(line.get_linewidth() == 5 for line in figure.axes[0].lines) == 1
    assert title(plot_methods([METHODS[0], METHODS[0]])) == "AUC 0.90 for every method"
    assert "12 against 24, 12 groups" in [text.get_text() for text in figure.axes[0].texts]


def test_methods_without_a_name_and_with_long_ones_are_told():
    figure = plot_methods([method_line("", 0.9, compression="", dataset="")])
    assert title(figure) == "AUC 0.90 for unnamed method"
    assert figure.axes[0].get_yticklabels()[0].get_text() == "unnamed method"
    figure = plot_methods([method_line("Neural $x^2 " * 9, 0.6), method_line("y" * 99, 0.9)])
    figure.draw_without_rendering()
    assert figure.axes[0].get_position().width > 0.3, "long names leave room for what they name"


def test_robustness_names_the_worst_of_both():
    figure = plot_robustness(DAMAGE)
    assert title(figure) == "AUC 0.90; damaged, 0.80 at the lowest (H.264 crf 40)"
    assert title(figure, 1) == "Reals accused 5%; damaged, up to 60% (H.264 crf 40)"
    assert title(plot_robustness(DAMAGE[:1]), 1) == "Reals accused 5%", "there are reals, and no damage"
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()] == DAMAGE["name"].tolist()


def test_a_leak_is_written_across():
    figure = plot_robustness(DAMAGE)
    before = [axes.get_position().bounds for axes in figure.axes]
    assert any("LEAKING" in text.get_text() for text in mark_leak(figure).texts)
    assert before == [axes.get_position().bounds for axes in figure.axes]
