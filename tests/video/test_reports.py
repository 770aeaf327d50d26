"""Videos that users of like tools stumbled over: what a file says of a frame holds for that frame, and no other."""

from __future__ import annotations

import errno
import gc
import itertools
import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import psutil
import pytest
from makers.video_files import HELD, encode, held, number_of, picture

from spotterlib.base import VideoError
from spotterlib.video import (
    VIDEO_ENDINGS,
    VIDEO_SUFFIXES,
    iterate_frames,
    presence,
    probe_video,
    read_frames,
    sample_frames,
    write_video,
)
from spotterlib.video.formats import FORMAT_OF, FORMATS


def joined(path: Path, *parts: Path) -> Path:
    """Transport streams, one after the other in one file."""
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


def in_pixels_of(shape: int):
    def set_up(stream) -> None:
        stream.codec_context.sample_aspect_ratio = Fraction(shape)

    return set_up


def told(source: Path, target: Path, filters: str) -> Path:
    """A video whose bitstream is told something by one of FFmpeg's filters, the pictures as they are."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        stream = old.streams.video[0]
        copy = new.add_stream_from_template(stream)
        change = av.bitstream.BitStreamFilterContext(filters, stream, copy)
        for packet in [*(packet for packet in old.demux(stream) if packet.size), None]:
            for each in change.filter(packet):
                each.stream = copy
                new.mux(each)
    return target


# --- a picture that changes midway -----------------------------------------------------------------------------------


def test_every_frame_has_its_own_size(tmp_path):
    small = encode(tmp_path / "small.ts", count=6, size=(64, 48))
    large = encode(tmp_path / "large.ts", count=12, size=(96, 160))
    path = joined(tmp_path / "a.ts", small, large)
    frames = [frame for _, _, frame in iterate_frames(path)]
    assert [frame.shape for frame in frames] == [(48, 64, 3)] * 6 + [(160, 96, 3)] * 12
    times = np.array([time for _, time, _ in iterate_frames(path)])
    assert np.diff(times) == pytest.approx(np.full(17, 1 / 12), abs=2e-3), "its clock was set back by half a second"
    for number, frame in enumerate(frames[6:]):
        assert np.abs(frame.astype(int) - picture(number, 96, 160)).mean() < 4
    assert {index: frame.shape for index, frame in read_frames(path, [2, 9]).items()} == {
        2: (48, 64, 3),
        9: (160, 96, 3),
    }


def test_every_frame_has_its_own_pixel_shape(tmp_path):
    parts = [encode(tmp_path / f"{k}.ts", count=6, set_up=in_pixels_of(k)) for k in (1, 2)]
    shapes = [frame.shape for _, _, frame in iterate_frames(joined(tmp_path / "a.ts", *parts))]
    assert shapes == [(48, 64, 3)] * 6 + [(48, 128, 3)] * 6


def test_every_frame_has_its_own_turn(tmp_path):
    plain = encode(tmp_path / "plain.ts", count=6)
    turned = told(plain, tmp_path / "turned.ts", "h264_metadata=display_orientation=insert:rotate=90")
    for parts, size in (((turned, plain), (48, 64)), ((plain, turned), (64, 48))):
        path = joined(tmp_path / "a.ts", *parts)
        frames = [frame for _, _, frame in iterate_frames(path)]
        both = [(64, 48, 3)] * 6, [(48, 64, 3)] * 6
        assert [frame.shape for frame in frames] == [*both[parts[0] is plain], *both[parts[0] is turned]]
        info = probe_video(path)
        assert (info.width, info.height) == size


FLIPS = {  # FFmpeg's words, and what a player shows: turned to the left after it was mirrored
    "": lambda frame: frame,
    "rotate=90": np.rot90,
    "rotate=180": lambda frame: frame[::-1, ::-1],
    "rotate=270": lambda frame: np.rot90(frame, 3),
    "flip=horizontal": lambda frame: frame[:, ::-1],
    "flip=vertical": lambda frame: frame[::-1],
    "rotate=90:flip=horizontal": lambda frame: np.rot90(frame[:, ::-1]),
}


def test_a_turn_or_a_mirror_that_comes_midway_is_followed_whatever_it_was_before(tmp_path):
    """Also where FFmpeg's angle of both is the same (a mirror has that of a plain picture)."""
    plain, held = encode(tmp_path / "plain.ts", count=6), {}
    for number, how in enumerate(FLIPS):
        filters = f"h264_metadata=display_orientation=insert:{how}"
        held[how] = told(plain, tmp_path / f"{number}.ts", filters) if how else plain
    for first, second in itertools.permutations(FLIPS, 2):
        path = joined(tmp_path / "a.ts", held[first], held[second])
        frames = [frame for _, _, frame in iterate_frames(path)]
        assert len(frames) == 12
        for number, frame in enumerate(frames):
            wanted = FLIPS[first if number < 6 else second](picture(number % 6))
            assert frame.shape == wanted.shape, (first, second, number)
            assert np.abs(frame.astype(int) - wanted).mean() < 6, (first, second, number)


