"""Video files for the tests: of every container, damaged on purpose, and files that are no video."""

from __future__ import annotations

import os
import pickle
import struct
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction

import av
import cv2
import numpy as np

FPS = 12


def picture(number: int, width: int = 64, height: int = 48) -> np.ndarray:
    """Grey 40 + 6·number, a red corner at the upper left and a blue one at the lower right."""
    frame = np.full((height, width, 3), 40 + 6 * (number % 30), np.uint8)
    frame[: height // 3, : width // 3] = (220, 30, 30)
    frame[-(height // 3) :, -(width // 3) :] = (30, 30, 220)
    return frame


def number_of(frame: np.ndarray) -> float:
    """Which picture a decoded frame is."""
    height, width = frame.shape[:2]
    return (float(frame[height // 2, width // 2].mean()) - 40) / 6


def encode(
    path, codec="libx264", count=24, size=(64, 48), rate=FPS, fmt=None, pix="yuv420p", set_up=None, frames=None,
    times=None, muxer=None, **options,
):  # fmt: skip
    """A video by PyAV itself, of `frames` uint8 RGB (T, H, W, 3) or of `picture`s.

    set_up: called with the stream before the first frame; times: when each is shown, in ms; muxer: its options.
    """
    pictures = [picture(number, *size) for number in range(count)] if frames is None else frames
    size = pictures[0].shape[1::-1]
    with same_turn(), av.open(f"file:{path}", "w", format=fmt, options=muxer or {}) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height = size
        stream.pix_fmt = pix
        stream.options = {"crf": "10"} | options
        if set_up is not None:
            set_up(stream)
        for number, each in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(each), format="rgb24")
            if times is not None:
                frame.pts, frame.time_base = times[number], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


HELD = {  # a, b, c, d of the display matrix: the frame as it is to be shown
    (1, 0, 0, 1): lambda frame: frame,
    (-1, 0, 0, 1): lambda frame: frame[:, ::-1],
    (1, 0, 0, -1): lambda frame: frame[::-1],
    (-1, 0, 0, -1): lambda frame: frame[::-1, ::-1],
    (0, 1, -1, 0): lambda frame: np.rot90(frame, -1),
    (0, -1, 1, 0): lambda frame: np.rot90(frame),
    (0, 1, 1, 0): lambda frame: frame.swapaxes(0, 1),
    (0, -1, -1, 0): lambda frame: frame[::-1, ::-1].swapaxes(0, 1),
}


def held(path, matrix: tuple[int, int, int, int]):
    """An MP4 of three frames whose display matrix has these a, b, c and d."""
    encode(path, count=3)
    data = bytearray(path.read_bytes())
    a, b, c, d = (each << 16 for each in matrix)
    place = data.index(b"tkhd") + 4 + 40  # in version 0
    data[place : place + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


@contextmanager
def same_turn() -> Iterator[None]:
    """The calling thread has the scheduling afterwards that it had before.

    libsvtav1, run by root, leaves whoever opens it at real-time priority 99 (its `check_set_prio`): from then on
    these tests and every browser they start would keep all else from the processor.
    """
    if not hasattr(os, "sched_getscheduler"):
        yield
        return
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        if os.sched_getscheduler(0) != before[0]:
            os.sched_setscheduler(0, *before)


def damaged_copy(source, target, kept=lambda number: True):
    """The packets of a video, remuxed; those not kept are filled with zeros."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for number, packet in enumerate(old.demux(video=0)):
            if packet.size:
                if not kept(number):
                    empty = av.Packet(bytes(packet.size))
                    empty.pts, empty.dts, empty.time_base = packet.pts, packet.dts, packet.time_base
                    packet = empty
                packet.stream = stream
                new.mux(packet)
    return target


def bad_inputs(folder):
    """Path and a word of the remedy or the reason."""
    (folder / "nothing.mp4").write_bytes(b"")
    (folder / "text.mp4").write_text("no video at all\n" * 40)
    (folder / "text.txt").write_text("no video at all\n" * 40)
    (folder / "pickle.mp4").write_bytes(pickle.dumps({"a": list(range(500))}))
    (folder / "zeros.mp4").write_bytes(bytes(20_000))
    cv2.imwrite(str(folder / "still.jpg"), picture(1))
    os.replace(folder / "still.jpg", folder / "still.mp4")
    (folder / "folder.mp4").mkdir()
    (folder / "dangling.mp4").symlink_to(folder / "nowhere.mp4")
    (folder / "loop.mp4").symlink_to(folder / "loop.mp4")
    os.mkfifo(folder / "fifo.mp4")
    with wave.open(str(folder / "sound.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(16_000)
        sound.writeframes(bytes(32_000))
    with av.open(str(folder / "sound.m4a"), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=16_000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    encode(folder / "secret.ts", count=3)
    (folder / "list.m3u8").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nsecret.ts\n#EXT-X-ENDLIST\n")
    (folder / "concat.mp4").write_text("ffconcat version 1.0\nfile secret.ts\n")
    return {
        "missing.mp4": "spelling",
        "nothing.mp4": "empty",
        "text.mp4": "complete",
        "text.txt": "complete",
        "pickle.mp4": "complete",
        "zeros.mp4": "complete",
        "still.mp4": "complete",
        "folder.mp4": "scan_folder",
        "dangling.mp4": "dangling",
        "loop.mp4": "dangling",
        "fifo.mp4": "pipe",
        "sound.wav": "complete",
        "sound.m4a": "no picture track",
        "list.m3u8": "complete",
        "concat.mp4": "complete",
    }
