"""Clips to measure on: people who do not exist, talking before a grainy wall that a shaking camera shows."""

from __future__ import annotations

import os
from pathlib import Path

import av
import cv2
import numpy as np

from spotterlib.base import atomic_path, read_json
from spotterlib.fakes import PEOPLE, animate_still, draw_motion
from spotterlib.video import write_video

FPS = 25.0


def speaking(name: str, height: int, seconds: float = 3.0) -> np.ndarray:
    """A sample person in motion, forth and back: uint8 RGB (T, height, W, 3)."""
    picture = cv2.imread(str(PEOPLE / f"{name}.jpg"))[..., ::-1]
    people = {person["name"]: person for person in read_json(PEOPLE / "people.json")["people"]}
    scale = height / len(picture)
    small = cv2.resize(picture, (round(picture.shape[1] * scale), height), interpolation=cv2.INTER_AREA)
    landmarks = np.array(people[name]["landmarks"], np.float32) * scale
    times = np.arange(round(seconds * FPS)) / FPS
    there = animate_still(np.ascontiguousarray(small), landmarks, draw_motion(np.random.default_rng(0), 0.5), times)[0]
    return np.concatenate([there, there[::-1]])


def make_clip(
    path: str | os.PathLike[str], size: tuple[int, int], seconds: float = 11.0, people: int = 1, loop: bool = False
) -> Path:
    """Write H.264 at crf 23 of `size` (width, height) px, 25 frames a second, with so many people side by side.

    loop: it ends where it begins (seconds: a multiple of 6), so that there is no cut where it is repeated.
    """
    width, height = size
    rng = np.random.default_rng(0)
    wall = rng.integers(0, 255, (height // 24, width // 24, 3), dtype=np.uint8)
    wall = cv2.resize(wall, (width + 64, height + 64), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    wall = (wall / 2 + 64 + rng.normal(0, 6, wall.shape)).clip(0, 255).astype(np.uint8)
    actors = [speaking(f"p{number + 1:02d}", int(height * (0.6 if people == 1 else 0.45))) for number in range(people)]

    def frames():
        count = round(seconds * FPS)
        turns = [2 * np.pi / count] * 3 if loop else [1 / 40, 1 / 55, 1 / 30]
        for index in range(count):
            x, y = round(32 + 30 * np.sin(index * turns[0])), round(32 + 30 * np.cos(index * turns[1]))
            frame = wall[y : y + height, x : x + width].copy()
            for number, actor in enumerate(actors):
                face = actor[index % len(actor)]
                left = round(width * (number + 0.5) / people - face.shape[1] / 2 + 10 * np.sin(index * turns[2]))
                left = min(max(left, 0), width - face.shape[1])
                frame[height - len(face) :, left : left + face.shape[1]] = face
            yield frame

    return write_video(path, frames(), FPS, crf=23)


def repeat_clip(source: str | os.PathLike[str], path: str | os.PathLike[str], times: int) -> Path:
    """The packets of `source` so many times over: a long video in a second."""
    with atomic_path(Path(path)) as temporary, av.open(f"file:{temporary}", "w", format="mp4") as target:
        late, stream = 0, None
        for _ in range(times):
            with av.open(str(source)) as container:
                origin = container.streams.video[0]
                stream = stream or target.add_stream_from_template(origin)
                packets = [packet for packet in container.demux(origin) if packet.size]
                length = max(packet.pts + packet.duration for packet in packets)
                for packet in packets:
                    packet.pts, packet.dts, packet.stream = packet.pts + late, packet.dts + late, stream
                    target.mux(packet)
                late += length
    return Path(path)
