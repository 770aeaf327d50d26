"""No fraction is missed by more than the largest component."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from spotterlib.splits.assign import _greedy


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.dictionaries(st.sampled_from("abc"), st.integers(1, 20), min_size=1), min_size=1, max_size=30),
    st.sampled_from([(0.7, 0.15, 0.15), (0.34, 0.33, 0.33), (0.9, 0.05, 0.05), (0.6, 0.4, 0.0)]),
)
def test_no_fraction_is_missed_by_more_than_the_largest_component(held, fractions):
    held = sorted(map(Counter, held), key=lambda counts: -sum(counts.values()))
    sizes = [sum(counts.values()) for counts in held]
    places = _greedy(held, [("train", "val", "test")] * len(held), fractions, {})
    for name, fraction in zip(("train", "val", "test"), fractions, strict=True):
        got = sum(size for size, place in zip(sizes, places, strict=True) if place == name)
        assert abs(got - fraction * sum(sizes)) <= max(sizes) + 1e-6
