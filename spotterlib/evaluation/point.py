"""The point at which a checkpoint is judged: the card's thresholds, or thresholds chosen on validation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from ..base import DataError, count_of
from ..metrics import MIN_GROUPS, Thresholds, choose_thresholds
from ..model import Detector
from . import tables

ORIGIN = "Thresholds need an origin: take card_point(detector), or choose_point on validation videos."
"""What is said to whoever comes with bare numbers."""


MIN_REALS = 20
"""Reals among the videos that thresholds are chosen on: of fewer not even one in twenty can be accused."""


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
    origin = f"{len(videos)} validation videos of {count_of(videos['group'].nunique(), 'group')}: {aim}"
    reals = int(((videos["label"] == 0) & videos["probability"].notna()).sum())
    few = _caution(len(videos), reals, videos["group"].nunique())
    return _point(chosen, origin, tables.tokens_of(videos), few)


def card_point(detector: Detector) -> OperatingPoint:
    """The thresholds of a checkpoint's card, chosen on its validation clips when it was trained or calibrated."""
    found = detector.card.get("validation")
    known = isinstance(found, dict) and all(isinstance(found.get(name), int) for name in ("clips", "reals", "groups"))
    few = _caution(found["clips"], found["reals"], found["groups"]) if known else ""
    return _point(Thresholds(*detector.thresholds), f"the card of {detector.name}", frozenset(), few)


@dataclass(frozen=True, init=False)
class OperatingPoint:
    """Two thresholds and where they come from. Made by `card_point` and `choose_point`, and by nothing else.

    origin: in words; chosen_on: the files, groups and people of the videos that they were chosen on, as far as known;
    caution: a sentence where those were too few to choose a threshold on, else "".
    """

    thresholds: Thresholds
    origin: str
    chosen_on: frozenset[str]
    caution: str

    def __init__(self, *_: Any, **__: Any) -> None:
        raise DataError(ORIGIN)


def _caution(clips: int, reals: int, groups: int) -> str:
    """What is to be said of thresholds that were chosen on so few."""
    if groups >= MIN_GROUPS and reals >= MIN_REALS:
        return ""
    return (
        f"The thresholds were chosen on {count_of(clips, 'validation clip')} ({count_of(reals, 'real')}) of "
        f"{count_of(groups, 'group')}: too few for a threshold to mean anything. Other clips would have given others."
    )


def _point(thresholds: Thresholds, origin: str, chosen_on: frozenset[str], caution: str) -> OperatingPoint:
    """The one way to an `OperatingPoint`, whose own constructor refuses."""
    point = object.__new__(OperatingPoint)
    vars(point).update(thresholds=thresholds, origin=origin, chosen_on=chosen_on, caution=caution)
    return point
