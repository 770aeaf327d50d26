"""Faces that do not stand upright: heads that lean further than a checkpoint knows, and pictures on their side."""

from __future__ import annotations

from math import ceil

import numpy as np

from ..base import VideoError
from ..faces import MIN_USABLE, FaceClip, FaceTrack, VideoFaces, detect_faces, window_rows
from ..video import read_frames

_LOOKS = 4  # pictures that are turned and looked at once more
_SURE = 0.99  # a face that stands upright is found with more, one on its side or its head hardly ever
_DOUBTFUL = 0.995  # mean confidence under which a face is looked at once more,
_LEANING = 45.0  # and degrees from which on it may as well be one on its side


def pose_numbers() -> dict[str, float]:
    """The constants of this file, JSON-ready, for whoever does the same elsewhere."""
    return {"looks": _LOOKS, "sure": _SURE, "doubtful": _DOUBTFUL, "leaning": _LEANING}


def face_roll(clip: FaceClip) -> np.ndarray:
    """How far the head leans, 0…180 degrees either way, in every frame of a clip: (T,), NaN where there is no face.

    By the lines through eyes and mouth, and the one down the face: seen from the side, eyes all but hide one another,
    and the line through them is chance.
    """
    marks = clip.landmarks
    down = marks[:, 3:].mean(1) - marks[:, :2].mean(1)
    across = marks[:, 1] - marks[:, 0] + marks[:, 4] - marks[:, 3] + np.stack([down[:, 1], -down[:, 0]], axis=1)
    return np.abs(np.degrees(np.arctan2(across[:, 1], across[:, 0])))


def window_rolls(clip: FaceClip, rows: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Median roll (W,) in degrees of every window: rows (W, 24) into the clip, there (W, 24); 0 without a frame."""
    roll = face_roll(clip)
    return np.array([np.median(roll[row[mask]]) if mask.any() else 0.0 for row, mask in zip(rows, there, strict=True)])


def leaning_windows(track: FaceTrack, clip: FaceClip, most_roll: float) -> np.ndarray:
    """The roll in degrees of every window in which a face is seen long enough and leans by more than `most_roll`."""
    rows = window_rows(track.windows)
    there = (rows >= 0) & clip.valid[rows]
    rolls = window_rolls(clip, rows, there)
    return rolls[(rolls > most_roll) & (there.sum(1) >= MIN_USABLE)]


def pose_problem(track: FaceTrack, clip: FaceClip, most_roll: float) -> str:
    """Why a face without a score does not stand as a checkpoint knows it, and what mends it; "" where it does."""
    turn = lying(track, clip)
    if turn:
        return told(turn)
    leaning = leaning_windows(track, clip, most_roll)
    if not len(leaning):
        return ""
    lean = ceil(np.median(leaning))
    return f"the head leans by {lean}°, and this checkpoint judges at most {most_roll:.0f}°: turn the video upright"


def lying(track: FaceTrack, clip: FaceClip) -> int:
    """By how many degrees (0, 90, 180 or 270, to the left) a face's picture must be turned for it to stand upright.

    The detector now and then takes a face on its side or its head for one that leans, or even for an upright one, with
    little confidence; only then are some crops looked at once more.
    """
    seen = np.flatnonzero(clip.valid)
    if not len(seen):
        return 0
    if track.confidences[track.valid].mean() >= _DOUBTFUL and np.median(face_roll(clip)[seen]) <= _LEANING:
        return 0
    return upright_after([clip.frames[row] for row in seen[_spread(len(seen))]])


def faces_lie(found: VideoFaces) -> int:
    """The same for a whole video in which no face was found: a few of its frames are read and looked at once more."""
    try:
        pictures = read_frames(found.info.path, _spread(len(found.times)).tolist())
    except VideoError:
        return 0
    return upright_after(list(pictures.values()))


def told(turn: int) -> str:
    """What a report says of faces that stand upright when their picture is turned to the left by so many degrees."""
    how = {90: "by 90° to the right: turn the video by 90° to the left", 180: "upside down: turn the video by 180°"}
    how[270] = "by 90° to the left: turn the video by 90° to the right"
    return f"faces seem to lie turned {how[turn]} and scan it again"


def _spread(count: int) -> np.ndarray:
    """At most `_LOOKS` of `count` pictures, none of them the first or last of many."""
    return np.unique(np.linspace(0, count - 1, _LOOKS + 2).round().astype(int)[1:-1]) if count else np.zeros(0, int)


def upright_after(pictures: list[np.ndarray]) -> int:
    """The turn to the left after which most of some pictures uint8 RGB (H, W, 3) surely show a face; 0 as they are."""
    if not pictures:
        return 0
    sure = np.zeros((len(pictures), 4))
    for turns in range(4):
        for number, faces in enumerate(detect_faces([np.ascontiguousarray(np.rot90(p, turns)) for p in pictures])):
            sure[number, turns] = faces.confidences.max(initial=0.0)
    better = ((sure >= _SURE) & (sure > sure[:, :1] + 1e-3)).sum(0) > len(pictures) / 2
    return 90 * int(np.where(better, sure.mean(0), 0.0).argmax())