def test_what_a_frame_says_of_itself_keeps_neither_it_nor_its_decoder(tmp_path):
    """A frame and its side data once held each other until Python collected both: a decoder's threads piled up, and a
    thousand scans took 300 MB more."""
    path = encode(tmp_path / "a.mp4", count=6)
    list(iterate_frames(path))
    gc.collect()
    gc.disable()
    try:
        before = psutil.Process().num_threads()
        for _ in range(8):
            list(iterate_frames(path))
        assert psutil.Process().num_threads() <= before + 1
    finally:
        gc.enable()


def test_sound_stays_with_its_pictures_where_the_clock_jumps(tmp_path):
    """Two seconds, and two more a hundred later: the second sound was once laid right behind the first."""
    parts = []
    for number, start in enumerate((0, 100)):
        parts.append(tmp_path / f"{number}.ts")
        with av.open(str(parts[-1]), "w", format="mpegts") as container:
            video, sound = container.add_stream("libx264", rate=12), container.add_stream("aac", rate=48000)
            video.width, video.height, video.pix_fmt, sound.layout = 64, 48, "yuv420p", "mono"
            video.options = {"bf": "0"}  # else the first part alone is moved, for its first picture to be decoded at 0
            for k in range(24):
                frame = av.VideoFrame.from_ndarray(picture(k), format="rgb24")
                frame.pts, frame.time_base = round((start + k / 12) * 1000), Fraction(1, 1000)
                container.mux(video.encode(frame))
            for k in range(94):
                wave = np.sin(np.arange(1024) * 0.06)[None].astype(np.float32)
                piece = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
                piece.sample_rate, piece.pts, piece.time_base = 48000, start * 48000 + 1024 * k, Fraction(1, 48000)
                container.mux(sound.encode(piece))
            for stream in (video, sound):
                container.mux(stream.encode(None))
    path = joined(tmp_path / "a.ts", *parts)
    shown = list(iterate_frames(path))
    made = write_video(
        tmp_path / "b.mp4", (frame for *_, frame in shown), 12, times=[time for _, time, _ in shown], audio_from=path
    )
    with av.open(str(made)) as container:
        heard = np.array([float(frame.pts * frame.time_base) for frame in container.decode(audio=0)])
    gap = int(np.diff(heard).argmax())
    assert heard[gap] == pytest.approx(2, abs=0.1) and heard[gap + 1] == pytest.approx(100, abs=0.1)
    assert heard[-1] == pytest.approx(102, abs=0.1) and shown[-1][1] == pytest.approx(101.9, abs=0.1)


def test_written_frames_of_another_size_are_fitted_and_not_stretched(tmp_path):
    large, tall = np.full((48, 64, 3), 200, np.uint8), np.full((96, 48, 3), 200, np.uint8)
    path = write_video(tmp_path / "a.mp4", [large, tall, large[:24, :32]], 12)
    _, second, third = (frame for _, _, frame in iterate_frames(path))
    assert second.shape == (48, 64, 3)
    assert (second[:, 22:42] > 190).all()
    assert (second[:, :18] < 10).all() and (second[:, 46:] < 10).all()
    assert (third > 190).all()


# --- all eight orientations ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("matrix", HELD, ids=str)
def test_the_container_turns_and_mirrors(tmp_path, matrix):
    path = held(tmp_path / "a.mp4", matrix)
    wanted = HELD[matrix](picture(1))
    frame = read_frames(path, [1])[1]
    assert frame.shape == wanted.shape
    assert np.abs(frame.astype(int) - wanted).mean() < 4
    assert (probe_video(path).height, probe_video(path).width) == wanted.shape[:2]


