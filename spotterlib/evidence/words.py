"""What a report says in words: how sure it is, what its red is worth, what it does not prove."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..metrics import certainty_text, probability_text
from ..scan import ZONES, crop_points, zone_shares
from .heat import OPACITY, THRESHOLD

if TYPE_CHECKING:
    from ..scan import FaceResult, ScanReport

LIMITS = (
    "A score is a measurement, not a proof. It says how much this clip resembles the manipulated clips that the "
    "detector was trained on. A high score does not prove manipulation; a low one does not prove a clip genuine.",
    "Only faces are judged. Replaced sound, a misleading cut or caption, and scenes without a face are not.",
    "Kinds of forgery unlike those it was trained on can pass unnoticed. Strong compression, small, dark or blurred "
    "faces, filters and heavy make-up can mislead it in either direction.",
    "How red a frame gets is its own score; where it is red, the picture weighed towards “fake”, on a coarse grid. A "
    "pale frame has a low score, or no cell of it weighed so, or too little of its window could be judged; none of "
    "these makes it genuine. The outline frames what is at least half of full red, and is no outline of a manipulated "
    "area.",
    "The verdict is made from the clip as a whole; a frame score judges one still. The two can disagree.",
    "Before relying on it, look for the original, ask for the source, and have a second method and a second person "
    "look.",
)
"""What a score of a video does not prove, as every page says it."""

PICTURE_LIMITS = (
    "A score is a measurement, not a proof. It says how much a face in this picture resembles frames of the "
    "manipulated clips that the detector was trained on. A high score does not prove manipulation; a low one does not "
    "prove a picture genuine.",
    "Only faces are judged. A misleading cut or caption, what else is in the picture, and pictures without a face are "
    "not.",
    "Kinds of forgery unlike those it was trained on can pass unnoticed. Strong compression, small, dark or blurred "
    "faces, filters, retouching and heavy make-up can mislead it in either direction.",
    "How red a face gets is its own score; where it is red, the picture weighed towards “fake”, on a coarse grid. A "
    "pale face has a low score, or no cell of it weighed so; neither makes it genuine. The outline frames what is at "
    "least half of full red, and is no outline of a manipulated area.",
    "A picture is judged by the part of the detector that sees a frame alone: nothing that shows in motion is looked "
    "at.",
    LIMITS[-1],
)
"""The same of a still picture."""


def certainty(judged: ScanReport | FaceResult) -> str:
    """How sure the verdict on a video or a face is: "93 % confidence", or "" for an undecided one."""
    sure = certainty_text(judged.label, judged.probability)
    return f"{sure} confidence" if sure else ""


def describe(report: ScanReport) -> str:
    """The report in a few plain sentences: a text alternative to its pictures."""
    certain = certainty(report)
    said = [f"Verdict {report.label}{f' with {certain}' if certain else ''}.", report.reason.strip()]
    for number, face in enumerate(report.faces, 1):
        score = "no score" if face.probability is None else probability_text(face.probability, "probability of fake")
        said.append(f"Face {number}: {score}{'' if report.still else _found_in(face)}.")
        seen = np.flatnonzero(face.track.valid & np.isfinite(face.frame_scores))
        if len(seen):
            top = seen[np.argmax(face.frame_scores[seen])]
            where = heat_words(face, report.heatmap_scale)[top]
            said.append(_heat_in_picture(where) if report.still else _highest(face, top, where))
    return " ".join(part for part in said if part)


def _found_in(face: FaceResult) -> str:
    valid = face.track.valid
    return f", found in {int(valid.sum())} of {len(valid)} analysed frames"


def _highest(face: FaceResult, row: int, where: str) -> str:
    """The highest frame score of a face, in words; where: what the heat of that frame lies on."""
    lies = f", where the heat lies on: {where}" if where else ""
    return (
        f"Its highest frame score is {probability_text(face.frame_scores[row])} at {face.track.times[row]:.2f} s{lies}."
    )


def _heat_in_picture(where: str) -> str:
    return f"Its heat lies on: {where}." if where else ""


NAMED, LEAST_SHARE = 2, 0.005
"""How many zones are named for a frame, and the share of its heat from which on one is."""


def heat_numbers() -> dict[str, float]:
    """How heat is painted and named, JSON-ready, for whoever does the same elsewhere: opacity of full red, the share of
    the scale under which nothing is painted, how many zones are named, and from which share of a frame's heat on."""
    return {"opacity": OPACITY, "threshold": THRESHOLD, "named": NAMED, "least_share": LEAST_SHARE}


