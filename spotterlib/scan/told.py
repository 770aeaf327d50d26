"""What a verdict does not say by itself: which face or window speaks against it, and what was found and not judged."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..faces import MIN_USABLE, SMALLEST, FaceTrack, VideoFaces, least_face
from ..metrics import probability_text
from ..video import filmed, gaps
from .report import FaceResult, Segment, WindowResult, segments_of

_NAMED = 3  # faces, or windows, named one by one; of more only the number is told


def against(faces: Sequence[FaceResult], found: VideoFaces, label: str, t_low: float, t_high: float) -> list[str]:
    """Faces and windows that would get another verdict by themselves than the video got, which is `label`.

    faces: strongest first, so that the numbers are those of the report.
    """
    scored = [(number, face) for number, face in enumerate(faces, 1) if face.probability is not None]
    whole = [(number, face) for number, face in scored if face.probability < t_high]
    told = []
    if label != "FAKE":
        forged = [(number, face) for number, face in scored if face.probability >= t_high]
        told += [
            f"face {number} of {len(faces)}, {_where(face.track, found)}, looks forged on its own "
            f"({probability_text(face.probability, 'p')}): look at it"
            for number, face in forged[:_NAMED]
        ]
        if len(forged) > _NAMED:
            told.append(f"so {_does(len(forged) - _NAMED)} more")
        for number, face in whole:
            told += _forged_windows(_scored(face), t_high, f" of face {number}" if len(scored) > 1 else "")
    if label == "REAL":
        told += _unsure([face.probability for _, face in scored], "face", t_low, t_high)
        told += _unsure([w.probability for _, face in whole for w in _several(face)], "window", t_low, t_high)
    if label == "FAKE":
        told += _forged_segments(segments_of(faces, t_low, t_high))
        real = sum(face.probability <= t_low for _, face in scored)
        if real:
            told.append(f"{real} of {len(scored)} scored faces {_look(real)} real on {_its(real)} own")
        windows = _several(scored[0][1])
        real = sum(w.probability <= t_low for w in windows)
        if real:
            who = " of face 1" if len(scored) > 1 else ""
            told.append(f"{real} of {len(windows)} windows{who} {_look(real)} real on {_its(real)} own")
    return told


def unjudged(faces: Sequence[FaceResult], found: VideoFaces) -> list[str]:
    """Faces without a score beside others that have one, and windows of a scored face in which there was too little."""
    told = []
    without = [face for face in faces if face.probability is None]
    for face in without[:_NAMED]:
        told.append(f"a face {_where(face.track, found)}, was found and not judged ({face.reason})")
    if len(without) > _NAMED:
        told.append(f"found and not judged: {len(without) - _NAMED} more")
    for number, face in enumerate(faces, 1):
        few = [w for w in face.windows if 0 < w.usable < MIN_USABLE and w.probability is None]
        if face.probability is None or not few:
            continue
        who = f"face {number}" if len(faces) > 1 else "the face"
        spans = ", ".join(_span(w.start, w.end) for w in few[:_NAMED]) + (", …" if len(few) > _NAMED else "")
        told.append(
            f"in {len(few)} of {len(face.windows)} windows ({spans}) {who} was seen in fewer than {MIN_USABLE} frames "
            "and not judged"
        )
    return told


def passing_by(found: VideoFaces) -> list[str]:
    """What looked like a face, large enough to be judged, in so few frames that it was not followed."""
    large = [track for track in found.passing if track.side >= SMALLEST]
    told = []
    for track in large[:_NAMED]:
        seen = frames_of(int(track.valid.sum()))
        told.append(f"what may be a face, {_where(track, found)}, was seen in only {seen} and not judged")
    if len(large) > _NAMED:
        more = len(large) - _NAMED
        told.append(f"so was what may be a face at {more} more place{'s' * (more > 1)}")
    return told


def pauses(times: np.ndarray) -> list[str]:
    """How much of what a player's clock counts, frame times (V,) in s, is no part of the duration."""
    count = len(gaps(times))
    if not count:
        return []
    length = (times[-1] - times[0]) - (filmed(times)[-1] - times[0])
    lasting = f"a pause of {length:.0f} s" if count == 1 else f"{count} pauses, {length:.0f} s in all,"
    return [
        f"in {lasting} no new picture comes (a player goes on showing the last one): these seconds are not counted in "
        "the length given here"
    ]


