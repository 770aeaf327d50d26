"""Files for the hard inputs: scenes with sample people who do not exist, and makers that write them to disk."""

from __future__ import annotations

import functools
import os
import pickle
import shutil
import struct
import tempfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from makers.face_clips import moving, portrait, stage
from makers.video_files import FPS, bad_inputs, encode

os.environ.setdefault("SVT_LOG", "1")  # the AV1 encoder tells its life story otherwise

SIZE = (128, 128)
HEIGHT, PLACE = 112, (18, 8)
"""The usual scene: a person 112 px high whose upper left corner is here, on a stage of 128 × 128."""

# --- scenes ----------------------------------------------------------------------------------------------------------


def repeated(name: str, count: int, size: tuple[int, int], height: int) -> Callable[[Path], Path]:
    """One picture of a person on a large stage, coded once, its packet repeated."""

    def make(folder: Path) -> Path:
        picture = stage(size, 1, (person(1, "p01", height), still_places(1, (0, 0))))
        one = encode(folder / "one.mkv", frames=picture, preset="ultrafast", crf="30")
        with av.open(str(one)) as old, av.open(str(folder / name), "w") as new:
            (packet,) = (packet for packet in old.demux(video=0) if packet.size)
            stream, data = new.add_stream_from_template(old.streams.video[0]), bytes(packet)
            for number in range(count):
                again = av.Packet(data)
                again.pts = again.dts = number
                again.time_base, again.stream, again.is_keyframe = Fraction(1, FPS), stream, True
                new.mux(again)
        one.unlink()
        return folder / name

    return make


@functools.cache
def person(count: int = 12, name: str = "p01", height: int = HEIGHT) -> np.ndarray:
    """A person in motion, uint8 RGB (count, height, W, 3)."""
    return moving(name, np.arange(count) / FPS, height)


def still_places(count: int, place: tuple[float, float]) -> np.ndarray:
    return np.tile(np.array(place, float), (count, 1))


@functools.cache
def scene(count: int = 12, name: str = "p01") -> np.ndarray:
    """The usual scene, uint8 RGB (count, 128, 128, 3)."""
    return stage(SIZE, count, (person(count, name), still_places(count, PLACE)))


def centre_of(name: str = "p01", height: int = HEIGHT, place: tuple[float, float] = PLACE) -> tuple[float, float]:
    """The middle of a person's landmarks, px."""
    x, y = (portrait(name, height)[1].mean(0) + place).tolist()
    return x, y


CENTRE = centre_of()


def filmed(name: str, codec: str = "libx264", frames=scene, **settings) -> Callable[[Path], Path]:
    """A maker that encodes the usual scene, or what `frames()` gives."""
    return lambda folder: encode(folder / name, codec, frames=frames(), **settings)


def copied(name: str) -> Callable[[Path], Path]:
    """The plain clip under a name."""
    return lambda folder: encode(folder / "plain", fmt="mp4", frames=scene()).rename(folder / name)


def seen(count: int, there: slice) -> Callable[[], np.ndarray]:
    """The scene with the person only in some frames."""

    def frames() -> np.ndarray:
        places = np.full((count, 2), np.nan)
        places[there] = PLACE
        return stage(SIZE, count, (person(count), places))

    return frames


def people(count: int, size: tuple[int, int], *actors: tuple[str, int, tuple[float, float]]):
    """Several people: name, height, place."""
    return lambda: stage(size, count, *((person(count, n, h), still_places(count, p)) for n, h, p in actors))


def changed(change: Callable[[np.ndarray], np.ndarray], count: int = 12) -> Callable[[], np.ndarray]:
    """The scene with each frame changed."""
    return lambda: np.stack([change(frame) for frame in scene(count)])


def flat(value: int) -> Callable[[], np.ndarray]:
    return lambda: np.full((12, 128, 128, 3), value, np.uint8)


def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (12, 128, 128, 3), np.uint8)


def huge() -> np.ndarray:
    """A face larger than the picture."""
    frames = person(12, "p01", 400)
    x, y = np.round(centre_of("p01", 400, (0, 0))).astype(int) - 64
    return frames[:, y : y + 128, x : x + 128]


