"""Read and write videos; no other file opens one (but `_decoding`, its other half). PyAV brings its own FFmpeg."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import count
from pathlib import Path

import av
import numpy as np

from ._decoding import SOUNDS, decoded, open_container, opened, rate_of
from ._walk import VIDEO_ENDINGS
from .project import DataError, VideoError, atomic_path, find_input

VIDEO_SUFFIXES = VIDEO_ENDINGS | {".gif"}
"""File endings looked for in folders; a file named outright may have any ending."""

_X264 = "mbtree=0"  # with its macroblock tree x264 codes the same frames differently from run to run
_TICKS = 90_000  # time base of written video, 1/s: fine enough for every frame rate
_AAC_RATES = frozenset([16_000, 22_050, 24_000, 32_000, 44_100, 48_000])


@dataclass(frozen=True)
class VideoInfo:
    """What a video says of itself. `width` × `height` px as a player shows it (rotation and pixel shape applied);
    `fps` frames a second (mean); `frames` and `duration` (s) as its packets tell (the index of an MP4 that was cut
    short knows of more), before decoding."""

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
        kind = "folder" if place.is_dir() else "file" if place.is_file() else "other"
        empty = kind == "file" and place.stat().st_size == 0
    except DataError as error:
        raise VideoError(f"No video: {error}") from error
    except OSError as error:
        raise VideoError(f"{path} cannot be looked at ({error.strerror}). May you read it?") from error
    if kind == "folder":
        raise VideoError(f"{place} is a folder, not a video. Name a file in it, or use scan_folder for all of them.")
    if kind == "other":
        raise VideoError(f"{place} is no ordinary file (a dangling link, a pipe or a device). Name a video file.")
    if empty:
        raise VideoError(f"{place} is empty (0 bytes). Copy or download it again.")
    return place


def _packet_times(path: Path) -> np.ndarray:
    """Times (V,) in s of the frames as the packets announce them, sorted, from 0; nothing is decoded."""
    stamps: list[float] = []
    missing = 0
    with opened(path) as (container, stream):
        rate = rate_of(stream)
        with contextlib.suppress(av.FFmpegError):  # a damaged tail announces nothing more
            for packet in container.demux(stream):
                if packet.size == 0 or packet.is_discard:
                    continue
                if packet.pts is None or not packet.time_base:
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
    with opened(place) as (container, stream):
        _, _, look = next(decoded(container, stream), (0.0, None, None))
        if look is None:
            raise _nothing_decodes(place)
        rate = rate_of(stream)
        codec, sound = stream.codec_context.name, bool(container.streams.audio)
        whole, mp4 = stream.frames, "mp4" in container.format.name
    if len(times) > 1 and times[-1] > 0:
        rate = (len(times) - 1) / float(times[-1])
    # fewer packets than the index names: an edit list leaves them out, or the file has lost them
    frames = whole if mp4 and whole > len(times) and _is_cut_short(place) else max(len(times), 1)
    return VideoInfo(str(place), *look.shown, rate, frames, frames / rate, codec, sound)


def _is_cut_short(path: Path) -> bool:
    """Whether the last box of an MP4 says that it goes on where the file has ended."""
    end, place = path.stat().st_size, 0
    with open(path, "rb") as file:
        while end - place >= 8:
            file.seek(place)
            head = file.read(16)
            size = int.from_bytes(head[:4], "big")
            size = int.from_bytes(head[8:], "big") if size == 1 else size or end - place
            if size < 8:  # no box: whatever it is, it is not known to be cut
                return False
            place += size
    return place > end


def _nothing_decodes(place: Path) -> VideoError:
    return VideoError(f"{place}: not one frame of it can be decoded. It is damaged, or no video.")


def iterate_frames(path: str | os.PathLike[str]) -> Iterator[tuple[int, float, np.ndarray]]:
    """Every decodable frame in presentation order: (index, time in s from 0, uint8 RGB (H, W, 3)).

    Raises `VideoError` when the file is missing, is no video, or not one frame of it decodes.
    """
    place = _checked_path(path)
    count, whole = 0, True
    with opened(place) as (container, stream):
        for time, frame, look in decoded(container, stream):
            if frame.is_corrupt:
                whole = False
                break
            yield count, time, look.rgb(frame)
            count += 1
    if not whole:
        with opened(place, steady=True) as (container, stream):
            for number, (time, frame, look) in enumerate(decoded(container, stream)):
                if number >= count:  # from the damage on
                    yield number, time, look.rgb(frame)
                    count += 1
    if count == 0:
        raise _nothing_decodes(place)


def sample_frames(
    path: str | os.PathLike[str],
    plan: Callable[[np.ndarray], Sequence[np.ndarray]],
    begin: Callable[[Sequence[np.ndarray]], Callable[[int, float, np.ndarray], None]],
) -> np.ndarray:
    """Decode a video once, in order, and hand over chosen frames: returns the times (V,) in s of all its frames.

    `plan(times (V,))` gives the wanted frame indices in groups, judging by the times that the packets announce;
    `begin(groups)` returns the function that takes each wanted frame in order: index, time in s, uint8 RGB (H, W, 3).
    When other frames decode than were announced (damage, edit lists) and the plan from their true times is another, the
    video is decoded a second time, by that plan, from a new `begin`; and so it is, on one thread, from the first
    damaged frame that is met. Raises `VideoError` when not one frame decodes.
    """
    place = _checked_path(path)
    wanted = plan(_packet_times(place))
    times, steady = _whole_pass(place, wanted, begin, steady=False)
    actual = plan(times)
    if [group.tolist() for group in actual] != [group.tolist() for group in wanted]:
        times, _ = _whole_pass(place, actual, begin, steady)
    return times


def _whole_pass(
    place: Path,
    wanted: Sequence[np.ndarray],
    begin: Callable[[Sequence[np.ndarray]], Callable[[int, float, np.ndarray], None]],
    steady: bool,
) -> tuple[np.ndarray, bool]:
    """The times of all frames, and whether the video had to be decoded on one thread: it has where it is
    damaged, and then the pass begins again."""
    times = _one_pass(place, wanted, begin(wanted), steady)
    if times is None:
        return _whole_pass(place, wanted, begin, steady=True)
    return times, steady


def _one_pass(
    place: Path, wanted: Sequence[np.ndarray], take: Callable[[int, float, np.ndarray], None], steady: bool
) -> np.ndarray | None:
    """Decode everything, hand over what is wanted, return all times; None at the first damaged frame, if not steady."""
    asked = {int(index) for group in wanted for index in group}
    times: list[float] = []
    with opened(place, steady) as (container, stream):
        for time, frame, look in decoded(container, stream):
            if frame.is_corrupt and not steady:
                return None
            if len(times) in asked:
                take(len(times), time, look.rgb(frame))
            times.append(time)
    if not times:
        raise _nothing_decodes(place)
    return np.asarray(times)


def read_frames(path: str | os.PathLike[str], indices: Iterable[int]) -> dict[int, np.ndarray]:
    """The frames of these indices, uint8 RGB (H, W, 3), read in one pass; an index past the end is left out."""
    found: dict[int, np.ndarray] = {}
    wanted = [np.asarray(list(indices), dtype=np.int64)]

    def begin(_: Sequence[np.ndarray]) -> Callable[[int, float, np.ndarray], None]:
        found.clear()
        return lambda index, _, picture: found.__setitem__(index, picture)

    _whole_pass(_checked_path(path), wanted, begin, steady=False)
    return found


def _even(picture: np.ndarray) -> np.ndarray:
    """Pad to even height and width by repeating the last row and column: 4:2:0 video has no odd sizes."""
    height, width = picture.shape[:2]
    return np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


def _add_sound(container: av.container.OutputContainer, source: Path) -> Callable[[], None] | None:
    """Add an AAC track for the source's first sound track; the function returned copies the sound when called."""
    with open_container(source, SOUNDS) as probe:
        tracks = [track for track in probe.streams.audio if track.codec_context is not None]
        if not tracks:
            return None
        number, rate, late = tracks[0].index, tracks[0].rate, _lateness(probe, tracks[0])
    rate = rate if rate in _AAC_RATES else 48_000
    target = container.add_stream("aac", rate=rate)
    target.layout = "stereo"

    def copy() -> None:
        place = round(late * rate)  # samples: laid end to end from where the first picture is 0
        with open_container(source, SOUNDS) as sound:
            for piece in _resampled(sound, sound.streams[number], rate):
                if place >= 0:
                    piece.pts, piece.time_base = place, Fraction(1, rate)
                    container.mux(target.encode(piece))
                place += piece.samples
            container.mux(target.encode(None))

    return copy


