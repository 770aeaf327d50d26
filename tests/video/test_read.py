"""Videos are read as a player shows them, the same every time; what is none is refused by name."""

from __future__ import annotations

import contextlib
import os
from fractions import Fraction

import av
import numpy as np
import pytest
from makers.video_files import FPS, bad_inputs, damaged_copy, encode, number_of, picture

from spotterlib.base import SpotterError, VideoError
from spotterlib.video import iterate_frames, probe_video, read_frames, sample_frames, write_video


def sampled(path, plan):
    """What sample_frames hands over, pass by pass, and the times."""
    passes = []

    def begin(groups):
        passes.append({})
        return lambda index, time, frame: passes[-1].__setitem__(index, (time, frame))

    return passes, sample_frames(path, plan, begin)


# --- what is read ----------------------------------------------------------------------------------------------------


def test_a_probe_says_what_the_frames_are(plain):
    info = probe_video(plain)
    assert (info.width, info.height, info.frames, info.codec, info.has_audio) == (64, 48, 24, "h264", False)
    assert info.fps == pytest.approx(FPS)
    assert info.duration == pytest.approx(2.0)
    assert info.path == str(plain)


def test_frames_come_in_order_with_their_times(plain):
    indices, times, frames = zip(*iterate_frames(plain), strict=True)
    assert indices == tuple(range(24))
    assert times == pytest.approx(np.arange(24) / FPS, abs=1e-4)
    assert [number_of(f) for f in frames] == pytest.approx(range(24), abs=0.5)
    assert all(f.dtype == np.uint8 and f.shape == (48, 64, 3) for f in frames)


def test_chosen_frames_are_the_same_as_iterated_ones(plain):
    found = read_frames(plain, [5, 0, 23, 5, 99, -1])
    assert sorted(found) == [0, 5, 23]
    for index, _, frame in iterate_frames(plain):
        if index in found:
            assert np.array_equal(found[index], frame)
    assert read_frames(plain, []) == {}


def test_a_healthy_video_is_decoded_once(plain):
    passes, times = sampled(plain, lambda times: [np.array([3]), np.arange(len(times))[-2:]])
    assert len(passes) == 1
    assert sorted(passes[0]) == [3, 22, 23]
    assert len(times) == 24


CONTAINERS = [
    ("a.mp4", "libx264", {}),
    ("a.mov", "libx264", {"bf": "3"}),
    ("a.mkv", "libx265", {"x265-params": "log-level=none"}),
    ("a.webm", "libvpx-vp9", {}),
    ("a.avi", "mpeg4", {"bf": "2"}),
    ("b.avi", "libx264", {}),
    ("a.mpg", "mpeg2video", {"bf": "2"}),
    ("a.ts", "libx264", {}),
    ("a.h264", "libx264", {}),
    ("a.gif", "gif", {}),
    ("one-without-ending", "ffv1", {}),
]


@pytest.mark.parametrize(("name", "codec", "options"), CONTAINERS)
def test_every_container_gives_all_frames_at_their_times(tmp_path, name, codec, options):
    form = {"one-without-ending": "matroska"}.get(name)
    pix = "rgb8" if codec == "gif" else "yuv420p"
    rate = 25 if name.endswith((".mpg", ".h264")) else FPS  # a bare stream has no clock: 25 is assumed
    encode(tmp_path / name, codec, fmt=form, pix=pix, rate=rate, **options)
    passes, times = sampled(tmp_path / name, lambda times: [np.arange(len(times))])
    numbers = [number_of(frame) for _, frame in passes[-1].values()]
    assert len(times) == 24
    assert numbers == pytest.approx(range(24), abs=6 if codec == "gif" else 1.0)
    assert times[0] == 0
    # an AVI's clock counts packets, which B-frames displace by one
    assert np.abs(times - np.arange(24) / rate).max() <= 1.01 / rate
    assert (np.diff(times) > 0).all()
    info = probe_video(tmp_path / name)
    assert (info.width, info.height) == (64, 48)
    assert info.frames == 24


