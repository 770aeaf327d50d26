"""One video → a `ScanReport`: verdict, confidence, score a frame, heatmaps, tracks. Or a folder of them → a table."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.interpolate import PchipInterpolator

from ._calibration import combine_odds
from .cache import read_cache
from .faces import FRAMES, MAX_WINDOWS, MIN_USABLE, FaceClip, FaceTrack, VideoFaces, find_faces, window_rows
from .heatmap import explain_clips
from .model import Detector, load_checkpoint
from .project import DataError, SpotterError, atomic_path, find_input, output_path, write_json
from .video import VIDEO_SUFFIXES, VideoInfo


@dataclass(frozen=True)
class WindowResult:
    """One window of one face: start and end in s, calibrated P(fake) or None where it was not scored, usable frames."""

    start: float
    end: float
    probability: float | None
    usable: int


@dataclass(frozen=True)
class FaceResult:
    """One face: its own verdict, and the evidence on the detection grid of G frames.

    probability: calibrated P(this face is fake) over its windows, None when none was scored (`reason` says why);
    frame_scores float32 (G,): the frame head's calibrated P(fake), NaN where the face was not found; heatmaps float32
    (G, 7, 7): raw temporal Grad-CAM ≥ 0, 0 where it was not found or its window not scored.
    """

    label: str
    probability: float | None
    reason: str
    windows: tuple[WindowResult, ...]
    track: FaceTrack
    clip: FaceClip
    frame_scores: np.ndarray
    heatmaps: np.ndarray


@dataclass(frozen=True)
class ScanReport:
    """What a scan found. A score is no proof: it says how alike the video is to what the checkpoint learned as fake.

    label "REAL", "FAKE" or "UNDECIDED"; probability: calibrated P(fake), None when nothing could be scored; confidence:
    percent, 100·P(label), for UNDECIDED 100·max(p, 1 − p); reason: why it is undecided, or what to know of the verdict;
    faces: strongest first, faces[0] decided; times float64 (V,) s and frame_scores float32 (V,): every frame of the
    video, NaN where that face was not seen; heatmap_scale: the raw Grad-CAM value drawn as full red, one for the report;
    coverage: share of the video's length inside a window; timings in s.
    """

    video: str
    label: str
    probability: float | None
    confidence: float | None
    reason: str
    faces: tuple[FaceResult, ...]
    times: np.ndarray
    frame_scores: np.ndarray
    heatmap_scale: float
    info: VideoInfo
    checkpoint: dict
    coverage: float
    timings: dict[str, float]

    def __repr__(self) -> str:
        sure = "" if self.confidence is None else f" {self.confidence:.1f} %"
        why = f" ({self.reason})" if self.reason else ""
        return f"{Path(self.video).name}: {self.label}{sure}{why}"

    def to_dict(self) -> dict:
        """Everything but the pixels, ready for JSON."""
        return {
            "video": self.video,
            "label": self.label,
            "probability": self.probability,
            "confidence": self.confidence,
            "reason": self.reason,
            "faces": [
                {
                    "label": face.label,
                    "probability": face.probability,
                    "reason": face.reason,
                    "windows": [vars(window) for window in face.windows],
                    "frames": face.track.frames.tolist(),
                    "times": face.track.times.tolist(),
                    "boxes": face.track.boxes.tolist(),
                    "confidences": face.track.confidences.tolist(),
                    "frame_scores": face.frame_scores.tolist(),
                }
                for face in self.faces
            ],
            "times": self.times.tolist(),
            "frame_scores": self.frame_scores.tolist(),
            "heatmap_scale": self.heatmap_scale,
            "info": vars(self.info),
            "checkpoint": self.checkpoint,
            "coverage": self.coverage,
            "timings": self.timings,
        }


def scan_video(
    path: str | os.PathLike[str],
    checkpoint: str | os.PathLike[str] | Detector | None = None,
    device: str = "auto",
    progress: Callable[[float], None] | None = None,
) -> ScanReport:
    """Find, follow and score every face of a video, and explain the scores.

    checkpoint: a loaded `Detector`, the path of one to load, or None for the one shipped; progress: called with the share
    done, 0…1. Raises `VideoError` (missing, not a video, nothing decodes) or `CheckpointError`; a video without enough of
    a face is no error but an UNDECIDED report with its reason.
    """
    begun = time.perf_counter()
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
    rows = window_rows(track.windows)
    count = len(rows)
    valid = (rows >= 0) & clip.valid[rows]
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
            heatmaps[there] = heat[0][valid[window]]
    windows = tuple(
        WindowResult(float(start), float(end), p, int(n))
        for (start, end), p, n in zip(found.windows, probability, usable, strict=True)
    )
    scored = [p for p in probability if p is not None]
    whole = combine_odds(scored) if scored else None
    reason = "" if scored else f"seen in at most {int(usable.max())} frames of a window; {MIN_USABLE} are needed"
    label = "UNDECIDED" if whole is None else verdict(whole, *detector.thresholds)
    return FaceResult(label, whole, reason, windows, track, clip, frame_scores, heatmaps)


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
        info=replace(found.info, frames=len(found.times)),
        checkpoint={"name": detector.name, "sha256": card["sha256"], "t_low": t_low, "t_high": t_high},
        coverage=found.coverage,
        timings=timings,
    )


def _reason(found: VideoFaces, faces: list[FaceResult], label: str, p: float | None, t_low: float, t_high: float) -> str:
    """Why the verdict is undecided, or what one should know of a decided one; "" when there is nothing to say."""
    said = []
    if not faces:
        looked = min(len(found.times), FRAMES * max(len(found.windows), 1))
        said.append(f"no face was found in the {looked} frames looked at")
    elif p is None:
        best = max(window.usable for face in faces for window in face.windows)
        said.append(f"a face was found in only {best} frames of a window, and {MIN_USABLE} are needed for a verdict")
    elif label == "UNDECIDED":
        said.append(f"the probability of a fake, {p:.2f}, lies between the thresholds {t_low:.2f} and {t_high:.2f}")
    scored = [face for face in faces if face.probability is not None]
    if len(scored) > 1:
        said.append(f"{len(scored)} faces were scored, and their number is allowed for")
    windows = [w for face in scored[:1] for w in face.windows if w.probability is not None]
    strongest = max(windows, key=lambda w: w.probability or 0.0, default=None)
    if label != "FAKE" and strongest is not None and len(windows) > 1 and strongest.probability >= t_high:
        said.append(
            f"one of {len(windows)} windows, {strongest.start:.0f} to {strongest.end:.0f} s, looks forged on its own "
            f"(p = {strongest.probability:.2f}): look at it"
        )
    if found.coverage < 0.995 and len(found.windows) >= MAX_WINDOWS:
        said.append(f"only {found.coverage:.0%} of the video was looked at, in {len(found.windows)} windows")
    text = "; ".join(said)
    return text[:1].upper() + text[1:] + "." if text else ""


def _every_frame(face: FaceResult, times: np.ndarray) -> np.ndarray:
    """The face's frame scores at every frame time: monotone cubic between grid frames (no overshoot), NaN where unseen."""
    known = np.isfinite(face.frame_scores)
    if not known.any():
        return np.full(len(times), np.nan, np.float32)
    grid, scores = face.track.times[known], face.frame_scores[known].astype(np.float64)
    inside = np.clip(times, grid[0], grid[-1])
    curve = PchipInterpolator(grid, scores)(inside) if len(grid) > 1 else np.full(len(times), scores[0])
    return np.where(face.track.at(times)[2], np.clip(curve, 0, 1), np.nan).astype(np.float32)