@pytest.mark.parametrize(
    ("filters", "change"),
    [
        ("rotate=90", np.rot90),
        ("rotate=180", lambda frame: frame[::-1, ::-1]),
        ("rotate=270", lambda frame: np.rot90(frame, 3)),
        ("flip=horizontal", lambda frame: frame[:, ::-1]),
        ("flip=vertical", lambda frame: frame[::-1]),
        # mirrored first, then turned to the left
        ("rotate=90:flip=horizontal", lambda frame: np.rot90(frame[:, ::-1])),
        ("rotate=90:flip=vertical", lambda frame: np.rot90(frame[::-1])),
    ],
)
def test_the_bitstream_turns_and_mirrors(tmp_path, filters, change):
    plain = encode(tmp_path / "plain.ts", count=4)
    path = told(plain, tmp_path / "a.ts", f"h264_metadata=display_orientation=insert:{filters}")
    frames = [frame for _, _, frame in iterate_frames(path)]
    assert len(frames) == 4
    for number, frame in enumerate(frames):
        wanted = change(picture(number))
        assert frame.shape == wanted.shape
        assert np.abs(frame.astype(int) - wanted).mean() < 4
        assert number_of(frame) == pytest.approx(number, abs=0.5)


# --- the colours of video that does not name them --------------------------------------------------------------------

BT601, BT709 = 5, 1
SKIN = np.array([198, 142, 116])


def coloured(path: Path, size: tuple[int, int], matrix: int, tagged: bool) -> Path:
    """Two frames of skin, coded by a matrix, which the file names or not."""
    skin = np.tile(SKIN.astype(np.uint8), (size[1], size[0], 1))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=12)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.options = {"crf": "4", "preset": "ultrafast"}
        if tagged:
            stream.codec_context.colorspace = matrix
        for _ in range(2):
            frame = av.VideoFrame.from_ndarray(skin, format="rgb24")
            frame = frame.reformat(format="yuv420p", dst_colorspace=matrix)
            frame.colorspace = matrix if tagged else 2
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("size", "matrix"),
    [
        ((640, 480), BT601), ((1024, 576), BT601), ((1278, 718), BT601),
        ((960, 720), BT709), ((1280, 544), BT709), ((1280, 720), BT709), ((720, 1280), BT709),
    ],
)  # fmt: skip
def test_untagged_video_is_read_as_players_read_it(tmp_path, size, matrix):
    frame = read_frames(coloured(tmp_path / "a.mp4", size, matrix, tagged=False), [0])[0]
    assert np.abs(frame.astype(int) - SKIN).max() <= 2


@pytest.mark.parametrize("size", [(640, 480), (1280, 720)])
@pytest.mark.parametrize("matrix", [BT601, BT709])
def test_tagged_video_is_read_as_it_says(tmp_path, size, matrix):
    frame = read_frames(coloured(tmp_path / "a.mp4", size, matrix, tagged=True), [0])[0]
    assert np.abs(frame.astype(int) - SKIN).max() <= 2


def test_pictures_that_are_no_yuv_keep_their_colours(tmp_path):
    skin = np.tile(SKIN.astype(np.uint8), (1, 720, 1280, 1))
    frame = read_frames(encode(tmp_path / "a.mkv", "ffv1", frames=skin, pix="bgr0"), [0])[0]
    assert np.abs(frame.astype(int) - SKIN).max() <= 1


# --- every ending ----------------------------------------------------------------------------------------------------

MADE = {  # by the format that an ending stands for: how such a file is made
    "mov": ("libx264", {"fmt": "mov"}),
    "matroska": ("libx264", {"fmt": "matroska"}),
    "avi": ("mpeg4", {"fmt": "avi"}),
    "mpeg": ("mpeg2video", {"fmt": "vob", "rate": 25}),
    "mpegvideo": ("mpeg2video", {"fmt": "mpeg2video", "rate": 25}),
    "mpegts": ("libx264", {"fmt": "mpegts"}),
    "asf": ("wmv2", {"fmt": "asf"}),
    "flv": ("libx264", {"fmt": "flv"}),
    "ogg": ("libvpx", {"fmt": "ogg", "deadline": "realtime"}),
    "mxf": ("mpeg2video", {"fmt": "mxf", "rate": 25}),
    "rm": ("rv20", {"fmt": "rm", "size": (176, 144)}),
    "dv": ("dvvideo", {"fmt": "dv", "size": (720, 576), "rate": 25}),
    "mjpeg": ("mjpeg", {"fmt": "mjpeg", "pix": "yuvj420p", "rate": 25}),
    "h264": ("libx264", {"fmt": "h264"}),
    "hevc": ("libx265", {"fmt": "hevc", "x265-params": "log-level=none"}),
    "obu": ("libsvtav1", {"fmt": "obu", "preset": "12", "size": (64, 64)}),
    "ivf": ("libvpx", {"fmt": "ivf", "deadline": "realtime"}),
    "yuv4mpegpipe": ("rawvideo", {"fmt": "yuv4mpegpipe"}),
    "nut": ("mpeg4", {"fmt": "nut"}),
    "wtv": ("mpeg2video", {"fmt": "wtv", "rate": 25}),
    "gif": ("gif", {"pix": "rgb8"}),
}


