"""A report checked: is this the file that was scanned, and does scanning it again give the same figures?"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..base import CheckpointError, DataError, SpotterError, file_sha256, find_input, pick_device, read_json
from ..model import Detector, load_checkpoint
from ..video import checked_path
from .examined import SCHEMA
from .report import ScanReport
from .stills import scan_image
from .verify_page import PAGE, PAGE_TOLERANCE, masked, page_differences
from .videos import scan_video

TOLERANCE = {"probability": 0.01, "px": 0.5, "heat": 0.02}
"""By how much figures may differ on another machine (docs/report.md): probabilities and scores, pixels of boxes, and
heat and its zones. On a machine like the report's they may not differ at all."""

_PASSING = ("timings", "examined", "credentials", "video", "schema")  # they tell of this scan, not of the video
_NAMED = 5  # differences named one by one


@dataclass(frozen=True)
class Verification:
    """What came of checking a report: same (it holds), exact (digit by digit), said (why, in a sentence), and the
    differences. It is true where the report holds."""

    same: bool
    exact: bool
    said: str
    differences: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.same

    def __repr__(self) -> str:
        return "\n".join([self.said, *(f"  {each}" for each in self.differences)])


def verify_report(
    report: ScanReport | dict | str | os.PathLike[str],
    video: str | os.PathLike[str],
    checkpoint: str | os.PathLike[str] | Detector | None = None,
) -> Verification:
    """Check a report against its video: hash the file, scan it again with the named checkpoint, compare the figures.

    report: a `ScanReport`, its `to_dict()`, or the path of that as JSON; checkpoint: where the one that the report
    names lies, None for the one shipped. A file that differs in one byte is another file, and is not scanned. On a
    machine like the report's (same versions, processor and device) every figure must be the same, digit by digit; on
    another they may differ by `TOLERANCE`; of a report that the page in a browser saved, by more (`page_differences`).
    Raises `DataError` for what is no report, `CheckpointError` where the
    checkpoint or its card is not the named one, `VideoError` for a video that cannot be read.
    """
    told = _report_of(report)
    place = checked_path(video)
    try:
        digest = file_sha256(place)
    except OSError as error:
        raise DataError(f"{place} cannot be read ({error.strerror}). May you read it?") from error
    if digest != told["file"]["sha256"]:
        said = f"{place.name} is not the file that was scanned: its SHA-256 is another, so nothing was compared."
        return Verification(False, False, said, (f"file.sha256: {told['file']['sha256']}, now {digest}",))
    device = _device(told["examined"]["machine"].get("device", ""))
    detector = checkpoint if isinstance(checkpoint, Detector) else load_checkpoint(checkpoint, device)
    _check_named(told["checkpoint"], detector)
    again = _again(told, place, detector)
    if told.get("made_by") == PAGE:
        return _of_page(told, again, place.name)
    alike = again["examined"]["machine"] == told["examined"]["machine"]
    alike &= again["examined"]["spotter"] == told["examined"]["spotter"]
    alike &= again["examined"]["settings"] == told["examined"].get("settings")  # by graphs, digits are others
    differences = list(_differences(told, again))
    if not differences:
        return Verification(True, True, f"{place.name}: the same file, and the same figures, digit by digit.")
    beyond = differences if alike else list(_differences(told, again, TOLERANCE))
    if not beyond:
        said = (
            f"{place.name}: the same file. {len(differences)} figures differ in their last digits, within what another "
            f"machine or version may give: {_tolerance()}."
        )
        return Verification(True, False, said)
    how = "on a machine like the report's" if alike else f"by more than another machine may give ({_tolerance()})"
    return Verification(False, False, f"{place.name}: the same file, but its figures differ {how}.", _named(beyond))


def _of_page(told: dict[str, Any], again: dict[str, Any], name: str) -> Verification:
    """What came of checking a report that the page wrote: never digit by digit."""
    try:
        differences = list(page_differences(told, again))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"The report is not of the form that the page writes ({error!r}). Restore it.") from error
    allowed = (
        f"{PAGE_TOLERANCE['probability']} of a probability, {PAGE_TOLERANCE['frame']} of a frame's score, boxes that "
        f"overlap by {PAGE_TOLERANCE['iou']}"
    )
    if differences:
        said = f"{name}: the same file, but its figures differ by more than a browser's may ({allowed})."
        return Verification(False, False, said, _named(differences))
    said = f"{name}: the same file, and its figures are Python's as far as a browser's may be: {allowed}."
    return Verification(True, False, said)


def _named(differences: list[str]) -> tuple[str, ...]:
    """The first of some differences, and how many more there are."""
    more = len(differences) - _NAMED
    return tuple(differences[:_NAMED]) + ((f"and {more} more",) if more > 0 else ())


