"""Labels and scores as they are given, checked before anything is computed of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..base import DataError


def checked(labels: Any, scores: Any, top: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Labels as int (N,) and scores as float64 (N,), NaN allowed; `DataError` when they are not what is said above."""
    labels, scores = np.asarray(labels), np.asarray(scores, dtype=np.float64)
    if labels.shape != scores.shape or labels.ndim != 1:
        raise DataError(f"One label for each score, please: labels {labels.shape}, scores {scores.shape}.")
    if not np.isin(labels, (0, 1)).all():
        raise DataError("A label is 0 (real) or 1 (fake), nothing else; are labels and scores swapped?")
    if np.isinf(scores).any() or (top == 1 and (scores < 0).any()) or (scores > top).any():
        raise DataError("A probability lies between 0 and 1 and a logit is finite; NaN is for videos without a score.")
    return labels.astype(np.int64), scores


def scored(labels: Any, scores: Any, top: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Checked labels and scores of those that have a score."""
    labels, scores = checked(labels, scores, top)
    kept = np.isfinite(scores)
    return labels[kept], scores[kept]


def ratio(part: float, whole: float) -> float | None:
    """`part / whole`, None where that is undefined."""
    return float(part / whole) if whole else None


def check_share(what: str, share: float) -> None:
    """Refuses what is no share, with `DataError`: 5 or -1, where 0.05 was meant."""
    if not 0 <= share <= 1:
        raise DataError(f"{what} must be a share of 0 to 1, not {share}: write 5 % as 0.05.")
