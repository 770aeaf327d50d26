"""Read videos: what one is, its frames in order, and frames chosen by their times."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from ..base import DataError, VideoError, find_input
from .clock import filmed
from .decode import decoded, opened, rate_of
from .presence import check_readable, unchanged


@dataclass(frozen=True)
class VideoInfo:
    """What a video says of itself. `width` × `height` px as a player shows it (rotation and pixel shape applied): of
    its first frame, and once its faces were looked for, of most frames looked at, for a video may change its size;
    `fps` frames a second (mean); `frames` and `duration` (s) as its packets tell (the index of an MP4 that was cut
    short knows of more), before decoding; gaps in what was filmed are left out."""

    path: str
    width: int
    height: int
    fps: float
    frames: int
    duration: float
    codec: str
    has_audio: bool


def checked_path(path: str | os.PathLike[str]) -> Path:
    """The file that a user named, whatever is in it. Raises `VideoError` for what is no ordinary file, or empty."""
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


def survey(path: str | os.PathLike[str]) -> tuple[VideoInfo, np.ndarray]:
    """What a video says of itself (`probe_video`), and the times (V,) in s of its frames as the packets announce them,
    sorted, from 0; all that is decoded is its first frame."""
    place = checked_path(path)
    with opened(place) as (container, stream):
        rate = rate_of(stream)
        packets = _Packets(container.demux(stream))
        _, _, look = next(decoded(container, stream, packets), (0.0, None, None))
        with contextlib.suppress(av.FFmpegError):  # a damaged tail announces nothing more
            for _ in packets:
                pass
        codec, sound = stream.codec_context.name, bool(container.streams.audio)
        whole, mp4 = stream.frames, "mp4" in container.format.name
    check_readable(place, packets.end)  # what FFmpeg left unread
    if look is None:
        raise _nothing_decodes(place)
    times = packets.times(rate)
    if len(times) > 1 and times[-1] > 0:
        rate = (len(times) - 1) / float(filmed(times)[-1])
    # fewer packets than the index names: an edit list leaves them out, or the file has lost them
    frames = whole if mp4 and whole > len(times) and _is_cut_short(place) else max(len(times), 1)
    return VideoInfo(str(place), *look.shown, rate, frames, frames / rate, codec, sound), times


def probe_video(path: str | os.PathLike[str]) -> VideoInfo:
    """What a video says of itself, after decoding its first frame. Raises `VideoError` when none decodes."""
    return survey(path)[0]


class _Packets:
    """Hands on packets, and keeps when they are to be shown."""

    def __init__(self, packets: Iterator[av.Packet]) -> None:
        self.packets = packets
        self.stamps: list[float] = []
        self.missing = self.end = 0

    def __iter__(self) -> Iterator[av.Packet]:
        return self

    def __next__(self) -> av.Packet:
        packet = next(self.packets)
        self.end = max(self.end, (packet.pos or 0) + packet.size)
        if packet.size and not packet.is_discard:
            if packet.pts is None or not packet.time_base:
                self.missing += 1
            else:
                self.stamps.append(float(packet.pts * packet.time_base))
        return packet

    def times(self, rate: float) -> np.ndarray:
        """Of all packets so far, (V,) s, sorted, from 0; by `rate` frames a second where stamps do not tell."""
        if self.missing or len(set(self.stamps)) < len(self.stamps):
            return np.arange(len(self.stamps) + self.missing) / rate
        times = np.sort(np.asarray(self.stamps, dtype=np.float64))
        return times - times[0] if len(times) else times


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
    place = checked_path(path)
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
    watch: Callable[[int, av.VideoFrame], bool] | None = None,
    announced: np.ndarray | None = None,
) -> np.ndarray:
    """Decode a video once, in order, and hand over chosen frames: returns the times (V,) in s of all its frames.

    `plan(times (V,))` gives the wanted frame indices in groups, judging by the times that the packets announce
    (`announced`, where they are known already: `survey`); `begin(groups)` returns the function that takes each wanted
    frame in order: index, time in s, uint8 RGB (H, W, 3). When other frames decode than were announced (damage, edit
    lists) and the plan from their true times is another, the video is decoded a second time, by that plan, from a new
    `begin`; and so it is, on one thread, from the first damaged frame that is met. `watch(index, frame)` sees every
    frame as it is decoded the first time; once it says True, for it has seen what makes the plan another, nothing more
    is handed over in this pass. Raises `VideoError` when not one frame decodes, and when the file is another one at the
    end, or gone.
    """
    place = checked_path(path)
    with unchanged(place):
        in_vain = False

        def looked(index: int, frame: av.VideoFrame) -> bool:
            nonlocal in_vain
            in_vain = watch is not None and watch(index, frame)
            return in_vain

        wanted = plan(survey(place)[1] if announced is None else announced)
        times, steady = _whole_pass(place, wanted, begin, steady=False, watch=looked)
        actual = plan(times)
        if in_vain or [group.tolist() for group in actual] != [group.tolist() for group in wanted]:
            times, _ = _whole_pass(place, actual, begin, steady)
    return times


def _whole_pass(
    place: Path,
    wanted: Sequence[np.ndarray],
    begin: Callable[[Sequence[np.ndarray]], Callable[[int, float, np.ndarray], None]],
    steady: bool,
    watch: Callable[[int, av.VideoFrame], bool] | None = None,
    last: float = np.inf,
) -> tuple[np.ndarray, bool]:
    """The times of all frames up to the `last`, and whether the video had to be decoded on one thread: it has
    where it is damaged, and then the pass begins again."""
    times = _one_pass(place, wanted, begin(wanted), steady, watch, last)
    if times is None:
        return _whole_pass(place, wanted, begin, True, watch, last)
    return times, steady


def _one_pass(
    place: Path,
    wanted: Sequence[np.ndarray],
    take: Callable[[int, float, np.ndarray], None],
    steady: bool,
    watch: Callable[[int, av.VideoFrame], bool] | None,
    last: float,
) -> np.ndarray | None:
    """Decode up to the `last`, hand over what is wanted, return all times; None at the first damaged frame, if not
    steady."""
    asked = {int(index) for group in wanted for index in group}
    times: list[float] = []
    with opened(place, steady) as (container, stream):
        for time, frame, look in decoded(container, stream):
            if frame.is_corrupt and not steady:
                return None
            in_vain = watch is not None and watch(len(times), frame)
            if len(times) in asked and not in_vain:
                take(len(times), time, look.rgb(frame))
            times.append(time)
            if len(times) > last:
                break
    if not times:
        raise _nothing_decodes(place)
    return np.asarray(times)


def read_frames(path: str | os.PathLike[str], indices: Iterable[int]) -> dict[int, np.ndarray]:
    """The frames of these indices, uint8 RGB (H, W, 3), read in one pass that ends with the last of them; an index past
    the end is left out."""
    found: dict[int, np.ndarray] = {}
    wanted = [np.asarray(list(indices), dtype=np.int64)]

    def begin(_: Sequence[np.ndarray]) -> Callable[[int, float, np.ndarray], None]:
        found.clear()
        return lambda index, _, picture: found.__setitem__(index, picture)

    _whole_pass(checked_path(path), wanted, begin, steady=False, last=max(wanted[0].tolist(), default=0))
    return found


def even(picture: np.ndarray) -> np.ndarray:
    """Pad to even height and width by repeating the last row and column: 4:2:0 video has no odd sizes."""
    height, width = picture.shape[:2]
    return np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