def test_the_real_clips_are_read_in_one_pass(grid_clips):
    passes, times = sampled(grid_clips[0], lambda times: [np.arange(0, len(times), 25)])
    assert len(passes) == 1
    assert times == pytest.approx(np.arange(75) / 25, abs=1e-3)
    info = probe_video(grid_clips[0])
    assert (info.width, info.height, info.fps, info.has_audio) == (360, 288, pytest.approx(25), True)


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_rotation_is_applied_as_a_player_does(tmp_path, degrees):
    encode(tmp_path / "a.mp4", count=2, set_up=lambda stream: stream.set_display_rotation(degrees))
    frame = read_frames(tmp_path / "a.mp4", [1])[1]
    expected = np.rot90(picture(1), degrees // 90)  # both counter-clockwise
    assert frame.shape == expected.shape
    assert np.abs(frame.astype(int) - expected).mean() < 6
    info = probe_video(tmp_path / "a.mp4")
    assert (info.height, info.width) == frame.shape[:2]


def test_pixels_that_are_not_square_are_shown_square(tmp_path):
    def wide(stream):
        stream.codec_context.sample_aspect_ratio = Fraction(2, 1)

    encode(tmp_path / "a.mp4", count=2, set_up=wide)
    assert read_frames(tmp_path / "a.mp4", [0])[0].shape == (48, 128, 3)
    assert probe_video(tmp_path / "a.mp4").width == 128

    def turned(stream):
        wide(stream)
        stream.set_display_rotation(90)

    encode(tmp_path / "b.mp4", count=2, set_up=turned)
    assert read_frames(tmp_path / "b.mp4", [0])[0].shape == (128, 48, 3)


@pytest.mark.parametrize("colorspace", [1, 5])  # ITU-R BT.709 and 601
@pytest.mark.parametrize("full_range", [1, 2])
def test_colours_are_those_the_file_means(tmp_path, colorspace, full_range):
    colour = np.array([30, 200, 60])
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt, stream.options = 64, 48, "yuv420p", {"crf": "4"}
        stream.codec_context.colorspace, stream.codec_context.color_range = colorspace, full_range
        frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), colour, np.uint8), format="rgb24")
        frame = frame.reformat(format="yuv420p", dst_colorspace=colorspace, dst_color_range=full_range)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert np.abs(read_frames(tmp_path / "a.mp4", [0])[0].mean((0, 1)) - colour).max() < 5


def test_odd_sizes_are_read_whole(tmp_path):
    encode(tmp_path / "a.mkv", "ffv1", count=2, size=(63, 47), pix="yuv444p")
    assert read_frames(tmp_path / "a.mkv", [1])[1].shape == (47, 63, 3)


def test_a_stream_that_changes_its_size_gives_each_frame_in_its_own(tmp_path):
    parts = [encode(tmp_path / f"{w}.h264", count=6, size=(w, h)) for w, h in [(64, 48), (128, 96)]]
    (tmp_path / "a.h264").write_bytes(b"".join(p.read_bytes() for p in parts))
    frames = [frame for _, _, frame in iterate_frames(tmp_path / "a.h264")]
    assert [f.shape for f in frames] == [(48, 64, 3)] * 6 + [(96, 128, 3)] * 6
    assert number_of(frames[-1]) == pytest.approx(5, abs=1)


def test_a_clock_that_is_set_back_goes_on(tmp_path):
    part = encode(tmp_path / "part.ts", count=24).read_bytes()
    (tmp_path / "a.ts").write_bytes(part + part)
    times = np.array([time for _, time, _ in iterate_frames(tmp_path / "a.ts")])
    assert len(times) >= 46
    assert (np.diff(times) > 0).all()
    assert times[-1] == pytest.approx(47 / FPS, abs=0.3)


def test_the_largest_picture_track_is_read(tmp_path):
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        streams = []
        for size in [(32, 24), (64, 48)]:
            stream = container.add_stream("libx264", rate=FPS)
            stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
            streams.append((stream, size))
        for number in range(6):
            for stream, size in streams:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(number, *size), format="rgb24")))
        for stream, _ in streams:
            container.mux(stream.encode(None))
    assert probe_video(tmp_path / "a.mkv").width == 64
    assert len(list(iterate_frames(tmp_path / "a.mkv"))) == 6


# --- damage ----------------------------------------------------------------------------------------------------------


def test_what_decodes_is_planned_anew_when_less_does_than_was_announced(tmp_path):
    encode(tmp_path / "all-intra.mkv", g="1")
    path = damaged_copy(tmp_path / "all-intra.mkv", tmp_path / "b.mkv", lambda number: number < 6 or number >= 18)
    passes, times = sampled(path, lambda times: [np.array([0, len(times) - 1])])
    assert len(times) == 12
    assert len(passes) == 2
    assert sorted(passes[1]) == [0, 11]
    assert number_of(passes[1][11][1]) == pytest.approx(23, abs=0.5)
    assert passes[1][11][0] == times[11] == pytest.approx(23 / FPS, abs=2e-3)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.avi", "a.webm"])
