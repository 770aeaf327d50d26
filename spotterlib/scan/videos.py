"""One video → a `ScanReport`: verdict, confidence, score a frame, heatmaps, tracks."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ..base import ArgumentError, CheckpointError, VideoError, enough_memory, give_back, named_path, stoppable
from ..faces import (
    FRAMES,
    MIN_USABLE,
    SMALLEST,
    FaceClip,
    FaceTrack,
    VideoFaces,
    duration_of,
    find_faces,
)
from ..metrics import combine_odds, probability_text
from ..model import Detector, OnnxNet, load_checkpoint, record_of
from ..provenance import file_facts, read_credentials
from ..video import checked_path, unchanged
from .curve import monotone_curve
from .examined import about_checkpoint, examined_now
from .heatmap import explain_clips, shown_heat
from .report import FaceResult, ScanReport, WindowResult, confidence_in, verdict
from .told import against, frames_of, limits_of, passing_by, pauses, unjudged, unlooked
from .turned import faces_lie, leaning_windows, pose_problem, told
from .usable import windows_of

_LOG = logging.getLogger(__name__)

FACES = 0.7
"""Share of a scan that is spent on finding faces, as its progress is told."""


def scan_video(
    path: str | os.PathLike[str],
    checkpoint: str | os.PathLike[str] | Detector | None = None,
    device: str = "auto",
    progress: Callable[[float], None] | None = None,
    start: float | None = None,
    end: float | None = None,
) -> ScanReport:
    """Find, follow and score every face of a video, and explain the scores.

    checkpoint: a loaded `Detector` (threads may share one), the path of one to load, or None for the one shipped;
    device: where a checkpoint is loaded to ("auto", "cpu", "cuda", …); a `Detector` stays where it is. progress: called
    with the share done, 0…1, up to `FACES` while faces are looked for (what it raises ends the scan); start, end: from
    and to in s where only a part is to be scanned, a segment of a report say (None: from the beginning, to the end);
    what lies beyond counts as not looked at. A video without enough of a face is no error but an UNDECIDED report with
    its reason. Raises `VideoError` (missing, not a video, nothing decodes, nothing between start and end),
    `CheckpointError`, `DataError` for what is no path, `ArgumentError` for a start or end that is no number, or
    `SpotterError` for a device that there is not: all of them are `SpotterError`s. Ctrl-C and SIGTERM: see `stoppable`.
    """
    begun = time.perf_counter()
    name, again = named_path(path).name, "It left nothing behind: scan the video again."
    with stoppable(f"The scan of {name}", again), enough_memory(f"The scan of {name}"):
        detector = checkpoint if isinstance(checkpoint, Detector) else load_checkpoint(checkpoint, device)
        loaded = time.perf_counter()
        looking = (lambda share: progress(FACES * share)) if progress else None
        place, span = checked_path(path), _span(name, start, end)
        with unchanged(place):  # so that the hash is that of what was scanned
            found = find_faces(place, device=detector.device, progress=looking, span=span)
            file, credentials = file_facts(place), read_credentials(place)
        seen = time.perf_counter()
        scoring = (lambda share: progress(FACES + (1 - FACES) * share)) if progress else None
        faces = score_faces(detector, found, scoring)
    done = time.perf_counter()
    if progress is not None:
        progress(1.0)
    timings = {"load": loaded - begun, "faces": seen - loaded, "score": done - seen, "total": done - begun}
    part = {name: edge for name, edge in (("start", start), ("end", end)) if edge is not None}
    about = {"file": file, "credentials": credentials, "examined": examined_now(detector, **part)}
    report = _report(detector, found, faces, timings, about)
    _LOG.info("%s, in %.1f s", repr(report).partition("\n")[0], timings["total"])
    return report


def _span(name: str, start: float | None, end: float | None) -> tuple[float, float] | None:
    """From and to in s; None for a whole video. Raises `VideoError` where there is nothing between."""
    if start is None and end is None:
        return None
    try:
        span = (0.0 if start is None else float(start), np.inf if end is None else float(end))
    except (TypeError, ValueError):
        raise ArgumentError(f"start and end are seconds, not {start!r} and {end!r}") from None
    if not 0 <= span[0] < span[1]:
        raise VideoError(
            f"{name} cannot be scanned from {start} to {end} s: start must be 0 or more, and less than end."
        )
    return span


def score_faces(
    detector: Detector, found: VideoFaces, progress: Callable[[float], None] | None = None
) -> list[FaceResult]:
    """Score every face, the strongest first and those without a score last; progress: as `scan_video` has it."""
    faces, count = [], len(found.tracks)
    with enough_memory(f"Scoring {found.info.path}"):
        for number in range(count):
            windows = (lambda share, done=number: progress((done + share) / count)) if progress else None
            faces.append(_score_face(detector, found, number, windows))
    return sorted(faces, key=lambda face: (face.probability is None, -(face.probability or 0.0)))


def _score_face(
    detector: Detector, found: VideoFaces, number: int, progress: Callable[[float], None] | None
) -> FaceResult:
    """Score every window of one face that has enough frames."""
    track, clip = found.tracks[number], found.clips[number]
    rows, valid = windows_of(track, clip, detector.most_roll)
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
            heatmaps[there] = shown_heat(heat[0][valid[window]], frame_scores[there])
        give_back()
        if progress is not None:
            progress((window + 1) / count)
    windows = tuple(
        WindowResult(float(start), float(end), p, int(n))
        for (start, end), p, n in zip(found.windows, probability, usable, strict=True)
    )
    scored = [p for p in probability if p is not None]
    whole = combine_odds(scored) if scored else None
    reason = "" if scored else _unscored(track, clip, int(usable.max()), detector.most_roll)
    label = "UNDECIDED" if whole is None else verdict(whole, *detector.thresholds)
    return FaceResult(label, whole, reason, windows, track, clip, frame_scores, heatmaps)


def _unscored(track: FaceTrack, clip: FaceClip, best: int, most_roll: float) -> str:
    """Why a face has no score; best: the most frames of a window that could be scored."""
    if track.side < SMALLEST:
        return f"a face {int(track.side)} px wide; {SMALLEST} are needed"
    return (
        pose_problem(track, clip, most_roll)
        or f"seen in at most {frames_of(best)} of a window; {MIN_USABLE} are needed"
    )


def joint_probability(faces: list[FaceResult]) -> float | None:
    """P(fake) of a video from its faces, any of which may be the fake one; None when none was scored."""
    scored = [face.probability for face in faces if face.probability is not None]
    return combine_odds(scored) if scored else None


def _report(
    detector: Detector, found: VideoFaces, faces: list[FaceResult], timings: dict[str, float], about: dict[str, Any]
) -> ScanReport:
    """Join the faces to one verdict; about: the report's record of the file and of the scan."""
    t_low, t_high = detector.thresholds
    probability = joint_probability(faces)
    label = "UNDECIDED" if probability is None else verdict(probability, t_low, t_high)
    frame_scores = _every_frame(faces[0], found.times) if faces else np.full(len(found.times), np.nan, np.float32)
    # how well its heat points at fakes, where that was measured: that of exported graphs is another heat
    localisation = None if isinstance(detector.net, OnnxNet) else detector.card.get("localisation")
    info = found.info
    if info.frames != len(found.times):  # what decodes counts, not what the packets announce
        info = replace(info, frames=len(found.times), duration=duration_of(found.times) or 1 / info.fps)
    return ScanReport(
        video=found.info.path,
        label=label,
        probability=probability,
        confidence=confidence_in(label, probability),
        reason=_reason(found, faces, label, probability, t_low, t_high, detector),
        faces=tuple(faces),
        times=found.times,
        frame_scores=frame_scores,
        heatmap_scale=1.0,
        info=info,
        checkpoint=about_checkpoint(detector, t_low, t_high, localisation),
        coverage=found.coverage,
        timings=timings,
        scenes=found.scenes,
        **about,
    )


