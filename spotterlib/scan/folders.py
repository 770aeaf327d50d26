"""A folder of videos → a table, a row a video, that can be taken up again where it was stopped."""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from joblib import Parallel, delayed

from ..base import (
    ArgumentError,
    DataError,
    SpotterError,
    home,
    named_path,
    stoppable,
    to_json,
    write_csv,
    write_json,
    write_remedy,
)
from ..model import Detector, load_checkpoint
from ..video import VIDEO_SUFFIXES, is_result
from .journal import Journal, file_key, row_of
from .listing import list_folder
from .videos import scan_video

_LOG = logging.getLogger(__name__)

_OWN = (
    "A diagnostic video that Spotter wrote, by its metadata: it shows another video's evidence and is none itself. To "
    "have it judged all the same, name it to scan_video."
)


def scan_folder(
    folder: str | os.PathLike[str],
    out: str | os.PathLike[str] = "runs/scans",
    checkpoint: str | os.PathLike[str] | Detector | None = None,
    device: str = "auto",
    progress: Callable[[float], None] | None = None,
    workers: int = 1,
) -> pd.DataFrame:
    """Scan every video under a folder; one row a video, in `out`/scans.csv and scans.json, and returned.

    folder: absolute, or relative to the working directory, else to the clone; out: absolute, or relative to the clone
    (of an installed package: to the working directory).

    Columns: path (relative to the folder), status "ok", "failed" or "left out", label, probability, confidence, reason,
    faces, windows, duration (s), coverage, checkpoint, seconds. A video or folder that cannot be read is a row that
    says why: its status is "failed" and its label empty, for UNDECIDED is the verdict of a video that was looked at.
    What was not scanned has its row too: files that are no videos by their endings, counted; a folder
    that a second link leads to; a diagnostic video of Spotter's own, known by its metadata.
    Resumable: a scanned video is journalled in `out`/scans.jsonl at once and not scanned again, unless its size, its
    time of change, the checkpoint or its card is another. workers: videos at a time, each in a thread (or in joblib's
    backend: `joblib.parallel_config(backend="dask")`). A single scan computes on all cores already: on two, two at a
    time only share them, and may take longer; more machines are what makes a folder quicker. Raises `DataError` when
    there is no video, `out` holds the scan of another folder, or it cannot be written.
    """
    if not isinstance(workers, int) or workers < 1:
        raise ArgumentError(f"workers is the number of videos at a time, 1 or more, not {workers!r}")
    place = home() / named_path(out)
    found = list_folder(folder, besides=place)
    root = found.root
    if not found.videos and not found.closed:
        beside = " ".join(f"Left out: {why}" for _, why in found.left_out)
        raise DataError(f"{root} holds no video ({', '.join(sorted(VIDEO_SUFFIXES))}). {beside}".rstrip())
    detector = checkpoint if isinstance(checkpoint, Detector) else load_checkpoint(checkpoint, device)
    try:
        place.mkdir(parents=True, exist_ok=True)
        kept = f"The videos finished so far are kept in {place}: scan the folder again, and it goes on with the others."
        journal = place / "scans.jsonl"
        with stoppable(f"The scan of {root}", kept), open(journal, "a+", encoding="utf-8", errors="replace") as file:
            rows = _scan_all(found.videos, root, detector, Journal(file, root), workers, progress)
        for error in found.closed:
            why = f"The folder cannot be read ({error.strerror}). Make it readable, or leave it out."
            rows.append(row_of(_under(Path(error.filename), root), detector.name, status="failed", reason=why))
        rows += [_left_out(path, root, detector, why) for path, why in found.left_out]
        table = pd.DataFrame(rows)
        write_csv(place / "scans.csv", table)
        write_json(place / "scans.json", rows)
    except OSError as error:
        raise DataError(f"{out} cannot be written ({error.strerror or error}). {write_remedy(error)}") from error
    return table


def _under(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def _left_out(path: Path, root: Path, detector: Detector, why: str) -> dict:
    """The row of what was not scanned."""
    return row_of(_under(path, root), detector.name, status="left out", reason=why)


def _scan_all(
    videos: list[Path],
    root: Path,
    detector: Detector,
    journal: Journal,
    workers: int,
    progress: Callable[[float], None] | None,
) -> list[dict]:
    """A row of every video: from the journal, or scanned and journalled. One that failed is tried again next time."""
    mark = hashlib.sha256(to_json(detector.card).encode()).hexdigest()
    keys = [file_key(video, mark) for video in videos]
    left = [number for number, key in enumerate(keys) if key not in journal.rows]
    others: dict[str, dict] = {}  # rows that are not kept: what failed or was left out is looked at again next time
    for number in left:
        if is_result(videos[number]):
            others[keys[number]] = _left_out(videos[number], root, detector, _OWN)
    left = [number for number in left if keys[number] not in others]
    jobs = (delayed(_scan_row)(videos[number], root, detector) for number in left)
    scans = Parallel(n_jobs=workers, prefer="threads", return_as="generator")(jobs)
    for done, (number, row) in enumerate(zip(left, scans, strict=True), 1):
        if row["status"] == "ok":
            journal.add(keys[number], row)
        else:
            others[keys[number]] = row
        if progress is not None:
            progress((len(videos) - len(left) + done) / len(videos))
    if progress is not None and not left:
        progress(1.0)
    journal.name_root()
    return [others[key] if key in others else journal.rows[key] for key in keys]


def _scan_row(video: Path, root: Path, detector: Detector) -> dict:
    begun = time.perf_counter()
    try:
        report = scan_video(video, detector)
    except SpotterError as error:
        found = {"status": "failed", "reason": str(error)}
        _LOG.warning("%s", error)
    else:
        found = {key: getattr(report, key) for key in ("label", "probability", "confidence", "reason", "coverage")}
        windows = len(report.faces[0].windows) if report.faces else 0
        found |= {"status": "ok", "faces": len(report.faces), "windows": windows, "duration": report.info.duration}
    seconds = round(time.perf_counter() - begun, 2)
    return row_of(_under(video, root), detector.name, seconds=seconds, **found)
