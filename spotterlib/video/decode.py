"""Open a video and decode it frame by frame, each with the time and the look that a player gives it."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from ..base import VideoError
from .formats import FORMATS
from .look import Look, Looks

LARGEST = 8192 * 8192
"""Most pixels of a picture that is read: twice 8K. A file of a few bytes may announce sixteen times as many."""


def open_container(path: Path, formats: str = FORMATS) -> av.container.InputContainer:
    """Open a file of one of the `formats`, and no other file with it. Raises `VideoError`."""
    try:
        # "file:" keeps a name such as "concat:a|b" or "-x.mp4" a mere name; the lists keep other files closed
        options = {"format_whitelist": formats, "protocol_whitelist": "file"}
        return av.open(f"file:{path}", metadata_errors="ignore", container_options=options)
    except (av.FFmpegError, OSError, ValueError) as error:
        refused = isinstance(error, av.ArgumentError)
        why = "it is of a kind that is not read here" if refused else getattr(error, "strerror", None) or error
        why = f"{why}; an MP4 gets its index last" if _is_mp4(path) else why
        raise VideoError(f"{path} cannot be read as a video ({why}). Is it complete, and a video at all?") from error


def _is_mp4(path: Path) -> bool:
    with contextlib.suppress(OSError), open(path, "rb") as file:
        return file.read(8)[4:] == b"ftyp"
    return False


@contextlib.contextmanager
def opened(path: Path, steady: bool = False) -> Iterator[tuple[av.container.InputContainer, av.VideoStream]]:
    """The container and its main video stream; FFmpeg's errors become `VideoError`.

    steady: on one thread. Where several frames are decoded at once, FFmpeg mends a damaged one from whatever its
    neighbours have become by then: other pictures each time.
    """
    with open_container(path) as container:
        cover = av.stream.Disposition.attached_pic
        streams = [s for s in container.streams.video if s.codec_context is not None and not s.disposition & cover]
        if not streams:
            raise VideoError(f"{path} has no picture track. If it is sound only, there is no face to look at.")
        stream = max(streams, key=lambda s: (s.width or 0) * (s.height or 0))
        shape = stream.sample_aspect_ratio or 1  # a player makes wide pixels more of them
        if (stream.width or 0) * (stream.height or 0) * (shape if 1 < shape <= 4 else 1) > LARGEST:
            raise VideoError(
                f"{path} announces pictures of {stream.width} × {stream.height} px, and at most {LARGEST:,} px are "
                "read: they would fill the memory. Scale it down first, if it is a video."
            )
        stream.thread_type = "NONE" if steady else "AUTO"
        stream.codec_context.options = {"max_pixels": str(LARGEST)}  # for a stream that grows, or lies
        try:
            yield container, stream
        except av.FFmpegError as error:
            raise VideoError(f"{path} cannot be decoded ({error.strerror}). Is it damaged?") from error


def rate_of(stream: av.VideoStream) -> float:
    """Frames a second as the stream says."""
    return float(stream.average_rate or stream.guessed_rate or 25)


class Clock:
    """Frame times in s, from 0 and strictly rising, from what a decoder tells of each frame in presentation order.

    Of a frame's presentation and decoding stamps, the kind is taken that has run backwards less often (FFmpeg's own
    guess, which its player shows); where both are missing, time moves on by one frame. A clock that is set back
    (two recordings in one file) goes on from where it was.
    """

    SET_BACK = 0.1  # s, and three frames: less is a stamp out of order

    def __init__(self, rate: float) -> None:
        self.step = 1 / rate
        self.last = {"pts": -np.inf, "dts": -np.inf}
        self.faults = {"pts": 0, "dts": 0}
        self.offset: float | None = None
        self.now = 0.0

    def tick(self, frame: av.VideoFrame) -> float:
        told: dict[str, float] = {}
        for kind in self.last:
            stamp = getattr(frame, kind)
            if stamp is not None and frame.time_base:
                told[kind] = float(stamp * frame.time_base)
                self.faults[kind] += told[kind] <= self.last[kind]
                self.last[kind] = told[kind]
        best = min(told, key=self.faults.__getitem__, default="")
        if self.offset is None:
            self.offset = -told.get(best, 0.0)
            return self.now
        time = told[best] + self.offset if best else self.now + self.step
        if time < self.now - max(self.SET_BACK, 3 * self.step):
            self.offset += self.now + self.step - time
            time = self.now + self.step
        self.now = max(time, self.now + 1e-4)
        return self.now


def _in_order(packets: Iterator[av.Packet], stream: av.VideoStream) -> Iterator[av.VideoFrame]:
    """Every frame that decodes, in presentation order; damaged packets are passed over."""
    while True:
        try:
            packet = next(packets, None)
        except av.FFmpegError:
            packet = None  # the file ends in damage: what came before it stands
        try:
            yield from stream.decode(packet)  # None: what the decoder still holds
        except av.FFmpegError as error:
            if error.errno in (errno.ENOMEM, errno.EAGAIN):  # no memory, or no thread: not the file's fault
                raise
            if packet is not None:
                continue
        if packet is None:
            return


def decoded(
    container: av.container.InputContainer, stream: av.VideoStream, packets: Iterator[av.Packet] | None = None
) -> Iterator[tuple[float, av.VideoFrame, Look]]:
    """Every frame that decodes, in presentation order, with its time in s (from 0) and how it is shown.

    packets: the stream's, where whoever asks wants to see them, too.
    """
    clock, looks = Clock(rate_of(stream)), Looks(stream)
    for frame in _in_order(packets or container.demux(stream), stream):
        yield clock.tick(frame), frame, looks.of(frame)
