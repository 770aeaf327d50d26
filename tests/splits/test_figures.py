"""The balance of a split and its leak, counted and drawn."""

from __future__ import annotations

from makers.figure_data import audit, manifest_table, title

from spotterlib.splits import plot_leak, plot_split_balance


def test_balance_and_leak_count():
    assert title(plot_split_balance(manifest_table())) == "40 videos in 10 groups: train 70%, val 20%, test 10%"
    figure = plot_leak(audit(2740, 2800, same_pair=2740, empty=0), audit(0, 2790, 2800, same_pair=1))
    said = (
        "Held-out videos that leak: 2,740 of 2,800 in a split by file, none of 2,790 (10 not checked) in ours by group"
    )
    assert title(figure) == said
    assert [text.get_text() for text in figure.axes[0].texts] == ["2,740", "1"]
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()] == ["same pair"]


def test_the_headline_counts_what_the_bars_count():
    """Reals leak too: “none” once stood over a bar of 5, for no test fake was among them."""
    figure = plot_leak(audit(5, 9, same_group=5), audit(0, 9))
    assert title(figure).startswith("Held-out videos that leak: 5 of 9 in a split by file")


def test_not_checked_is_neither_none_nor_a_leak():
    nothing = plot_leak(audit(None), audit(None))
    assert title(nothing).startswith("Not checked") and nothing.axes[0].texts[0].get_text() == "NOT CHECKED"
    half = plot_leak(audit(1, same_file=1), audit(None))
    assert "not checked in ours by group" in title(half)
    assert [text.get_text() for text in half.axes[0].texts] == ["1", "not checked"]
    assert "other not checked" in plot_leak(audit(0), audit(None)).axes[0].texts[0].get_text()