def find_videos(folder: str | os.PathLike[str]) -> list[Path]:
    """All videos under a folder, by their ending (any letter case), sorted. Raises `DataError` when it is no folder."""
    root = find_input(folder)
    if not root.is_dir():
        raise DataError(f"{root} is not a folder. For one video use scan_video.")
    return sorted(p for p in root.rglob("*") if p.suffix.lower() in VIDEO_SUFFIXES and not p.name.startswith("."))


def scan_folder(
    folder: str | os.PathLike[str],
    out: str | os.PathLike[str] = "runs/scans",
    checkpoint: str | os.PathLike[str] | Detector | None = None,
    device: str = "auto",
    progress: Callable[[float], None] | None = None,
) -> pd.DataFrame:
    """Scan every video under a folder; one row a video, in `out`/scans.csv and scans.json, and returned.

    Columns: path (relative to the folder), status "ok" or "failed", label, probability, confidence, reason, faces,
    windows, duration (s), coverage, checkpoint, seconds. A video that cannot be read is a row that says why. Resumable: a finished
    video is journalled in `out`/scans.jsonl at once and not scanned again, unless its size, its time of change or the
    checkpoint is another.
    """
    root = find_input(folder)
    videos = find_videos(root)
    if not videos:
        raise DataError(f"{root} holds no video ({', '.join(sorted(VIDEO_SUFFIXES))}).")
    place = output_path(out)
    place.mkdir(parents=True, exist_ok=True)
    detector = checkpoint if isinstance(checkpoint, Detector) else load_checkpoint(checkpoint, device)
    journal = place / "scans.jsonl"
    finished = _read_journal(journal)
    rows = []
    with open(journal, "a", encoding="utf-8") as file:
        for number, video in enumerate(videos):
            stat = video.lstat()
            key = f"{video}|{stat.st_size}|{stat.st_mtime_ns}|{detector.card['sha256']}"
            if key not in finished:
                finished[key] = _scan_row(video, root, detector)
                file.write(json.dumps({"key": key, "row": finished[key]}, ensure_ascii=False) + "\n")
                file.flush()
            rows.append(finished[key])
            if progress is not None:
                progress((number + 1) / len(videos))
    table = pd.DataFrame(rows)
    with atomic_path(place / "scans.csv") as temporary:
        table.to_csv(temporary, index=False)
    write_json(place / "scans.json", rows)
    return table


