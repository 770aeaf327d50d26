"""One video → a `ScanReport`: verdict, confidence, score a frame, heatmaps, tracks. Or a folder of them → a table."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy.interpolate import PchipInterpolator

from ._calibration import combine_odds
from ._journal import Journal, file_key, row_of
from ._memory import give_back
from ._report import FaceResult, ScanReport, WindowResult
from ._windows import FRAMES, duration_of
from .faces import MIN_USABLE, SMALLEST, FaceTrack, VideoFaces, find_faces
from .heatmap import explain_clips
from .model import Detector, load_checkpoint
from .project import (
    CheckpointError,
    DataError,
    SpotterError,
    atomic_path,
    enough_memory,
    find_input,
    output_path,
    stoppable,
    to_json,
    write_json,
)
from .scoring import windows_of
from .video import VIDEO_SUFFIXES


def scan_video(
    path: str | os.PathLike[str],
    checkpoint: str | os.PathLike[str] | Detector | None = None,
    device: str = "auto",
    progress: Callable[[float], None] | None = None,
) -> ScanReport:
    """Find, follow and score every face of a video, and explain the scores.

    checkpoint: a loaded `Detector`, the path of one to load, or None for the one shipped; progress: called with the
    share done, 0…1. Raises `VideoError` (missing, not a video, nothing decodes) or `CheckpointError`; a video without
    enough of a face is no error but an UNDECIDED report with its reason. Ctrl-C and SIGTERM: see `stoppable`.
    """
    begun = time.perf_counter()
    name, again = Path(path).name, "It left nothing behind: scan the video again."
    with stoppable(f"The scan of {name}", again), enough_memory(f"The scan of {name}"):
        detector = checkpoint if isinstance(checkpoint, Detector) else load_checkpoint(checkpoint, device)
        loaded = time.perf_counter()
        found = find_faces(path, device=detector.device, progress=(lambda s: progress(0.7 * s)) if progress else None)
        seen = time.perf_counter()
        faces = score_faces(detector, found)
    done = time.perf_counter()
    if progress is not None:
        progress(1.0)
    timings = {"load": loaded - begun, "faces": seen - loaded, "score": done - seen, "total": done - begun}
    return _report(detector, found, faces, timings)


def score_faces(detector: Detector, found: VideoFaces) -> list[FaceResult]:
    """Score every face, the strongest first and those without a score last."""
    faces = [_score_face(detector, found, number) for number in range(len(found.tracks))]
    return sorted(faces, key=lambda face: (face.probability is None, -(face.probability or 0.0)))


def _score_face(detector: Detector, found: VideoFaces, number: int) -> FaceResult:
    """Score every window of one face that has enough frames."""
    track, clip = found.tracks[number], found.clips[number]
    rows, valid = windows_of(track, clip)
    count = len(rows)
    usable = valid.sum(1)
    probability: list[float | None] = [None] * count
    frame_scores = np.full(len(track.frames), np.nan, np.float32)
    heatmaps = np.zeros((len(track.frames), 7, 7), np.float32)
    for window in np.flatnonzero(usable >= 1):
        # one window at a time: memory stays flat however long the video is
        pictures = np.where(valid[window][:, None, None, None], clip.frames[rows[window]], np.uint8(0))
        logits, each, heat = explain_clips(detector, pictures[None], valid[window][None])
        there = rows[window][valid[window]]
        frame_scores[there] = detector.calibrated(each[0][valid[window]], "frame")
        if usable[window] >= MIN_USABLE:
            probability[window] = float(detector.calibrated(logits, "clip")[0])
            if not np.isfinite(probability[window]):
                raise CheckpointError(f"{detector.name} gives no number for {found.info.path}. Restore the checkpoint.")
            heatmaps[there] = heat[0][valid[window]]
        give_back()
    windows = tuple(
        WindowResult(float(start), float(end), p, int(n))
        for (start, end), p, n in zip(found.windows, probability, usable, strict=True)
    )
    scored = [p for p in probability if p is not None]
    whole = combine_odds(scored) if scored else None
    reason = "" if scored else _unscored(track, int(usable.max()))
    label = "UNDECIDED" if whole is None else verdict(whole, *detector.thresholds)
    return FaceResult(label, whole, reason, windows, track, clip, frame_scores, heatmaps)


def _unscored(track: FaceTrack, best: int) -> str:
    """Why a face has no score; best: the most frames of a window that could be scored."""
    if track.side < SMALLEST:
        return f"a face {track.side:.0f} px wide; {SMALLEST} are needed"
    return f"seen in at most {best} frames of a window; {MIN_USABLE} are needed"


def joint_probability(faces: list[FaceResult]) -> float | None:
    """P(fake) of a video from its faces, any of which may be the fake one; None when none was scored."""
    scored = [face.probability for face in faces if face.probability is not None]
    return combine_odds(scored) if scored else None


def verdict(probability: float, t_low: float, t_high: float) -> str:
    """ "FAKE" at p ≥ t_high, "REAL" at p ≤ t_low, "UNDECIDED" between."""
    return "FAKE" if probability >= t_high else "REAL" if probability <= t_low else "UNDECIDED"


def _report(detector: Detector, found: VideoFaces, faces: list[FaceResult], timings: dict[str, float]) -> ScanReport:
    """Join the faces to one verdict."""
    t_low, t_high = detector.thresholds
    probability = joint_probability(faces)
    label = "UNDECIDED" if probability is None else verdict(probability, t_low, t_high)
    if probability is None:
        confidence = None
    else:
        confidence = 100 * {"FAKE": probability, "REAL": 1 - probability}.get(label, max(probability, 1 - probability))
    frame_scores = _every_frame(faces[0], found.times) if faces else np.full(len(found.times), np.nan, np.float32)
    hottest = max((float(face.heatmaps.max()) for face in faces if face.heatmaps.size), default=0.0)
    card = detector.card
    info = found.info
    if info.frames != len(found.times):  # what decodes counts, not what the packets announce
        info = replace(info, frames=len(found.times), duration=duration_of(found.times) or 1 / info.fps)
    return ScanReport(
        video=found.info.path,
        label=label,
        probability=probability,
        confidence=confidence,
        reason=_reason(found, faces, label, probability, t_low, t_high),
        faces=tuple(faces),
        times=found.times,
        frame_scores=frame_scores,
        heatmap_scale=hottest if hottest > 0 else 1.0,
        info=info,
        checkpoint={
            "name": detector.name,
            "sha256": card["sha256"],
            "t_low": t_low,
            "t_high": t_high,
            "localisation": card.get("localisation"),  # how well its heat points at fakes, where that was measured
        },
        coverage=found.coverage,
        timings=timings,
    )


def _reason(
    found: VideoFaces, faces: list[FaceResult], label: str, p: float | None, t_low: float, t_high: float
) -> str:
    """Why the verdict is undecided, or what one should know of a decided one; "" when there is nothing to say."""
    said = []
    if not faces:
        looked = _frames_of(min(len(found.times), FRAMES * max(len(found.windows), 1)))
        said.append(f"no face was found in the {looked} looked at")
    elif p is None:
        best = max(window.usable for face in faces for window in face.windows)
        widest = max(face.track.side for face in faces)
        said.append(
            f"a face was found in only {_frames_of(best)} of a window, and {MIN_USABLE} are needed for a verdict"
            if widest >= SMALLEST
            else f"the largest face is only {widest:.0f} px wide, and {SMALLEST} are needed for a verdict"
        )
    elif label == "UNDECIDED":
        said.append(f"the probability of a fake, {p:.2f}, lies between the thresholds {t_low:.2f} and {t_high:.2f}")
    scored = [face for face in faces if face.probability is not None]
    if len(scored) > 1:
        together = int(np.sum([face.track.valid for face in scored], axis=0).max())
        # after a cut, or between the windows of a sampled video, nobody knows whether it is the same person
        some = "faces" if together == len(scored) else f"tracks of a face, at most {together} at a time,"
        said.append(f"{len(scored)} {some} were scored, and their number is allowed for")
    windows = [w for face in scored[:1] for w in face.windows if w.probability is not None]
    strongest = max(windows, key=lambda w: w.probability or 0.0, default=None)
    if label != "FAKE" and strongest is not None and len(windows) > 1 and strongest.probability >= t_high:
        said.append(
            f"one of {len(windows)} windows, {strongest.start:.0f} to {strongest.end:.0f} s, looks forged on its own "
            f"(p = {strongest.probability:.2f}): look at it"
        )
    if found.coverage < 0.995:
        said.append(f"only {found.coverage:.0%} of the video was looked at, in {len(found.windows)} windows")
    if len(found.times) < 0.9 * found.info.frames:
        said.append(f"the file is damaged: {len(found.times)} of its {_frames_of(found.info.frames)} can be decoded")
    text = "; ".join(said)
    return text[:1].upper() + text[1:] + "." if text else ""


def _frames_of(count: int) -> str:
    return f"{count} frame" if count == 1 else f"{count} frames"


def _every_frame(face: FaceResult, times: np.ndarray) -> np.ndarray:
    """The face's frame scores at every frame time: monotone cubic between grid frames, NaN where not seen."""
    known = np.isfinite(face.frame_scores)
    if not known.any():
        return np.full(len(times), np.nan, np.float32)
    grid, scores = face.track.times[known], face.frame_scores[known].astype(np.float64)
    inside = np.clip(times, grid[0], grid[-1])
    curve = PchipInterpolator(grid, scores)(inside) if len(grid) > 1 else np.full(len(times), scores[0])
    return np.where(face.track.at(times)[2], np.clip(curve, 0, 1), np.nan).astype(np.float32)


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