def _report_of(report: ScanReport | dict | str | os.PathLike[str]) -> dict[str, Any]:
    told = report.to_dict(heat=True) if isinstance(report, ScanReport) else report
    what = "The report"
    if not isinstance(told, dict):
        place = find_input(report)
        if place.suffix.lower() in (".html", ".htm"):
            raise DataError(f"{place} is a page. Give the report's JSON, which lies beside it ({place.stem}.json).")
        what, told = str(place), read_json(place)
    needed = {"file": "sha256", "checkpoint": "sha256", "examined": "machine"}
    if not isinstance(told, dict) or told.get("schema") != SCHEMA:
        raise DataError(f"{what} is no report of schema {SCHEMA}. Give the JSON that `to_dict` of a report makes.")
    for name, key in needed.items():
        if not isinstance(told.get(name), dict) or key not in told[name]:
            raise DataError(f"{what} lacks {name}.{key}, without which it cannot be checked. Restore it.")
    if not isinstance(told["examined"]["machine"], dict):
        raise DataError(f"{what} does not tell the machine it was made on. Restore it.")
    faces, settings = told.get("faces"), told["examined"].get("settings")
    if not isinstance(faces, list) or not all(isinstance(face, dict) for face in faces):
        raise DataError(f"{what} has no list of faces. Restore it.")
    known = settings is None or isinstance(settings, dict)
    edges = [settings[name] for name in ("start", "end") if name in settings] if known and settings else []
    if not known or not all(edge is None or type(edge) in (int, float) for edge in edges):
        raise DataError(f"{what} does not tell with which settings it was made. Restore it.")
    return told


def _device(name: str) -> str:
    """The report's device where there is one here, else what there is."""
    try:
        return pick_device(name)
    except SpotterError:
        return pick_device("auto")


def _check_named(named: dict[str, Any], detector: Detector) -> None:
    """Raise `CheckpointError` where a detector is not the one that a report names."""
    for key, own in (("sha256", detector.card["sha256"]), ("card_sha256", detector.card_sha256)):
        if named.get(key) != own:
            what = "checkpoint" if key == "sha256" else "card"
            raise CheckpointError(
                f"The report was made with the {what} of SHA-256 {named.get(key)} ({named.get('name')}), and this one "
                f"has {own}. Give the path of the named checkpoint, with its card beside it."
            )


def _again(told: dict[str, Any], place: os.PathLike[str], detector: Detector) -> dict[str, Any]:
    """The report of a second scan, with its heat where the first has it."""
    settings = told["examined"].get("settings") or {}
    span = {name: settings[name] for name in ("start", "end") if settings.get(name) is not None}
    heat = any("heatmaps" in face for face in told.get("faces", []))
    again = scan_image(place, detector) if told.get("still") else scan_video(place, detector, **span)
    return again.to_dict(heat=heat)


def _tolerance() -> str:
    return f"{TOLERANCE['probability']} of a probability, {TOLERANCE['px']} px, {TOLERANCE['heat']:.0%} of the heat"


def _differences(told: Any, again: Any, allowed: dict[str, float] | None = None, name: str = "") -> Iterator[str]:
    """Where two reports differ, by name; allowed: how far numbers may lie apart, 0 without."""
    if isinstance(told, dict) and isinstance(again, dict):
        for key in sorted({*told, *again}):
            below = f"{name}.{key}" if name else key
            if below in _PASSING or below in ("info.path", "file.name", "checkpoint.name"):
                continue
            if key not in told or key not in again:
                yield f"{below}: only in {'the report' if key in told else 'the new scan'}"
            elif key == "reason" and allowed is not None:  # its sentences repeat the figures, which are compared above
                if masked(told[key]) != masked(again[key]):
                    yield f"{below}: {told[key]}, now {again[key]}"
            else:
                yield from _differences(told[key], again[key], allowed, below)
    elif isinstance(told, list) and isinstance(again, list):
        if len(told) != len(again):
            yield f"{name}: {len(told)} entries, now {len(again)}"
        for number, (one, other) in enumerate(zip(told, again, strict=False)):
            yield from _differences(one, other, allowed, f"{name}[{number}]")
    elif told != again and not _near(told, again, name, allowed):
        yield f"{name}: {told}, now {again}"


def _near(told: Any, again: Any, name: str, allowed: dict[str, float] | None) -> bool:
    numbers = all(isinstance(each, int | float) and not isinstance(each, bool) for each in (told, again))
    if allowed is None or not numbers:
        return False
    kinds = {"heatmap": "heat", "zones": "heat", "boxes": "px"}
    kind = next((kind for part, kind in kinds.items() if part in name), "probability")
    scale = 100 if name.endswith("confidence") else 1  # in percent
    return math.isclose(told, again, rel_tol=1e-9, abs_tol=allowed[kind] * scale)