def _lateness(container: av.container.InputContainer, track: av.AudioStream) -> float:
    """By how many s a sound track begins after the pictures (negative: before)."""
    starts = [
        float(stream.start_time * stream.time_base)
        for stream in (track, *container.streams.video[:1])
        if stream.start_time is not None
    ]
    return starts[0] - starts[1] if len(starts) == 2 else 0.0


def _resampled(container: av.container.InputContainer, track: av.AudioStream, rate: int) -> Iterator[av.AudioFrame]:
    """A sound track as stereo floats at `rate` samples/s; damaged packets are passed over."""
    resampler, heard_as = None, None
    for packet in container.demux(track):
        try:
            heard = packet.decode()
        except av.FFmpegError:
            continue
        for frame in heard:
            kind = (frame.format.name, frame.layout.name, frame.sample_rate)
            if kind != heard_as:  # broadcasts change from stereo to 5.1 midway
                resampler, heard_as = av.AudioResampler(format="fltp", layout="stereo", rate=rate), kind
            yield from resampler.resample(frame)
    if resampler is not None:
        yield from resampler.resample(None)


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
    timed = zip(frames, (index / fps for index in count()) if times is None else times, strict=times is not None)
    try:
        with atomic_path(final) as temporary:
            temporary.write_bytes(bytes(1 << 16))  # FFmpeg would leave a file open that has no room for its first bytes
            how = {"movflags": "+faststart"}
            with av.open(f"file:{temporary}", "w", format="mp4", options=how) as container:
                if not _encode(container, timed, fps, crf, audio_from):
                    raise VideoError(f"{final} was not written: there was no frame to write.")
    except (av.FFmpegError, OSError) as error:
        why = error.strerror or error
        raise VideoError(f"{final} could not be written ({why}). Is there room, and may you write there?") from error
    return final