def _reason(
    found: VideoFaces,
    faces: list[FaceResult],
    label: str,
    p: float | None,
    t_low: float,
    t_high: float,
    detector: Detector,
) -> str:
    """Why the verdict is undecided, or what one should know of a decided one: of REAL, what was looked for."""
    said, most_roll, brief = [], detector.most_roll, passing_by(found)
    if not faces:
        looked = frames_of(min(len(found.times), found.looked or FRAMES * max(len(found.windows), 1)))
        said.append(f"no face {'could be followed through' if brief else 'was found in'} the {looked} looked at")
        turn = faces_lie(found)
        said += [told(turn)] if turn else []
    elif p is None:
        best = max(window.usable for face in faces for window in face.windows)
        widest = max(face.track.side for face in faces)
        posed = next(filter(None, (pose_problem(face.track, face.clip, most_roll) for face in faces)), "")
        said.append(
            posed
            or f"a face was found in only {frames_of(best)} of a window, and {MIN_USABLE} are needed for a verdict"
            if widest >= SMALLEST
            else f"the largest face is only {int(widest)} px wide, and {SMALLEST} are needed for a verdict"
        )
    elif label == "UNDECIDED":
        between = f"lies between the thresholds {t_low:.2f} and {t_high:.2f}"
        said.append(f"the probability of a fake, {probability_text(p)}, {between}")
    scored = [face for face in faces if face.probability is not None]
    if len(scored) > 1:
        together = int(np.sum([face.track.valid for face in scored], axis=0).max())
        some = "faces" if together == len(scored) else f"people, at most {together} at a time,"
        said.append(f"{len(scored)} {some} were scored, and their number is allowed for")
    if p is not None:
        said += against(faces, found, label, t_low, t_high)
    if p is not None or len(faces) > 1:
        said += unjudged(faces, found)
    said += brief
    for number, face in enumerate(faces, 1):
        windows = len(leaning_windows(face.track, face.clip, most_roll)) if face.probability is not None else 0
        if windows:
            whose = "the head" if len(faces) == 1 else f"the head of face {number}"
            said.append(f"windows in which {whose} leans by more than {most_roll:.0f}° were not judged: {windows}")
    small = max((int((face.track.valid & ~face.track.large).sum()) for face in scored), default=0)
    if small:
        said.append(f"in {frames_of(small)} a face is less than {SMALLEST} px wide: they were not scored")
    said += pauses(found.times)
    if found.coverage < 0.995:
        said.append(f"only {found.coverage:.0%} of the video was looked at (windows: {len(found.windows)})")
    said += unlooked(found.info.width, found.info.height, label)
    if len(found.times) < 0.9 * found.info.frames:
        said.append(f"the file is damaged: {len(found.times)} of its {frames_of(found.info.frames)} can be decoded")
    said += limits_of(scored, label, detector.looks_for, record_of(detector.card))
    text = "; ".join(said)
    return text[:1].upper() + text[1:] + "." if text else ""


def _every_frame(face: FaceResult, times: np.ndarray) -> np.ndarray:
    """The face's frame scores at every frame time: monotone cubic between grid frames, NaN where not seen."""
    known = np.isfinite(face.frame_scores)
    if not known.any():
        return np.full(len(times), np.nan, np.float32)
    grid, scores = face.track.times[known], face.frame_scores[known].astype(np.float64)
    curve = monotone_curve(grid, scores, times)
    return np.where(face.track.at(times)[2], np.clip(curve, 0, 1), np.nan).astype(np.float32)
