"""One still picture → a `ScanReport`: the frame head's verdict, with a caution of its own."""

from __future__ import annotations

import os
import time
from math import ceil

import numpy as np

from ..base import CheckpointError, enough_memory, named_path, stoppable
from ..faces import SMALLEST, Detections, FaceClip, FaceTrack, crop_box, crop_face, detect_faces, small_scene
from ..metrics import probability_text
from ..model import Detector, load_checkpoint
from ..provenance import file_facts, read_credentials
from ..video import VideoInfo, checked_path, read_picture, unchanged
from .examined import about_checkpoint, examined_now
from .heatmap import explain_clips, shown_heat
from .report import FaceResult, ScanReport, confidence_in, verdict
from .told import unlooked
from .turned import face_roll, lying, upright_after
from .videos import joint_probability

CAUTION = (
    "one picture was judged, by the part of the detector that sees a frame alone: nothing that shows in motion was "
    "looked at, and filters, retouching and strong compression mislead it more easily than in a video"
)

UNCALIBRATED = (
    "this checkpoint was not calibrated on single pictures: the probability is that of a frame of a video, and the "
    "thresholds are those of videos"
)


def scan_image(
    path: str | os.PathLike[str], checkpoint: str | os.PathLike[str] | Detector | None = None, device: str = "auto"
) -> ScanReport:
    """Find and score every face of a still picture (JPEG, PNG, WebP), and explain the scores.

    The frame head alone judges, with the calibration and thresholds that the card has for stills (`Detector.stills`). A
    picture in which faces stand upright only after a turn is turned, and the report says so; a face that leans too far
    by itself is UNDECIDED. The report is that of a video of one frame (`still` is true). Raises `VideoError` for what
    is no such picture (a HEIC: with the remedy) and `CheckpointError`.
    """
    begun = time.perf_counter()
    name = named_path(path).name
    with stoppable(f"The scan of {name}", "It left nothing behind: scan it again."), enough_memory(f"Scanning {name}"):
        detector = checkpoint if isinstance(checkpoint, Detector) else load_checkpoint(checkpoint, device)
        loaded = time.perf_counter()
        place = checked_path(path)
        with unchanged(place):
            picture = read_picture(place)
            file, credentials = file_facts(place, picture=True), read_credentials(place)
        turn = upright_after([picture])
        picture = np.ascontiguousarray(np.rot90(picture, turn // 90))
        (found,) = detect_faces([picture], detector.device)
        seen = time.perf_counter()
        faces = [_score(detector, picture, found, number) for number in range(len(found.boxes))]
        faces.sort(key=lambda face: (face.probability is None, -(face.probability or 0.0)))
    done = time.perf_counter()
    _, _, t_low, t_high, own = detector.stills
    p = joint_probability(faces)
    label = "UNDECIDED" if p is None else verdict(p, t_low, t_high)
    height, width = picture.shape[:2]
    return ScanReport(
        video=str(place),
        label=label,
        probability=p,
        confidence=confidence_in(label, p),
        reason=_reason(faces, label, p, turn, detector, unlooked(width, height, label)),
        faces=tuple(faces),
        times=np.zeros(1),
        frame_scores=faces[0].frame_scores if faces else np.full(1, np.nan, np.float32),
        heatmap_scale=1.0,
        info=VideoInfo(str(place), width, height, 1.0, 1, 0.0, file.container.lower(), False),
        checkpoint=about_checkpoint(detector, t_low, t_high, None),  # its heat was measured on videos
        coverage=1.0,
        timings={"load": loaded - begun, "faces": seen - loaded, "score": done - seen, "total": done - begun},
        file=file,
        credentials=credentials,
        examined=examined_now(detector, turned=turn, calibrated_for_stills=own),
        scenes={0: small_scene(picture)},
        still=True,
    )


def _score(detector: Detector, picture: np.ndarray, found: Detections, number: int) -> FaceResult:
    """Score one face of uint8 RGB (H, W, 3)."""
    box, marks = crop_box(found.boxes[number])[None].astype(np.float32), found.landmarks[number][None]
    crop = crop_face(picture, box[0])[None]
    zero = np.zeros(1, np.int64)
    track = FaceTrack(number, zero, np.zeros(1), box, marks, found.confidences[number : number + 1], zero)
    clip = FaceClip(crop, np.zeros(1), box, marks, np.ones(1, bool))
    reason = _unscored(detector, track, clip)
    if reason:
        nothing = np.full(1, np.nan, np.float32), np.zeros((1, 7, 7), np.float32)
        return FaceResult("UNDECIDED", None, reason, (), track, clip, *nothing)
    _, each, heat = explain_clips(detector, crop[None], np.ones((1, 1), bool), target="frame")
    _, _, t_low, t_high, _ = detector.stills
    p = float(detector.calibrated(each[0, 0], "still"))
    if not np.isfinite(p):
        raise CheckpointError(f"{detector.name} gives no number for a picture. Restore the checkpoint.")
    scores = np.array([p], np.float32)
    return FaceResult(verdict(p, t_low, t_high), p, "", (), track, clip, scores, shown_heat(heat[0], scores))


def _unscored(detector: Detector, track: FaceTrack, clip: FaceClip) -> str:
    """Why a face is not scored, "" where it is."""
    if track.side < SMALLEST:
        return f"a face {int(track.side)} px wide; {SMALLEST} are needed"
    turn, lean = lying(track, clip), float(face_roll(clip)[0])
    if turn:
        return f"the face stands upright only after a turn by {turn}° to the left: turn the picture and scan it again"
    if lean > detector.most_roll:
        return (
            f"the head leans by {ceil(lean)}°, and this checkpoint judges at most {detector.most_roll:.0f}°: turn the "
            "picture upright"
        )
    return ""


def _reason(
    faces: list[FaceResult], label: str, p: float | None, turn: int, detector: Detector, small: list[str]
) -> str:
    """Why a picture is undecided, or what one should know of its verdict; small: of faces that nobody looked for."""
    _, _, t_low, t_high, own = detector.stills
    said = []
    if not faces:
        said.append("no face was found in the picture")
    elif p is None:
        said.append(faces[0].reason)
    elif label == "UNDECIDED":
        between = f"lies between the thresholds {t_low:.2f} and {t_high:.2f}"
        said.append(f"the probability of a fake, {probability_text(p)}, {between}")
    if turn:
        said.append(f"the picture was turned by {turn}° to the left, so that its faces stand upright")
    scored = sum(face.probability is not None for face in faces)
    if scored > 1:
        said.append(f"{scored} faces were scored, and their number is allowed for")
    if p is not None and scored < len(faces):
        said += [f"a face was found and not judged ({face.reason})" for face in faces[scored : scored + 3]]
    said += small
    if p is not None:
        said.append(CAUTION)
        if not own:
            said.append(UNCALIBRATED)
    if label == "REAL":
        said.append(f"no trace of {detector.looks_for} was found, and no other kind of fake was looked for")
    text = "; ".join(said)
    return text[:1].upper() + text[1:] + "."
