"""Write videos, with the sound of another where asked, and send frames through a codec."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from itertools import count
from pathlib import Path

import av
import numpy as np

from ..base import VideoError, atomic_path, named_path, write_remedy
from .canvas import fitted
from .decode import open_container
from .formats import SOUNDS
from .read import even

_X264 = "mbtree=0"  # with its macroblock tree x264 codes the same frames differently from run to run
# its quickest search, without the waste of bytes, the blocks on flat film, and the long way to what follows a cut
_HURRY = ("ultrafast", f"{_X264}:cabac=1:bframes=3:weightb=1:no-deblock=0:scenecut=40")
_TICKS = 90_000  # time base of written video, 1/s: fine enough for every frame rate
_GAP = 1.0  # s: the clock was set forward; less is a damaged packet, or a stamp that is rounded
_AAC_RATES = frozenset([16_000, 22_050, 24_000, 32_000, 44_100, 48_000])


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
        gaps: list[
            tuple[int, int]
        ] = []  # from which sample on sound comes by how many later: the clock was set forward

        def write(packets: list[av.Packet]) -> None:
            for packet in packets:  # the encoder takes sound without gaps only
                later = sum(gap for at, gap in gaps if packet.pts is not None and packet.pts >= at)
                if later:
                    packet.pts, packet.dts = packet.pts + later, packet.dts + later
                container.mux(packet)

        with open_container(source, SOUNDS) as sound:
            for piece, gap in _resampled(sound, sound.streams[number], rate):
                if gap:
                    gaps.append((max(place, 0), round(gap * rate)))
                if place >= 0:
                    piece.pts, piece.time_base = place, Fraction(1, rate)
                    write(target.encode(piece))
                place += piece.samples
            write(target.encode(None))

    return copy


def _lateness(container: av.container.InputContainer, track: av.AudioStream) -> float:
    """By how many s a sound track begins after the pictures (negative: before)."""
    starts = [
        float(stream.start_time * stream.time_base)
        for stream in (track, *container.streams.video[:1])
        if stream.start_time is not None
    ]
    return starts[0] - starts[1] if len(starts) == 2 else 0.0


def _resampled(
    container: av.container.InputContainer, track: av.AudioStream, rate: int
) -> Iterator[tuple[av.AudioFrame, float]]:
    """A sound track as stereo floats at `rate` samples/s, each piece with by how many s the clock was set forward just
    before; damaged packets are passed over, and a clock that is set back goes on from where it was."""
    resampler, heard_as, ends, gap = None, None, None, 0.0
    for packet in container.demux(track):
        try:
            heard = packet.decode()
        except av.FFmpegError:
            continue
        for frame in heard:
            kind = (frame.format.name, frame.layout.name, frame.sample_rate)
            if kind != heard_as:  # broadcasts change from stereo to 5.1 midway
                resampler, heard_as = av.AudioResampler(format="fltp", layout="stereo", rate=rate), kind
            begins = ends if frame.pts is None else float(frame.pts * frame.time_base)
            if ends is not None and begins - ends > _GAP:
                gap += begins - ends
            ends = (begins or 0.0) + frame.samples / frame.sample_rate
            frame.pts = None  # for the resampler sound has no gaps
            for piece in resampler.resample(frame):
                yield piece, gap
                gap = 0.0
    if resampler is not None:
        yield from ((piece, 0.0) for piece in resampler.resample(None))


def write_video(
    path: str | os.PathLike[str],
    frames: Iterable[np.ndarray],
    fps: float,
    crf: int = 18,
    times: Iterable[float] | None = None,
    audio_from: str | os.PathLike[str] | None = None,
    comment: str = "",
    hurry: bool = False,
) -> Path:
    """Write H.264 (yuv420p, fast start) that every browser plays; whole or not at all.

    frames: uint8 RGB (H, W, 3), taken one by one; one of another size than the first is fitted onto it, not stretched;
    fps: frames a second; crf: 0 (lossless) … 51; times: presentation times in s, rising, for a varying frame rate;
    audio_from: a video whose sound is kept (as AAC); comment: a sentence for its metadata; hurry: in half the
    time, for half as many bytes again, which look the same.
    Raises `VideoError` when there is no frame or the file cannot be written.
    """
    final = named_path(path)
    timed = zip(frames, (index / fps for index in count()) if times is None else times, strict=times is not None)
    try:
        with atomic_path(final) as temporary:
            temporary.write_bytes(bytes(1 << 16))  # FFmpeg would leave a file open that has no room for its first bytes
            how = {"movflags": "+faststart"}
            with av.open(f"file:{temporary}", "w", format="mp4", options=how) as container:
                if comment:
                    container.metadata["comment"] = comment
                if not _encode(container, timed, fps, crf, audio_from, hurry):
                    raise VideoError(f"{final} was not written: there was no frame to write.")
    except (av.FFmpegError, OSError) as error:
        why = error.strerror or error
        raise VideoError(f"{final} could not be written ({why}). {write_remedy(error)}") from error
    return final


def _encode(
    container: av.container.OutputContainer,
    timed: Iterable[tuple[np.ndarray, float]],
    fps: float,
    crf: int,
    audio_from: str | os.PathLike[str] | None,
    hurry: bool,
) -> int:
    """Encode pictures with their times in s, and the sound; returns how many there were."""
    stream: av.VideoStream | None = None
    sound: Callable[[], None] | None = None
    written, last = 0, -1
    for picture, time in timed:
        picture = even(picture)
        if stream is not None:
            picture = fitted(picture, (stream.width, stream.height))
        else:
            stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001) or Fraction(1))
            stream.height, stream.width = picture.shape[:2]
            stream.pix_fmt = "yuv420p"
            preset, details = _HURRY if hurry else ("veryfast", _X264)
            stream.options = {"crf": str(crf), "preset": preset, "x264-params": details}
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
