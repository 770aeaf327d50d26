"""`spotter scan`: videos and folders of videos, with the evidence that is asked for."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from ..base import SpotterError, file_sha256, find_input, own_name, read_json, write_json
from ..evidence import export_page, write_diagnostic_video
from ..model import Detector, load_checkpoint
from ..scan import ScanReport, scan_folder, scan_image, scan_video
from ..video import picture_kind


def scan_paths(
    paths: Sequence[str],
    out: Path,
    page: bool = False,
    video: bool = False,
    checkpoint: str | Detector | None = None,
    device: str = "auto",
    told: Callable[[str], object] | None = None,
) -> list[dict]:
    """Scan videos, and all videos in folders; a row each: path, status, label, probability, reason, results.

    Status is "ok", "failed" or "left out", as `scan_folder` has it; results: the files made of the video, absolute.
    They, and the tables of a folder (in a folder of its own name), go to `out`; of one video without page or video
    nothing is written, with them its report as JSON, too. told: called with a line of each video when it is done.
    A path that is not there is a failed row beside others. Raises `SpotterError` where none of the paths is there.
    """
    places = [_found(path) for path in paths]
    missing = [place for place in places if isinstance(place, SpotterError)]
    if len(missing) == len(places) > 0:
        raise missing[0]
    detector = checkpoint if isinstance(checkpoint, Detector) else load_checkpoint(checkpoint, device)
    makers = {".html": export_page} if page else {}
    makers |= {"_spotter.mp4": write_diagnostic_video} if video else {}
    makers |= {".json": _write_report} if makers else {}
    rows = []
    for path, place in zip(paths, places, strict=True):
        if isinstance(place, SpotterError):
            found = [_row(path) | {"status": "failed", "reason": str(place)}]
        elif place.is_dir():
            found = _folder(place, out, detector, makers)
        else:
            found = [_video(place, out, detector, makers)]
        if told is not None:
            for row in found:
                told(_line(row))
        rows += found
    return rows


def _found(path: str) -> Path | SpotterError:
    """Where a path is, or why it is nowhere."""
    try:
        return find_input(path)
    except SpotterError as error:
        return error


def _row(path: str | Path) -> dict:
    return {"path": str(path), "status": "ok", "label": None, "probability": None, "reason": "", "results": []}


def _video(place: Path, out: Path, detector: Detector, makers: dict[str, Callable]) -> dict:
    """A row of one video, its evidence made."""
    row = _row(place)
    try:
        report = (scan_image if picture_kind(place) else scan_video)(place, detector)
        row |= {"label": report.label, "probability": report.probability, "reason": report.reason}
        row["results"] = _evidence(report, place, out, makers)
    except SpotterError as error:
        row |= {"status": "failed", "reason": str(error)}
    return row


def _folder(place: Path, out: Path, detector: Detector, makers: dict[str, Callable]) -> list[dict]:
    """Rows of a folder's videos; what an earlier scan finished is not scanned again, but for evidence it did not make.

    With evidence each video is scanned here, as `scan_folder` keeps no reports.
    """
    under = out / own_name(place)
    rows = []
    for found in scan_folder(place, under, detector).to_dict("records"):
        row = {name: found[name] for name in ("path", "status", "label", "probability", "reason")}
        row |= {"path": os.path.normpath(place / found["path"]), "results": []}
        if row["status"] == "ok" and makers:
            made = [_name(Path(row["path"]), under, ending) for ending in makers]
            if all(file.exists() for file in made) and _of_now(made[-1], Path(row["path"]), detector):
                row["results"] = [str(file) for file in made]
            else:
                row = _video(Path(row["path"]), under, detector, makers)
        rows.append({name: None if value != value else value for name, value in row.items()})
    return rows


def _of_now(report: Path, video: Path, detector: Detector) -> bool:
    """Whether a report is of this very video, by this checkpoint and its card."""
    try:
        told = read_json(report)
        known = told["file"]["sha256"], told["checkpoint"]["sha256"], told["checkpoint"]["card_sha256"]
    except (SpotterError, KeyError, TypeError):
        return False
    return known == (file_sha256(video), detector.card["sha256"], detector.card_sha256)


def _name(video: Path, out: Path, ending: str) -> Path:
    return out / f"{own_name(video)}{ending}"


def _evidence(report: ScanReport, video: Path, out: Path, makers: dict[str, Callable]) -> list[str]:
    """The files made of a report; a still picture has no diagnostic video."""
    fitting = {ending: make for ending, make in makers.items() if ending != "_spotter.mp4" or not report.still}
    return [str(make(report, _name(video, out, ending))) for ending, make in fitting.items()]


def _write_report(report: ScanReport, path: Path) -> Path:
    """The report as `spotter verify` reads it."""
    return write_json(path, report.to_dict())


def _line(row: dict) -> str:
    """A row as people read it."""
    from ..metrics import verdict_text

    said = verdict_text(row["label"], row["probability"]) if row["status"] == "ok" else row["status"]
    lines = [f"{row['path']}: {said}" + (f" ({row['reason']})" if row["reason"] else "")]
    return "\n  ".join([*lines, *row["results"]])