def heat_words(face: Any, scale: float) -> list[str]:
    """Where the heat of each analysed frame lies: "mouth 41 %, eyes 12 %" of it, the two zones with the most of it.

    "" for a frame on which nothing is painted, and where the five points are not known. face: a `FaceResult`.
    """
    shares = zone_shares(face.heatmaps, crop_points(face.clip.landmarks, face.clip.boxes))
    hottest = face.heatmaps.max((1, 2), initial=0)
    told = []
    for row, top in zip(shares, hottest, strict=True):
        named = np.argsort(-row, kind="stable")[:NAMED] if np.isfinite(row).all() and top >= THRESHOLD * scale else []
        told.append(", ".join(f"{ZONES[k]} {100 * row[k]:.0f} %" for k in named if row[k] >= LEAST_SHARE))
    return told


def heat_note(checkpoint: Mapping[str, Any]) -> tuple[str, str]:
    """How well the heat of a checkpoint points at a forged area: one line of ASCII, and the same in whole sentences.

    checkpoint: that of a `ScanReport`. Its "localisation" is the card's, written by benchmarks/measure_heatmaps.py;
    without one nothing is claimed.
    """
    found = checkpoint.get("localisation")
    if not found:
        return (
            "Red is a hint where to look: how well it points was not measured for verdicts of this kind",
            "How well the red points at a forged area has not been measured for verdicts of this kind: take it as a "
            "hint where to look, not as an outline.",
        )
    small = found["small"]
    hit, random, centre = (f"{100 * small[name]['hit']:.0f} %" for name in ("heat", "random", "centre"))
    measured = (
        f"On {small['clips']} fakes of {small['people']} people whom it had not seen, with at most 15 % of the crop "
        f"forged, the reddest point lay on the forged area in {hit} of the frames (the same network with random "
        f"weights: {random}; the middle of the crop: {centre}). The area was {100 * small['area']:.0f} % of the crop."
    )
    if "zone" in small["heat"]:  # a card without it measured the share of another heat
        measured += f" Of the red {100 * small['heat']['energy']:.0f} % lay on it."
        right, even = (f"{100 * small[name]['zone']:.0f} %" for name in ("heat", "centre"))
        measured += (
            f" The zone named first was forged, in a third of it or more, in {right} of the frames; that of a spot in "
            f"the middle in {even}."
        )
    short = found["shortfalls"]
    if not short:
        line = f"Red hit small forged areas in {hit} of test frames, a dot in the middle {centre}; it is no outline"
        return line, f"{measured} So it points better than either, but it is no outline."
    overlap = " against ".join(f"{small[name]['iou']:.2f}" for name in ("heat", "centre"))
    kinds = {
        "hit": "its reddest point",
        "energy": "its share of red on the area",
        "iou": f"its shape (overlap {overlap} of a spot in the middle)",
        "lift": "holding half as much red again as an even map",
    }
    missed = ", ".join(kinds[kind] for kind in short)
    line = f"Red is only a hint: it hit small forged areas in {hit} of test frames, a dot in the middle {centre}"
    return line, f"{measured} Not proven better than both: {missed}. Take the red as a hint where to look, no more."


def video_name(report: ScanReport) -> str:
    """The name of the scanned file, without its folder; what is no letter in it (half a surrogate) is a "?"."""
    return Path(report.video).name.encode("utf-8", "replace").decode()