def _encode(
    container: av.container.OutputContainer,
    timed: Iterable[tuple[np.ndarray, float]],
    fps: float,
    crf: int,
    audio_from: str | os.PathLike[str] | None,
) -> int:
    """Encode pictures with their times in s, and the sound; returns how many there were."""
    stream: av.VideoStream | None = None
    sound: Callable[[], None] | None = None
    written, last = 0, -1
    for picture, time in timed:
        picture = _even(picture)
        if stream is None:
            stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001) or Fraction(1))
            stream.height, stream.width = picture.shape[:2]
            stream.pix_fmt = "yuv420p"
            stream.options = {"crf": str(crf), "preset": "veryfast", "x264-params": _X264}
            stream.codec_context.time_base = Fraction(1, _TICKS)
            # said outright: players guess the colour matrix by the size of the picture
            stream.codec_context.colorspace = av.video.reformatter.Colorspace.ITU601
            stream.codec_context.color_range = av.video.reformatter.ColorRange.MPEG
            sound = _add_sound(container, Path(audio_from)) if audio_from is not None else None
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        last = max(round(time * _TICKS), last + 1)
        frame.pts, frame.time_base = last, Fraction(1, _TICKS)
        container.mux(stream.encode(frame))
        written += 1
    if stream is not None:
        container.mux(stream.encode(None))
    if sound is not None:
        sound()
    return written


def transcode_frames(frames: np.ndarray, crf: int = 23, fps: float = 25.0, codec: str = "libx264") -> np.ndarray:
    """Send frames through a video codec in memory and back: uint8 RGB (T, H, W, 3) → the same shape.

    H.264 (yuv420p) at the given crf (0 lossless … 51), with B-frames as uploads have them; or "mpeg1video",
    "mpeg2video", "mpeg4", at the quantiser (2 … 16) that looks about as bad. H and W must be even.
    """
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska") as container:
        stream = container.add_stream(codec, rate=Fraction(fps).limit_denominator(1001))
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        if codec == "libx264":
            stream.options = {"crf": str(crf), "preset": "veryfast", "threads": "1", "x264-params": _X264}
        else:
            step = str(int(np.clip(round(2 + 0.6 * (crf - 16)), 2, 16)))
            stream.options = {"qmin": step, "qmax": step, "threads": "1"}
        for picture in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")))
        container.mux(stream.encode(None))
    buffer.seek(0)
    with av.open(buffer) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