def unlooked(width: int, height: int, label: str) -> list[str]:
    """The faces that nobody looked for in a picture of so many px, though they would be large enough to be judged."""
    least = least_face(width, height)
    if least <= SMALLEST or label == "FAKE":
        return []
    return [f"faces less than {least:.0f} px wide were not looked for in a picture of this size"]


def limits_of(scored: Sequence[FaceResult], label: str, looks_for: str, record: dict[str, str]) -> list[str]:
    """What a verdict does not claim, and how the checkpoint fared before; record: `model.record_of` its card."""
    told = []
    if label == "REAL":
        if any((face.frame_scores > 0.5).any() for face in scored):  # NaN where there is no score
            told.append(
                "some frames score above 0.5 by themselves, but not the video as a whole, and no other fake than "
                f"{looks_for} was looked for"
            )
        else:
            told.append(f"no trace of {looks_for} was found, and no other kind of fake was looked for")
    return told + [record[label]] * bool(record[label])


def _forged_segments(segments: Sequence[Segment]) -> list[str]:
    """Where and of whom several segments look forged."""
    forged = sorted((s for s in segments if s.label == "FAKE"), key=lambda segment: -segment.probability)
    if len(segments) < 2 or not forged:
        return []
    named = [
        f"{_span(s.start, s.end)} (face {s.person}, {probability_text(s.probability, 'p')})" for s in forged[:_NAMED]
    ]
    more = f", and {len(forged) - _NAMED} more" if len(forged) > _NAMED else ""
    return [f"{len(forged)} of {len(segments)} segments {_look(len(forged))} forged: {', '.join(named)}{more}"]


def _forged_windows(windows: Sequence[WindowResult], t_high: float, who: str) -> list[str]:
    forged = sorted((w for w in windows if w.probability >= t_high), key=lambda w: -w.probability)
    if len(windows) < 2 or not forged:
        return []
    if len(forged) == 1:
        span = f"{forged[0].start:.0f} to {forged[0].end:.0f} s"
        p = probability_text(forged[0].probability, "p")
        return [f"one of {len(windows)} windows{who}, {span}, looks forged on its own ({p}): look at it"]
    spans = ", ".join(
        f"{w.start:.0f} to {w.end:.0f} s ({probability_text(w.probability, 'p')})" for w in forged[:_NAMED]
    )
    spans += ", …" if len(forged) > _NAMED else ""
    return [f"{len(forged)} of {len(windows)} windows{who} look forged on their own, {spans}: look at them"]


def _unsure(probabilities: Sequence[float], what: str, t_low: float, t_high: float) -> list[str]:
    """How many of several lie between the thresholds."""
    unsure = [p for p in probabilities if t_low < p < t_high]
    if len(probabilities) < 2 or not unsure:
        return []
    are = "is" if len(unsure) == 1 else "are"
    highest = probability_text(max(unsure), "p" if len(unsure) == 1 else "the highest p")
    return [f"{len(unsure)} of {len(probabilities)} {what}s {are} undecided on {_its(len(unsure))} own ({highest})"]


def _scored(face: FaceResult) -> list[WindowResult]:
    return [window for window in face.windows if window.probability is not None]


def _several(face: FaceResult) -> list[WindowResult]:
    """The scored windows of a face, where one of them is not the face itself."""
    windows = _scored(face)
    return windows if len(windows) > 1 else []


def _where(track: FaceTrack, found: VideoFaces) -> str:
    """Where in the picture a face was, by thirds, and when."""
    track = track.on((found.info.width, found.info.height))
    boxes, times = track.boxes[track.valid], track.times[track.valid]
    middle = np.median((boxes[:, :2] + boxes[:, 2:]) / 2, axis=0) / (found.info.width, found.info.height)
    column, row = (int(np.clip(3 * share, 0, 2)) for share in middle)
    names = ("left", "middle", "right")[column], ("upper", "middle", "lower")[row]
    place = "in the middle" if names == ("middle", "middle") else f"at the {names[1]} {names[0]}"
    return f"{place}, {_span(times[0], times[-1])}"


def frames_of(count: int) -> str:
    """`1 frame`, `2 frames`. Not base's `count_of`, whose file draws figures: a scan would import matplotlib for it."""
    return f"{count} frame" if count == 1 else f"{count} frames"


def _does(count: int) -> str:
    return f"does {count}" if count == 1 else f"do {count}"


def _span(start: float, end: float) -> str:
    return f"{start:.1f} to {end:.1f} s"


def _look(count: int) -> str:
    return "looks" if count == 1 else "look"


def _its(count: int) -> str:
    return "its" if count == 1 else "their"
