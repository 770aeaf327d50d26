"""The balance of a split and its leak, counted and drawn."""

from __future__ import annotations

from makers.figure_data import audit, manifest_table, title

from spotterlib.splits import plot_leak, plot_split_balance


def test_balance_and_leak_count():
    assert title(plot_split_balance(manifest_table())) == "40 videos in 10 groups: train 70%, val 20%, test 10%"
    figure = plot_leak(audit(0.978, same_pair=2740, empty=0), audit(0.0, same_pair=1))
    assert title(figure) == "Test fakes that leak: 97.8% in a split by file, none in ours by group"
    assert "none in a split by file, unknown in ours" in title(plot_leak(audit(0.0), audit(None)))
    assert [text.get_text() for text in figure.axes[0].texts] == ["2,740", "1"]
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()] == ["same pair"]
