"""Faces for the tests: people who do not exist, moving on a plain stage at known places; and some that never were."""

from __future__ import annotations

import functools
import os
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from spotterlib.base import read_json
from spotterlib.data import Manifest
from spotterlib.faces import Detections, FaceClip, FaceTrack, VideoFaces
from spotterlib.fakes import PEOPLE, animate_still, draw_motion
from spotterlib.video import VideoInfo, write_video

STAGE = (96, 104, 112)
"""The plain colour behind and around the people, RGB."""


@functools.cache
def portrait(name: str = "p01", height: int = 176) -> tuple[np.ndarray, np.ndarray]:
    """A person, uint8 RGB (height, W, 3), and the five landmarks (5, 2) px."""
    picture = cv2.imread(str(PEOPLE / f"{name}.jpg"))[..., ::-1]
    people = {person["name"]: person for person in read_json(PEOPLE / "people.json")["people"]}
    scale = height / len(picture)
    small = cv2.resize(picture, (round(picture.shape[1] * scale), height), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(small), np.array(people[name]["landmarks"], np.float32) * scale


def moving(name: str, times: np.ndarray, height: int = 176, seed: int = 0) -> np.ndarray:
    """The person in motion at times (T,) s: uint8 RGB (T, height, W, 3)."""
    picture, landmarks = portrait(name, height)
    return animate_still(picture, landmarks, draw_motion(np.random.default_rng(seed), 0.5), times)[0]


def stage(size: tuple[int, int], frames: int, *actors: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Frames uint8 RGB (frames, height, width, 3) of size (width, height) with actors on them.

    An actor: pictures (T, h, w, 3) and places (T, 2), x and y px of their upper left corner; NaN where it is away.
    """
    width, height = size
    clip = np.empty((frames, height, width, 3), np.uint8)
    clip[:] = STAGE
    for pictures, places in actors:
        for canvas, picture, place in zip(clip, pictures, places, strict=True):
            if np.isfinite(place).all():
                x, y = (int(v) for v in place)
                canvas[y : y + picture.shape[0], x : x + picture.shape[1]] = picture
    return clip


def write_clip(path: str | os.PathLike[str], frames: np.ndarray, fps: float = 12.0) -> Path:
    """H.264 of good quality."""
    return write_video(path, frames, fps, crf=20)


def synthetic(*valid: list[bool], windows: list[int] | None = None, grid_only: bool = False) -> VideoFaces:
    """Faces of a video that never was: one track for each row of valid (G,), plain crops, a frame in each gap."""
    count = len(valid[0])
    times = np.arange(2 * count - 1) / 25
    of = np.zeros(count, np.int64) if windows is None else np.asarray(windows)
    rng = np.random.default_rng(0)
    tracks, clips = [], []
    for number, seen in enumerate(valid):
        seen = np.asarray(seen)
        boxes = np.tile(np.array([10, 20, 110, 120], np.float32), (count, 1))
        marks = np.tile(np.float32([[40, 50], [80, 50], [60, 70], [45, 90], [75, 90]]), (count, 1, 1))
        boxes[~seen], marks[~seen] = np.nan, np.nan
        track = FaceTrack(number, np.arange(0, 2 * count - 1, 2), times[::2], boxes, marks, seen.astype(np.float32), of)
        crops = np.zeros((len(times), 224, 224, 3), np.uint8)
        box, mark, there = track.at(times)
        crops[there] = rng.integers(0, 256, (1, 1, 1, 3)) // 2 + np.arange(len(times))[there, None, None, None]
        tracks.append(track)
        clips.append(FaceClip(crops, times, box, mark, there)[:: 2 if grid_only else 1])
    info = VideoInfo("a.mp4", 160, 160, 25.0, len(times), len(times) / 25, "h264", False)
    spans = tuple((float(times[::2][of == k][0]), float(times[::2][of == k][-1])) for k in np.unique(of))
    return VideoFaces(info, times, spans, tuple(tracks), tuple(clips))


def manifest_of(root: str | os.PathLike[str], *paths: str) -> Manifest:
    """A manifest of these videos, all for training, real and fake in turn."""
    table = pd.DataFrame({"path": paths, "label": [k % 2 for k in range(len(paths))]})
    for column in ("dataset", "method", "compression", "group", "ids", "split", "official_split", "mask"):
        table[column] = ""
    table["split"] = "train"
    table["ids"] = [f"{k:03d}" for k in range(len(paths))]
    return Manifest(Path(root), table, pd.DataFrame({"path": [], "problem": []}))


def with_surroundings(faces):
    """The faces of `synthetic` as `find_faces(…, wide=True)` gives them: the crops' edges go on outside."""
    clips = [replace(c, wide=np.pad(c.frames, ((0, 0), (56, 56), (56, 56), (0, 0)), mode="edge")) for c in faces.clips]
    return replace(faces, clips=tuple(clips))


def detections(*boxes):
    boxes = np.array(boxes, np.float32).reshape(-1, 4)
    return Detections(boxes, np.zeros((len(boxes), 5, 2), np.float32), np.full(len(boxes), 0.95, np.float32))