def squeezed(frame: np.ndarray, share: float = 0.4) -> np.ndarray:
    """The face as narrow as one that is turned away."""
    narrow = cv2.resize(frame, None, fx=share, fy=1, interpolation=cv2.INTER_AREA)
    canvas = np.empty_like(frame)
    canvas[:] = frame[0, 0]
    left = (canvas.shape[1] - narrow.shape[1]) // 2
    canvas[:, left : left + narrow.shape[1]] = narrow
    return canvas


def covered(frame: np.ndarray) -> np.ndarray:
    """A hand's breadth of plain colour over mouth and chin."""
    frame, y = frame.copy(), round(CENTRE[1])
    frame[y + 4 :, 34:94] = (40, 60, 120)
    return frame


def barred(frame: np.ndarray) -> np.ndarray:
    """A black bar over the eyes."""
    frame, eyes = frame.copy(), portrait("p01", HEIGHT)[1][:2, 1].mean() + PLACE[1]
    frame[round(eyes) - 7 : round(eyes) + 7, 30:98] = 0
    return frame


def drawn() -> np.ndarray:
    """A face of a few strokes."""
    frame = np.full((128, 128, 3), 250, np.uint8)
    cv2.circle(frame, (64, 64), 44, (20, 20, 20), 2)
    for x in (48, 80):
        cv2.circle(frame, (x, 54), 5, (20, 20, 20), -1)
    cv2.line(frame, (64, 60), (64, 74), (20, 20, 20), 2)
    cv2.ellipse(frame, (64, 82), (18, 8), 0, 0, 180, (20, 20, 20), 2)
    return np.repeat(frame[None], 12, axis=0)


def printed() -> np.ndarray:
    """A photograph on white paper, held at a slant, that moves a little as a whole."""
    picture = portrait("p01", HEIGHT - 16)[0]
    sheet = cv2.copyMakeBorder(picture, 8, 8, 8, 8, cv2.BORDER_CONSTANT, value=(245, 245, 240))
    height, width = sheet.shape[:2]
    frames = []
    for number in range(12):
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), 6, 1.0)
        turn[:, 2] += (64 - width / 2 + np.sin(number / 3), 64 - height / 2)
        frames.append(cv2.warpAffine(sheet, turn, SIZE, flags=cv2.INTER_AREA, borderValue=(90, 70, 60)))
    return np.stack(frames)


