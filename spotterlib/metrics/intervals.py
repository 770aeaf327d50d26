"""Intervals of a figure, by a bootstrap over groups."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..base import DataError
from .binary import MIN_GROUPS, Statistic


def bootstrap_interval(
    labels: Any, scores: Any, groups: Any, statistic: Statistic, n: int = 1000, seed: int = 0
) -> tuple[float, float] | None:
    """95 % percentile bootstrap interval of `statistic(labels, scores)`, drawing whole groups with replacement.

    `labels` (N,), `scores` (N,) or (N, K), `groups` (N,): rows with the same value stand or fall together (people,
    not videos, are what is independent). The order of the rows does not matter. None, and counts are to be shown
    instead, where an interval would claim more than is known: fewer than `MIN_GROUPS` groups with a score, or fewer
    than half as many with one of a class without which the figure would be another (the AUC of two fakes among a
    hundred reals); half of the draws undefined; or all draws equal (an AUC of 1 does not become certain by resampling
    itself).
    Percentile intervals run a little narrow under some 30 groups (Efron & Tibshirani, 1993, ch. 13–14).
    """
    return bootstrap_intervals(
        labels, scores, groups, lambda drawn, picked: {"": statistic(drawn, picked)}, n, seed
    ).get("")


def bootstrap_intervals(
    labels: Any,
    scores: Any,
    groups: Any,
    statistics: Callable[[np.ndarray, np.ndarray], dict[str, float | None]],
    n: int = 1000,
    seed: int = 0,
) -> dict[str, tuple[float, float] | None]:
    """`bootstrap_interval` of many figures from the same draws: `statistics(labels, scores)` returns them by name.

    {} where there are fewer than `MIN_GROUPS` groups with a score.
    """
    labels, scores, groups = np.asarray(labels), np.asarray(scores, dtype=np.float64), np.asarray(groups).astype(str)
    if not len(labels) == len(scores) == len(groups):
        raise DataError(f"As many groups as scores, please: {len(labels)}, {len(scores)} and {len(groups)}.")
    with_score = np.isfinite(scores).all(axis=tuple(range(1, scores.ndim)))
    if len(np.unique(groups[with_score])) < MIN_GROUPS:
        return {}
    few = [k for k in (0, 1) if len(np.unique(groups[with_score & (labels == k)])) < MIN_GROUPS / 2]
    whole, without = statistics(labels, scores), [statistics(labels[labels != k], scores[labels != k]) for k in few]
    known = [name for name in whole if all(other[name] == whole[name] for other in without)]
    _, codes, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    rows = np.split(np.argsort(codes, kind="stable"), np.cumsum(sizes)[:-1])
    random = np.random.default_rng(seed)
    draws = []
    for _ in range(n):
        picked = np.concatenate([rows[group] for group in random.integers(len(rows), size=len(rows))])
        draws.append(statistics(labels[picked], scores[picked]))
    return {name: _middle_of([draw[name] for draw in draws]) if name in known else None for name in whole}


def _middle_of(draws: list[float | None]) -> tuple[float, float] | None:
    """The middle 95 % of what was drawn, None where that says nothing."""
    values = [value for value in draws if value is not None and math.isfinite(value)]
    if not values or 2 * len(values) < len(draws) or min(values) == max(values):
        return None
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def bootstrap_difference(
    labels: Any, scores_a: Any, scores_b: Any, groups: Any, statistic: Statistic, n: int = 1000, seed: int = 0
) -> tuple[float, float] | None:
    """95 % interval of `statistic` of a minus that of b: two checkpoints on the same videos, drawn together."""

    def difference(drawn: np.ndarray, both: np.ndarray) -> float | None:
        a, b = statistic(drawn, both[:, 0]), statistic(drawn, both[:, 1])
        return None if a is None or b is None else a - b

    both = np.column_stack([np.asarray(scores_a, dtype=np.float64), np.asarray(scores_b, dtype=np.float64)])
    return bootstrap_interval(labels, both, groups, difference, n, seed)
