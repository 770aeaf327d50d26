"""The point at which a checkpoint is judged: the card's thresholds, or thresholds chosen on validation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from ..base import DataError
from ..metrics import Thresholds, choose_thresholds
from ..model import Detector
from . import tables

ORIGIN = "Thresholds need an origin: take card_point(detector), or choose_point on validation videos."
"""What is said to whoever comes with bare numbers."""


def choose_point(
    scored: pd.DataFrame, fpr: float = 0.05, undecided: float = 0.10, cost: float | None = None
) -> OperatingPoint:
    """Thresholds for a stated false positive rate or cost, as `choose_thresholds` finds them on validation videos.

    scored: the table of `score_cache`. Only its rows of the split "val" are looked at, whatever else is in it. Figures
    on any of these videos, or on their groups or people, are refused later. Raises `DataError` when there is no such
    row, or one class only.
    """
    if "split" not in scored or not (scored["split"] == "val").any():
        raise DataError(
            "Thresholds are chosen on validation videos, and this table has none (split “val”). "
            "Score that part of the face cache too."
        )
    videos = tables.rounded(tables.complete(tables.there(scored[scored["split"] == "val"])))
    chosen = choose_thresholds(videos["probability"], videos["label"], fpr, undecided, cost)
    aim = f"at most {fpr:.1%} of the reals accused" if cost is None else f"an accused real costs {cost:g} missed fakes"
    origin = f"{len(videos)} validation videos of {videos['group'].nunique()} groups: {aim}"
    return _point(chosen, origin, tables.tokens_of(videos))


def card_point(detector: Detector) -> OperatingPoint:
    """The thresholds of a checkpoint's card, chosen on its validation clips when it was trained or calibrated."""
    return _point(Thresholds(*detector.thresholds), f"the card of {detector.name}", frozenset())


@dataclass(frozen=True, init=False)
class OperatingPoint:
    """Two thresholds and where they come from. Made by `card_point` and `choose_point`, and by nothing else.

    origin: in words; chosen_on: the files, groups and people of the videos that they were chosen on, as far as known.
    """

    thresholds: Thresholds
    origin: str
    chosen_on: frozenset[str]

    def __init__(self, *_: Any, **__: Any) -> None:
        raise DataError(ORIGIN)


def _point(thresholds: Thresholds, origin: str, chosen_on: frozenset[str]) -> OperatingPoint:
    """The one way to an `OperatingPoint`, whose own constructor refuses."""
    point = object.__new__(OperatingPoint)
    vars(point).update(thresholds=thresholds, origin=origin, chosen_on=chosen_on)
    return point