def flashing() -> np.ndarray:
    """Another person every second frame, all in one place."""
    cast = ["p01", "p07", "p12", "p03"]
    return np.stack([scene(12, cast[number // 2 % 4])[number] for number in range(12)])


def ten() -> np.ndarray:
    """Ten people in two rows."""
    names = [f"p{number:02d}" for number in range(1, 11)]
    actors = [(n, 96, (4 + 84 * (k % 5), 4 + 100 * (k // 5))) for k, n in enumerate(names)]
    return people(10, (428, 208), *actors)()


# --- makers that need more than an encoder ---------------------------------------------------------------------------


def patched(name: str, *edits: tuple[bytes, int, str, int], **settings) -> Callable[[Path], Path]:
    """The scene, then numbers of its headers overwritten: (atom, bytes after its name, struct format, value)."""

    def make(folder: Path) -> Path:
        path = encode(folder / name, frames=scene(), **settings)
        data = bytearray(path.read_bytes())
        for atom, offset, form, value in edits:
            struct.pack_into(form, data, data.index(atom) + offset, value)
        path.write_bytes(data)
        return path

    return make


def joined(*parts: Callable[[], np.ndarray]) -> Callable[[Path], Path]:
    """Films one after the other in one transport stream, each with a size of its own."""

    def make(folder: Path) -> Path:
        pieces = [encode(folder / "part.ts", frames=part()).read_bytes() for part in parts]
        (folder / "part.ts").unlink()
        (folder / "a.ts").write_bytes(b"".join(pieces))
        return folder / "a.ts"

    return make


def mirrored(folder: Path) -> Path:
    """The scene seen in a mirror, and a display matrix that mirrors it back: a selfie."""
    path = encode(folder / "a.mp4", frames=scene()[:, :, ::-1])
    data = bytearray(path.read_bytes())
    struct.pack_into(">i", data, data.index(b"tkhd") + 44, -(1 << 16))
    path.write_bytes(data)
    return path


def unfinished(folder: Path) -> Path:
    """An MP4 whose writer has not come to the index."""
    path = copied("a.mp4")(folder)
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"moov") - 4])
    return path


def remuxed(source: Path, target: Path, stamp=lambda number, stamp: stamp, kept=lambda number: True, **options) -> Path:
    """The packets of a video in another file, some left out, their stamps changed. The source goes."""
    with av.open(str(source)) as old, av.open(str(target), "w", options=options) as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for number, packet in enumerate(old.demux(video=0)):
            if packet.size and kept(number):
                packet.pts, packet.dts = stamp(number, packet.pts), stamp(number, packet.dts)
                packet.stream = stream
                new.mux(packet)
    source.unlink()
    return target


def no_times(folder: Path) -> Path:
    """An AVI of H.264 with B-frames: its packets have no presentation stamps."""
    return encode(folder / "a.avi", frames=scene(), bf="3")


def open_gop(folder: Path) -> Path:
    """B-frames that look across open GOPs, and the file begins in the middle of one."""
    whole = encode(
        folder / "whole.ts", "libx264", frames=scene(24), bf="3", **{"x264-params": "open-gop=1:keyint=8:min-keyint=8"}
    )
    return remuxed(whole, folder / "a.ts", kept=lambda number: number >= 5)


def late_start(folder: Path) -> Path:
    """The first frame at 5 s: an empty edit, before which a player shows nothing."""
    whole = encode(folder / "whole.mp4", frames=scene(), bf="0")
    with av.open(str(whole)) as container:
        step = round(5 / float(container.streams.video[0].time_base))
    return remuxed(whole, folder / "a.mp4", stamp=lambda number, stamp: stamp + step)


def two_streams(folder: Path) -> Path:
    """A small film of nobody, then the large one."""
    with av.open(str(folder / "a.mkv"), "w") as container:
        films = [scene()[:, ::2, ::2] * np.uint8(0), scene()]
        streams = [container.add_stream("libx264", rate=FPS) for _ in films]
        for stream, film in zip(streams, films, strict=True):
            stream.height, stream.width, stream.pix_fmt = *film.shape[1:3], "yuv420p"
        for pictures in zip(*films, strict=True):
            for stream, picture in zip(streams, pictures, strict=True):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")))
        for stream in streams:
            container.mux(stream.encode(None))
    return folder / "a.mkv"


def _sound(container, stream) -> None:
    """One second of silence."""
    for start in range(0, 16_000, 1024):
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 16_000, start, Fraction(1, 16_000)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def with_cover(film: bool) -> Callable[[Path], Path]:
    """Sound with a cover picture that shows a person, and a film with it or not."""

    def make(folder: Path) -> Path:
        name = folder / ("film.mp4" if film else "song.m4a")
        cover = cv2.imencode(".jpg", np.ascontiguousarray(np.tile(scene()[0], (4, 4, 1))[..., ::-1]))[1].tobytes()
        with av.open(str(name), "w", format="mp4") as container:
            video = container.add_stream("libx264", rate=FPS) if film else None
            sound = container.add_stream("aac", rate=16_000)
            picture = container.add_stream("mjpeg", rate=1)
            picture.width, picture.height, picture.pix_fmt = 512, 512, "yuvj420p"
            picture.disposition = av.stream.Disposition.attached_pic
            if video is not None:
                video.width, video.height, video.pix_fmt = *SIZE, "yuv420p"
            container.start_encoding()
            packet = av.Packet(cover)
            packet.stream, packet.pts, packet.dts, packet.is_keyframe = picture, 0, 0, True
            container.mux(packet)
            if video is not None:
                for each in scene():
                    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(each), format="rgb24")
                    container.mux(video.encode(frame))
                container.mux(video.encode(None))
            _sound(container, sound)
        return name

    return make


def with_sound(folder: Path) -> Path:
    with av.open(str(folder / "a.mp4"), "w") as container:
        video, sound = container.add_stream("libx264", rate=FPS), container.add_stream("aac", rate=16_000)
        video.width, video.height, video.pix_fmt = *SIZE, "yuv420p"
        for each in scene():
            container.mux(video.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(each), format="rgb24")))
        container.mux(video.encode(None))
        _sound(container, sound)
    return folder / "a.mp4"


def subtitles(film: bool) -> Callable[[Path], Path]:
    """A subtitle track, and a film with it or not."""

    def make(folder: Path) -> Path:
        (folder / "a.srt").write_text("1\n00:00:00,000 --> 00:00:00,900\n<b>Who is this?</b>\n")
        sources = [av.open(str(folder / "a.srt"))]
        if film:
            sources.insert(0, av.open(str(encode(folder / "whole.mkv", frames=scene()))))
        with av.open(str(folder / "a.mkv"), "w") as new:
            streams = [new.add_stream_from_template(source.streams[0]) for source in sources]
            for source, stream in zip(sources, streams, strict=True):
                for packet in source.demux():
                    if packet.size:
                        packet.stream = stream
                        new.mux(packet)
        for source in sources:
            source.close()
        for name in ("a.srt", "whole.mkv"):
            (folder / name).unlink(missing_ok=True)
        return folder / "a.mkv"

    return make


def interlaced(stream) -> None:
    flags = av.codec.context.Flags
    stream.codec_context.flags |= flags.interlaced_dct | flags.interlaced_me


def high_dynamic_range(stream) -> None:
    """BT.2020 and the PQ curve: what a telephone's HDR film says of itself."""
    stream.codec_context.color_primaries, stream.codec_context.color_trc, stream.codec_context.colorspace = 9, 16, 9


def full_range(stream) -> None:
    stream.codec_context.color_range = 2


def pixel_shape(shape: Fraction, degrees: int = 0) -> Callable:
    def set_up(stream) -> None:
        stream.codec_context.sample_aspect_ratio = shape
        if degrees:
            stream.set_display_rotation(degrees)

    return set_up


def turned(degrees: int) -> Callable:
    return lambda stream: stream.set_display_rotation(degrees)


def cut(name: str, tenth: int, **settings) -> Callable[[Path], Path]:
    """The first tenths of a file of 20 frames, each of which stands alone."""

    def make(folder: Path) -> Path:
        whole = encode(folder / name, frames=scene(20), g="1", **settings)
        data = whole.read_bytes()
        whole.write_bytes(data[: len(data) * tenth // 10])
        return whole

    return make


def holed(name: str, first: float, last: float, **settings) -> Callable[[Path], Path]:
    """Zeros from one share of a file to another."""

    def make(folder: Path) -> Path:
        path = encode(folder / name, frames=scene(20), g="1", **settings)
        data = bytearray(path.read_bytes())
        start, end = round(first * len(data)), round(last * len(data))
        data[start:end] = bytes(end - start)
        path.write_bytes(data)
        return path

    return make


class _Harm:
    """Unpickled, it would write a file beside it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def harmful_pickle(folder: Path) -> Path:
    (folder / "a.mp4").write_bytes(pickle.dumps(_Harm(folder / "executed")))
    return folder / "a.mp4"


def unreadable(folder: Path) -> Path:
    path = copied("locked.mp4")(folder)
    path.chmod(0)
    return path


def bomb(folder: Path) -> Path:
    """A GIF of a few bytes whose one picture would fill the memory: 16,000 × 16,000."""
    head = b"GIF89a" + struct.pack("<HHBBB", 16_000, 16_000, 0x80, 0, 0) + bytes([0, 0, 0, 255, 255, 255])
    image = b"," + struct.pack("<HHHHB", 0, 0, 16_000, 16_000, 0) + bytes([2, 2, 0x4C, 0x01, 0])
    (folder / "bomb.gif").write_bytes(head + image + b";")
    return folder / "bomb.gif"


def bad_input(name: str) -> Callable[[Path], Path]:
    """One of the files that are no video, alone in its folder (but for what it would have opened)."""

    def make(folder: Path) -> Path:
        with tempfile.TemporaryDirectory() as elsewhere:
            bad_inputs(Path(elsewhere))
            needed = {"dangling.mp4": [], "missing.mp4": [], "list.m3u8": ["secret.ts"], "concat.mp4": ["secret.ts"]}
            for each in [*needed.get(name, []), name]:
                place = Path(elsewhere, each)
                if place.is_symlink():
                    (folder / each).symlink_to(folder / os.path.basename(os.readlink(place)))
                elif place.exists():
                    shutil.move(place, folder / each)
        return folder / name

    return make