def test_every_ending_stands_for_a_format_that_is_opened():
    opened = set(FORMATS.split(","))
    for ending, name in FORMAT_OF.items():
        assert name in opened, ending
    left_out = ".asf .3g2 .f4v .h264 .divx .qt .dv .mjpeg .ogm .mod .tod"
    assert set(left_out.split()) <= VIDEO_ENDINGS
    assert {".gif"} == VIDEO_SUFFIXES - VIDEO_ENDINGS


@pytest.mark.parametrize("ending", sorted(FORMAT_OF))
def test_a_file_of_every_ending_is_opened(tmp_path, ending, monkeypatch):
    monkeypatch.setenv("SVT_LOG", "1")
    codec, how = MADE[FORMAT_OF[ending]]
    path = encode(tmp_path / f"a{ending}", codec, count=4, **how)
    assert len(list(iterate_frames(path))) >= 3


# --- a file that changes or goes away --------------------------------------------------------------------------------


def sampled(path: Path, meanwhile) -> np.ndarray:
    """All frames of a video taken by `sample_frames`, while something happens after its packets were counted."""

    def plan(times: np.ndarray) -> list[np.ndarray]:
        meanwhile()
        return [np.arange(len(times))]

    return sample_frames(path, plan, lambda _: lambda *_: None)


@pytest.mark.parametrize("name", ["a.mkv", "a.ts"])
def test_a_video_that_is_still_being_written_is_not_judged(tmp_path, name):
    path = encode(tmp_path / name, count=40, g="1")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(VideoError, match="still being written") as told:
        sampled(path, lambda: path.write_bytes(whole))
    assert str(path) in str(told.value)
    assert len(sampled(path, lambda: None)) == 40


def test_a_video_that_is_cut_while_it_is_read_is_not_judged(tmp_path):
    path = encode(tmp_path / "a.ts", count=40, g="1")
    with pytest.raises(VideoError, match="changed while it was read"):
        sampled(path, lambda: os.truncate(path, path.stat().st_size // 2))


def test_an_mp4_without_its_index_says_what_is_missing(tmp_path):
    path = encode(tmp_path / "a.mp4", count=20)
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"moov") - 4])
    with pytest.raises(VideoError, match="an MP4 gets its index last"):
        probe_video(path)


def test_a_share_that_goes_away_is_not_the_end_of_the_video(tmp_path):
    path = encode(tmp_path / "a.ts", count=40)
    with pytest.raises(VideoError, match="share still there") as told:
        sampled(path, path.unlink)
    assert str(path) in str(told.value)


@pytest.mark.parametrize("code", [errno.EIO, errno.ESTALE])
def test_a_disk_that_fails_midway_is_not_the_end_of_the_video(tmp_path, monkeypatch, code):
    """FFmpeg takes an error of the disk for the end of the file; what it left unread is read again, and fails again."""
    path = encode(tmp_path / "a.ts", count=40, g="1")
    size = path.stat().st_size
    os.truncate(path, size // 2)  # where FFmpeg stops

    def failing(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(presence, "open", failing, raising=False)
    with pytest.raises(VideoError, match=os.strerror(code)):
        probe_video(path)


def test_pictures_go_as_soon_as_they_were_seen(tmp_path):
    """What a frame says of itself must not keep it: a minute of 4K would fill the memory."""
    large = np.full((1, 1080, 1920, 3), 90, np.uint8)
    path = encode(tmp_path / "a.mkv", "mjpeg", frames=np.repeat(large, 60, axis=0), pix="yuvj420p")
    for _ in iterate_frames(path):
        break
    before = psutil.Process().memory_info().rss
    most = max(psutil.Process().memory_info().rss for _ in iterate_frames(path))
    assert (most - before) / 2**20 < 80, "60 pictures of 3 MB, and 6 MB as RGB"
