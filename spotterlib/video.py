"""Read and write videos; the only file that opens one. PyAV brings its own FFmpeg, so none need be installed."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from .project import DataError, VideoError, atomic_path, find_input

# PyAV keeps FFmpeg silent by itself. Never call av.logging.set_level here: its Python callback takes the GIL in decoder
# threads, and a process that frees a decoder while one of them reports damage waits for ever.

VIDEO_SUFFIXES = frozenset([".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".wmv", ".flv", ".ts", ".mts", ".3gp", ".gif", ".ogv"])
"""File endings looked for in folders; a file named outright may have any ending."""

_TICKS = 90_000  # time base of written video, 1/s: fine enough for every frame rate


@dataclass(frozen=True)
class VideoInfo:
    """What a video says of itself. `width` × `height` px as a player shows it (rotation and pixel shape applied);
    `fps` frames a second (mean); `frames` and `duration` (s) as its packets tell, before decoding."""

    path: str
    width: int
    height: int
    fps: float
    frames: int
    duration: float
    codec: str
    has_audio: bool


def _checked_path(path: str | os.PathLike[str]) -> Path:
    try:
        place = find_input(path)
    except DataError as error:
        raise VideoError(f"No video: {error}") from error
    if place.is_dir():
        raise VideoError(f"{place} is a folder, not a video. Name a file in it, or use scan_folder for all of them.")
    if not place.is_file():
        raise VideoError(f"{place} is no ordinary file (a dangling link, a pipe or a device). Name a video file.")
    if place.stat().st_size == 0:
        raise VideoError(f"{place} is empty (0 bytes). Copy or download it again.")
    return place


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tuple[av.container.InputContainer, av.VideoStream]]:
    """The container and its main video stream; FFmpeg's errors become `VideoError`."""
    try:
        # "file:" keeps a name such as "concat:a|b" or "-x.mp4" a mere name
        container = av.open(f"file:{path}", metadata_errors="ignore")
    except (av.FFmpegError, OSError, ValueError) as error:
        raise VideoError(f"{path} cannot be read as a video ({error}). Is it complete, and a video at all?") from error
    with container:
        streams = [s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
        streams = [s for s in streams if s.codec_context is not None]
        if not streams:
            raise VideoError(f"{path} has no picture track. If it is sound only, there is no face to look at.")
        stream = max(streams, key=lambda s: (s.width or 0) * (s.height or 0))
        stream.thread_type = "AUTO"
        yield container, stream


def _turns(frame: av.VideoFrame) -> int:
    """Quarter turns counter-clockwise that a player applies."""
    return round(frame.rotation / 90) % 4


def _shown_width(stream: av.VideoStream, width: int) -> int:
    """Width in square pixels."""
    shape = stream.sample_aspect_ratio
    return round(width * shape) if shape and Fraction(1, 4) <= shape <= 4 else width


def _to_rgb(frame: av.VideoFrame, stream: av.VideoStream) -> np.ndarray:
    """One frame as a player shows it, uint8 RGB (H, W, 3)."""
    picture = frame.to_ndarray(format="rgb24", width=_shown_width(stream, frame.width), height=frame.height)
    turns = _turns(frame)
    return np.ascontiguousarray(np.rot90(picture, turns)) if turns else picture


def _decoded(container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[tuple[float, av.VideoFrame]]:
    """Every frame that decodes, in presentation order, with its time in s (from 0); damaged packets are passed over."""
    rate = float(stream.average_rate or stream.guessed_rate or 25)
    first: float | None = None
    previous = -1.0
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except av.FFmpegError:
            return  # the file ends in damage: what came before it stands
        try:
            frames = packet.decode()
        except av.FFmpegError:
            continue
        for frame in frames:
            time = frame.time
            if time is None:
                time = previous + 1 / rate + (first or 0.0) if first is not None else 0.0
            if first is None:
                first = time
            time = max(time - first, previous + 1e-4 if previous >= 0 else 0.0)
            previous = time
            yield time, frame


def _packet_times(path: Path) -> np.ndarray:
    """Times (V,) in s of the frames as the packets announce them, sorted, from 0; nothing is decoded."""
    with _opened(path) as (container, stream):
        rate = float(stream.average_rate or stream.guessed_rate or 25)
        stamps: list[float] = []
        missing = 0
        with contextlib.suppress(av.FFmpegError):  # a damaged tail announces nothing more
            for packet in container.demux(stream):
                if packet.size == 0 or packet.is_discard:
                    continue
                if packet.pts is None:
                    missing += 1
                else:
                    stamps.append(float(packet.pts * packet.time_base))
    if missing or len(set(stamps)) < len(stamps):
        return np.arange(len(stamps) + missing) / rate
    times = np.sort(np.asarray(stamps, dtype=np.float64))
    return times - times[0] if len(times) else times


def probe_video(path: str | os.PathLike[str]) -> VideoInfo:
    """What a video says of itself, after decoding its first frame. Raises `VideoError` when none decodes."""
    place = _checked_path(path)
    times = _packet_times(place)
    with _opened(place) as (container, stream):
        first = next((frame for _, frame in _decoded(container, stream)), None)
        if first is None:
            raise VideoError(f"{place}: not one frame of it can be decoded. It is damaged, or no video.")
        width, height = _shown_width(stream, first.width), first.height
        if _turns(first) % 2:
            width, height = height, width
        rate = float(stream.average_rate or stream.guessed_rate or 25)
        codec, sound = stream.codec_context.name, bool(container.streams.audio)
    if len(times) > 1 and times[-1] > 0:
        rate = (len(times) - 1) / float(times[-1])
    frames = max(len(times), 1)
    return VideoInfo(str(place), width, height, rate, frames, frames / rate, codec, sound)


def iterate_frames(path: str | os.PathLike[str]) -> Iterator[tuple[int, float, np.ndarray]]:
    """Every decodable frame in presentation order: (index, time in s from 0, uint8 RGB (H, W, 3)).

    Raises `VideoError` when the file is missing, is no video, or not one frame of it decodes.
    """
    place = _checked_path(path)
    index = -1
    with _opened(place) as (container, stream):
        for index, (time, frame) in enumerate(_decoded(container, stream)):
            yield index, time, _to_rgb(frame, stream)
    if index < 0:
        raise VideoError(f"{place}: not one frame of it can be decoded. It is damaged, or no video.")


def sample_frames(
    path: str | os.PathLike[str],
    choose: Callable[[np.ndarray], np.ndarray],
    handle: Callable[[int, float, np.ndarray], None],
) -> np.ndarray:
    """Decode a video once, in order, and hand over chosen frames: returns the times (V,) in s of all its frames.

    `choose(times (V,))` gives the wanted frame indices, judging by the times that the packets announce; `handle(index,
    time, uint8 RGB (H, W, 3))` is called for each, in order. When fewer or more frames decode than were announced
    (damage, edit lists), everything is chosen and handled anew from the true times; so `handle` must start over at the
    first index it is given. Raises `VideoError` when not one frame decodes.
    """
    place = _checked_path(path)
    announced = _packet_times(place)
    wanted = choose(announced) if len(announced) else np.zeros(0, np.int64)
    for _ in range(2):
        asked = set(np.asarray(wanted).tolist())
        times: list[float] = []
        with _opened(place) as (container, stream):
            for time, frame in _decoded(container, stream):
                if len(times) in asked:
                    handle(len(times), time, _to_rgb(frame, stream))
                times.append(time)
        if not times:
            raise VideoError(f"{place}: not one frame of it can be decoded. It is damaged, or no video.")
        actual = choose(np.asarray(times))
        if np.array_equal(actual, wanted):
            break
        wanted = actual
    return np.asarray(times)


def read_frames(path: str | os.PathLike[str], indices: Iterable[int]) -> dict[int, np.ndarray]:
    """The frames of these indices, uint8 RGB (H, W, 3), read in one pass; an index past the end is left out."""
    found: dict[int, np.ndarray] = {}
    wanted = np.unique(np.asarray(list(indices), dtype=np.int64))
    sample_frames(path, lambda times: wanted, lambda index, _, picture: found.__setitem__(index, picture))
    return found


def _even(picture: np.ndarray) -> np.ndarray:
    """Pad to even height and width by repeating the last row and column: 4:2:0 video has no odd sizes."""
    height, width = picture.shape[:2]
    return np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


def _add_sound(container: av.container.OutputContainer, source: Path) -> Callable[[], None] | None:
    """Add an AAC track for the source's first sound track; the function returned copies the sound when called."""
    with av.open(f"file:{source}", metadata_errors="ignore") as probe:
        if not probe.streams.audio:
            return None
        rate = probe.streams.audio[0].rate or 48_000
    target = container.add_stream("aac", rate=rate)
    target.layout = "stereo"

    def copy() -> None:
        resampler = av.AudioResampler(format="fltp", layout="stereo", rate=rate)
        with av.open(f"file:{source}", metadata_errors="ignore") as sound:
            track = sound.streams.audio[0]
            written = 0  # samples: sound is laid end to end from 0, as the pictures are
            for packet in sound.demux(track):
                try:
                    heard = packet.decode()
                except av.FFmpegError:
                    continue  # a damaged packet of sound: the pictures are the evidence, go on
                for frame in heard:
                    for piece in resampler.resample(frame):
                        piece.pts, piece.time_base = written, Fraction(1, rate)
                        written += piece.samples
                        container.mux(target.encode(piece))
            container.mux(target.encode(None))

    return copy


def write_video(
    path: str | os.PathLike[str],
    frames: Iterable[np.ndarray],
    fps: float,
    crf: int = 18,
    times: Iterable[float] | None = None,
    audio_from: str | os.PathLike[str] | None = None,
) -> Path:
    """Write H.264 (yuv420p, fast start) that every browser plays; whole or not at all.

    frames: uint8 RGB (H, W, 3), one size for all, taken one by one; fps: frames a second; crf: 0 (lossless) … 51;
    times: presentation times in s, rising, for a varying frame rate; audio_from: a video whose sound is kept (as AAC).
    Raises `VideoError` when there is no frame or the file cannot be written.
    """
    final = Path(path)
    stamps = iter(times) if times is not None else None
    with atomic_path(final) as temporary:
        try:
            with av.open(f"file:{temporary}", "w", format="mp4", options={"movflags": "+faststart"}) as container:
                stream: av.VideoStream | None = None
                sound: Callable[[], None] | None = None
                last = -1
                for index, picture in enumerate(frames):
                    picture = _even(picture)
                    if stream is None:
                        stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
                        stream.height, stream.width = picture.shape[:2]
                        stream.pix_fmt = "yuv420p"
                        stream.options = {"crf": str(crf), "preset": "veryfast"}
                        stream.codec_context.time_base = Fraction(1, _TICKS)
                        sound = _add_sound(container, Path(audio_from)) if audio_from is not None else None
                    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
                    time = next(stamps) if stamps is not None else index / fps
                    last = max(round(time * _TICKS), last + 1)
                    frame.pts, frame.time_base = last, Fraction(1, _TICKS)
                    container.mux(stream.encode(frame))
                if stream is None:
                    raise VideoError(f"{final} was not written: there was no frame to write.")
                container.mux(stream.encode(None))
                if sound is not None:
                    sound()
        except (av.FFmpegError, OSError) as error:
            raise VideoError(f"{final} could not be written ({error}). Is there room, and may you write there?") from error
    return final


def transcode_frames(frames: np.ndarray, crf: int = 23, fps: float = 25.0, codec: str = "libx264") -> np.ndarray:
    """Send frames through a video codec in memory and back: uint8 RGB (T, H, W, 3) → the same shape.

    H.264 (yuv420p) at the given crf (0 lossless … 51), with B-frames as uploads have them. H and W must be even.
    """
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska") as container:
        stream = container.add_stream(codec, rate=Fraction(fps).limit_denominator(1001))
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": str(crf), "preset": "veryfast", "threads": "1"}
        for picture in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")))
        container.mux(stream.encode(None))
    buffer.seek(0)
    with av.open(buffer) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