def _scan_row(video: Path, root: Path, detector: Detector) -> dict:
    begun = time.perf_counter()
    row = {"path": video.relative_to(root).as_posix(), "status": "ok", "label": "UNDECIDED", "probability": None,
           "confidence": None, "reason": "", "faces": 0, "windows": 0, "duration": None, "coverage": None}
    try:
        report = scan_video(video, detector)
    except SpotterError as error:
        row |= {"status": "failed", "reason": str(error)}
    else:
        row |= {key: getattr(report, key) for key in ("label", "probability", "confidence", "reason", "coverage")}
        row |= {"faces": len(report.faces), "windows": len(report.faces[0].windows) if report.faces else 0}
        row |= {"duration": report.info.duration}
    return row | {"checkpoint": detector.name, "seconds": round(time.perf_counter() - begun, 2)}


def _read_journal(journal: Path) -> dict[str, dict]:
    """Finished rows by key; a line that an interruption cut short is left out, and its video scanned again."""
    finished: dict[str, dict] = {}
    if journal.exists():
        text = journal.read_text(encoding="utf-8")
        if text and not text.endswith("\n"):
            text = text[: text.rfind("\n") + 1]
            with atomic_path(journal) as temporary:
                temporary.write_text(text, encoding="utf-8")
        for line in text.splitlines():
            entry = json.loads(line)
            finished[entry["key"]] = entry["row"]
    return finished


def score_cache(
    checkpoint: str | os.PathLike[str] | Detector | None,
    cache: pd.DataFrame,
    device: str = "auto",
    progress: Callable[[float], None] | None = None,
) -> pd.DataFrame:
    """Score cached videos as `scan_video` scores files: the table of `cache_faces` with three more columns.

    probability: calibrated P(fake) of the video, NaN where nothing could be scored; frame_probability: the mean frame
    score of its strongest face; verdict: "REAL", "FAKE", "UNDECIDED".
    """
    detector = checkpoint if isinstance(checkpoint, Detector) else load_checkpoint(checkpoint, device)
    scored = []
    for number, file in enumerate(cache["file"]):
        faces = score_faces(detector, read_cache(file, grid_only=True)) if file else []
        p = joint_probability(faces)
        frames = faces[0].frame_scores if faces and p is not None else np.array([np.nan])
        frame_mean = float(np.nanmean(frames)) if np.isfinite(frames).any() else np.nan
        label = "UNDECIDED" if p is None else verdict(p, *detector.thresholds)
        scored.append({"probability": np.nan if p is None else p, "frame_probability": frame_mean, "verdict": label})
        if progress is not None:
            progress((number + 1) / len(cache))
    return pd.concat([cache.reset_index(drop=True), pd.DataFrame(scored)], axis=1)
