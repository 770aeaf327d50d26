"""The card of a checkpoint: what a verdict needs of it, checked. Needs no torch."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from ..base import CheckpointError, parse_json, read_text

ROLL = 18.0
"""Degrees that a head may lean either way where a card does not say how far training went. Turned about their middle,
ten honest clips were accused none at 10°, three at 20° and seven at 30°; in filmed talk heads lean by up to 15°."""


WORDS = ("REAL", "UNDECIDED", "FAKE")


def roll_of(card: dict) -> float:
    """How far a head may lean, in degrees either way, for a checkpoint to judge it: `preprocessing.roll_deg`."""
    about = card.get("preprocessing")
    return float(about.get("roll_deg", ROLL)) if isinstance(about, dict) else ROLL


def looks_for_of(card: dict) -> str:
    """What a checkpoint was taught to see, as words: `looks_for` of its card. Older ones know pasted faces."""
    return str(card.get("looks_for") or "a pasted face")


def record_of(card: dict) -> dict[str, str]:
    """What a verdict by this checkpoint is worth, as words by verdict: how it fared on real deepfakes and real videos
    (`real_deepfakes` of its card, written by benchmarks/deepfakes.py)."""
    found, proof = card.get("real_deepfakes"), "a score alone is no proof"
    if not found:
        return {"REAL": "", "FAKE": proof, "UNDECIDED": ""}
    fakes, reals = (found[kind] for kind in ("fake", "real"))
    tried = "this checkpoint was tried on"
    return {
        "REAL": f"of {sum(fakes.values())} real deepfakes that {tried} it called {fakes['REAL']} REAL",
        "FAKE": f"{proof}: of {sum(reals.values())} real videos that {tried} it called {reals['FAKE']} FAKE",
        "UNDECIDED": "",
    }


def read_card(path: str | os.PathLike[str]) -> dict:
    """The card beside a checkpoint.

    Raises `CheckpointError` when it is missing, no JSON, or lacks what a verdict needs.
    """
    place = Path(path).with_suffix(".json")
    try:
        card = parse_json(read_text(place))
        check_card(card)
        if not isinstance(card["sha256"], str):
            raise TypeError("sha256 is no text")
    except FileNotFoundError as error:
        raise CheckpointError(f"{place} is missing: a checkpoint is useless without its card. Restore it.") from error
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CheckpointError(f"{place} is no card of a Spotter checkpoint ({error!r}). Restore it.") from error
    return card


def check_card(card: dict) -> None:
    """Raise `KeyError`, `TypeError` or `ValueError` when a card lacks what a verdict needs, or it makes no sense."""
    t_low, t_high = (float(card["thresholds"][name]) for name in ("t_low", "t_high"))
    if not 0 < t_low <= t_high < 1:
        raise ValueError(f"the thresholds must satisfy 0 < t_low ≤ t_high < 1, not {t_low} and {t_high}")
    if not 0 < roll_of(card) <= 180:
        raise ValueError(f"preprocessing.roll_deg must be above 0 and at most 180 degrees, not {roll_of(card)}")
    for kind in ("fake", "real"):
        if card.get("real_deepfakes") and sum(int(card["real_deepfakes"][kind][word]) for word in WORDS) < 1:
            raise ValueError(f"real_deepfakes counts no {kind} video")
    fitted = {head: card["calibration"][head] for head in ("clip", "frame")}
    if card.get("stills"):
        fitted["still"] = card["stills"]["calibration"]
        low, high = (float(card["stills"]["thresholds"][name]) for name in ("t_low", "t_high"))
        if not 0 < low <= high < 1:
            raise ValueError(f"the thresholds of stills must satisfy 0 < t_low ≤ t_high < 1, not {low} and {high}")
    for head, how in fitted.items():
        scale, bias = (float(how[name]) for name in ("scale", "bias"))
        if not (0 < scale < np.inf and np.isfinite(bias)):
            raise ValueError(f"the calibration of the {head} head needs a scale > 0 and a finite bias")