def test_a_file_cut_anywhere_gives_its_beginning_or_one_error(tmp_path, name):
    codec = "libvpx-vp9" if name.endswith("webm") else "libx264"
    movflags = {"movflags": "faststart"} if name == "a.mp4" else {}
    whole = encode(tmp_path / name, codec, set_up=lambda stream: movflags).read_bytes()
    counts = []
    for tenth in range(1, 10):
        cut = tmp_path / f"{tenth}-{name}"
        cut.write_bytes(whole[: len(whole) * tenth // 10])
        try:
            numbers = [number_of(frame) for _, _, frame in iterate_frames(cut)]
        except VideoError as error:
            assert str(cut) in str(error)
            counts.append(0)
        else:
            counts.append(len(numbers))
    assert counts == sorted(counts) or name == "a.mp4"
    if name in ("a.mkv", "a.ts"):
        assert counts[-1] >= 18


def test_flipped_bits_never_bring_more_than_a_video_error(tmp_path, plain):
    whole = np.frombuffer(plain.read_bytes(), np.uint8)
    rng = np.random.default_rng(0)
    outcomes = []
    for trial in range(60):
        data = whole.copy()
        data[rng.integers(0, len(data), 1 + trial % 12)] ^= rng.integers(1, 256, 1 + trial % 12, dtype=np.uint8)
        path = tmp_path / "flipped.mp4"
        path.write_bytes(data.tobytes())
        try:
            info = probe_video(path)
            times = [time for _, time, frame in iterate_frames(path) if frame.shape == (info.height, info.width, 3)]
        except VideoError:
            outcomes.append(0)
        else:
            assert np.isfinite(times).all()
            assert (np.diff(times) > 0).all()
            outcomes.append(len(times))
    assert max(outcomes) >= 20


def test_damage_is_read_alike_every_time(tmp_path):
    encode(tmp_path / "a.ts", count=40, size=(160, 120), g="10")
    data = bytearray((tmp_path / "a.ts").read_bytes())
    data[len(data) // 2 : len(data) // 2 + 900] = bytes(900)
    (tmp_path / "a.ts").write_bytes(data)
    runs = [[(time, frame) for _, time, frame in iterate_frames(tmp_path / "a.ts")] for _ in range(3)]
    assert len(runs[0]) > 20
    for run in runs[1:]:
        assert [time for time, _ in run] == [time for time, _ in runs[0]]
        assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(run, runs[0], strict=True))


def test_damage_is_mended_as_one_thread_mends_it(tmp_path):
    # several threads mend a frame from whatever its neighbours are by then: once in a hundred times another picture
    encode(tmp_path / "a.ts", count=20, size=(160, 120), g="1")
    data = bytearray((tmp_path / "a.ts").read_bytes())
    data[len(data) * 4 // 10 : len(data) * 6 // 10] = bytes(len(data) * 6 // 10 - len(data) * 4 // 10)
    (tmp_path / "a.ts").write_bytes(data)
    expected = []
    with av.open(str(tmp_path / "a.ts")) as container:
        container.streams.video[0].thread_type = "NONE"
        for packet in container.demux(video=0):
            with contextlib.suppress(av.FFmpegError):
                expected += [frame.to_ndarray(format="rgb24") for frame in packet.decode()]
    assert 10 < len(expected) < 20
    passes, times = sampled(tmp_path / "a.ts", lambda times: [np.arange(len(times))])
    assert len(times) == len(expected)
    assert len(passes) > 1, "the damage was met"
    everything = read_frames(tmp_path / "a.ts", range(len(expected)))
    for index, _, frame in iterate_frames(tmp_path / "a.ts"):
        for found in (frame, passes[-1][index][1], everything[index]):
            assert np.array_equal(found, expected[index])


def test_ffmpeg_never_calls_back_into_python():
    # PyAV's log callback takes the GIL in decoder threads: reading damaged H.264 hung for ever with it
    assert av.logging.get_level() is None


# --- what is no video ------------------------------------------------------------------------------------------------


def test_what_is_no_video_is_refused_by_name_with_a_remedy(tmp_path):
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else None
    for name, word in bad_inputs(tmp_path).items():
        for read in (probe_video, lambda path: next(iterate_frames(path)), lambda path: read_frames(path, [0])):
            with pytest.raises(VideoError) as caught:
                read(tmp_path / name)
            assert isinstance(caught.value, SpotterError)
            assert name in str(caught.value)
            assert word in str(caught.value), str(caught.value)
    if before is not None:
        assert len(os.listdir("/proc/self/fd")) <= before + 1


NAMES = [
    "two words.mp4", "new\nline.mp4", "-dash.mp4", "a:b.mp4", "concat:a|b.mp4", "x%03d.mp4", "ünï€—.mp4", "a?b#c&d.mp4",
    "[a]*.mp4", "no ending", "x" * 246 + ".mp4",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_only_a_name(tmp_path, plain, monkeypatch, name):
    (tmp_path / name).write_bytes(plain.read_bytes())
    assert probe_video(tmp_path / name).frames == 24
    monkeypatch.chdir(tmp_path)
    assert len(list(iterate_frames(name))) == 24
    again = write_video(tmp_path / "out" / name, [picture(0)], FPS)
    assert [p.name for p in (tmp_path / "out").iterdir()] == [name]
    assert probe_video(again).frames == 1


def test_a_name_that_is_no_utf8_is_read(tmp_path, plain):
    path = os.path.join(os.fsencode(tmp_path), b"caf\xe9.mp4")
    try:
        with open(path, "wb") as file:
            file.write(plain.read_bytes())
    except OSError:
        pytest.skip("this disk takes only names in UTF-8")
    assert len(list(iterate_frames(os.fsdecode(path)))) == 24


def test_pixels_that_a_player_widens_count_as_wide(tmp_path):
    path = tmp_path / "wide.y4m"
    path.write_bytes(b"YUV4MPEG2 W8000 H4000 F25:1 A4:1 C420\nFRAME\n")
    os.truncate(path, 8000 * 4000 * 2)  # 8000 × 4000 px are few enough, four times as many are not
    with pytest.raises(VideoError, match=r"wide\.y4m announces pictures of 8000 × 4000 px"):
        probe_video(path)
