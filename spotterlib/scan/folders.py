"""A folder of videos → a table, a row a video, that can be taken up again where it was stopped."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from joblib import Parallel, delayed

from ..base import DataError, SpotterError, atomic_path, find_input, output_path, stoppable, to_json, write_json
from ..model import Detector, load_checkpoint
from ..video import VIDEO_SUFFIXES
from .journal import Journal, file_key, row_of
from .videos import scan_video


def find_videos(folder: str | os.PathLike[str]) -> list[Path]:
    """All videos under a folder, by their ending (any letter case), sorted; hidden files (".…") are left out.

    Raises `DataError` when it is no folder, or one in it cannot be read.
    """
    videos, closed = _listed(folder)
    if closed:
        raise DataError(
            f"{closed[0].filename} cannot be read ({closed[0].strerror}). Make it readable, or leave it out."
        )
    return videos


def _listed(folder: str | os.PathLike[str]) -> tuple[list[Path], list[OSError]]:
    """The videos under a folder, sorted, and what went wrong with a folder in it."""
    root = find_input(folder)
    if not root.is_dir():
        raise DataError(f"{root} is not a folder. For one video use scan_video.")
    closed: list[OSError] = []
    found = [Path(at) / name for at, _, names in os.walk(root, onerror=closed.append) for name in names]
    videos = [path for path in found if path.suffix.lower() in VIDEO_SUFFIXES and not path.name.startswith(".")]
    return sorted(videos), closed


def scan_folder(
    folder: str | os.PathLike[str],
    out: str | os.PathLike[str] = "runs/scans",
    checkpoint: str | os.PathLike[str] | Detector | None = None,
    device: str = "auto",
    progress: Callable[[float], None] | None = None,
    workers: int = 1,
) -> pd.DataFrame:
    """Scan every video under a folder; one row a video, in `out`/scans.csv and scans.json, and returned.

    Columns: path (relative to the folder), status "ok" or "failed", label, probability, confidence, reason, faces,
    windows, duration (s), coverage, checkpoint, seconds. A video or folder that cannot be read is a row that says why.
    Resumable: a scanned video is journalled in `out`/scans.jsonl at once and not scanned again, unless its size, its
    time of change, the checkpoint or its card is another. workers: videos at a time, each in a thread (or in joblib's
    backend: `joblib.parallel_config(backend="dask")`). Raises `DataError` when there is no video, or `out` cannot be
    written.
    """
    root = find_input(folder)
    videos, closed = _listed(root)
    if not videos and not closed:
        raise DataError(f"{root} holds no video ({', '.join(sorted(VIDEO_SUFFIXES))}).")
    detector = checkpoint if isinstance(checkpoint, Detector) else load_checkpoint(checkpoint, device)
    try:
        place = output_path(out)
        place.mkdir(parents=True, exist_ok=True)
        kept = f"The videos finished so far are kept in {place}: scan the folder again, and it goes on with the others."
        journal = place / "scans.jsonl"
        with stoppable(f"The scan of {root}", kept), open(journal, "a+", encoding="utf-8", errors="replace") as file:
            rows = _scan_all(videos, root, detector, Journal(file), workers, progress)
        for error in closed:
            where = Path(error.filename).relative_to(root).as_posix()
            why = f"The folder cannot be read ({error.strerror}). Make it readable, or leave it out."
            rows.append(row_of(where, detector.name, status="failed", reason=why))
        table = pd.DataFrame(rows)
        with atomic_path(place / "scans.csv") as temporary:
            table.to_csv(temporary, index=False)
        write_json(place / "scans.json", rows)
    except OSError as error:
        raise DataError(
            f"{out} cannot be written ({error.strerror or error}). Is there room, and may you write there?"
        ) from error
    return table


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
    failed: dict[str, dict] = {}
    jobs = (delayed(_scan_row)(videos[number], root, detector) for number in left)
    scans = Parallel(n_jobs=workers, prefer="threads", return_as="generator")(jobs)
    for done, (number, row) in enumerate(zip(left, scans, strict=True), 1):
        if row["status"] == "ok":
            journal.add(keys[number], row)
        else:
            failed[keys[number]] = row
        if progress is not None:
            progress((len(videos) - len(left) + done) / len(videos))
    if progress is not None and not left:
        progress(1.0)
    return [failed[key] if key in failed else journal.rows[key] for key in keys]


def _scan_row(video: Path, root: Path, detector: Detector) -> dict:
    begun = time.perf_counter()
    try:
        report = scan_video(video, detector)
    except SpotterError as error:
        found = {"status": "failed", "reason": str(error)}
    else:
        found = {key: getattr(report, key) for key in ("label", "probability", "confidence", "reason", "coverage")}
        windows = len(report.faces[0].windows) if report.faces else 0
        found |= {"status": "ok", "faces": len(report.faces), "windows": windows, "duration": report.info.duration}
    seconds = round(time.perf_counter() - begun, 2)
    return row_of(video.relative_to(root).as_posix(), detector.name, seconds=seconds, **found)
