"""What is written plays in browsers, keeps its times and sound, and never harms the old file."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
from makers.video_files import FPS, number_of, picture

from spotterlib.base import VideoError
from spotterlib.video import iterate_frames, probe_video, transcode_frames, write_video


@pytest.mark.parametrize("size", [(64, 48), (63, 47), (64, 47), (2, 2), (1, 1)])
def test_what_is_written_is_h264_for_browsers(tmp_path, size):
    width, height = size
    path = write_video(tmp_path / "a.mp4", [np.full((height, width, 3), 90, np.uint8)] * 5, 10)
    with av.open(str(path)) as container:
        codec = container.streams.video[0].codec_context
        assert (codec.name, codec.pix_fmt) == ("h264", "yuv420p")
        assert (codec.width, codec.height) == (width + width % 2, height + height % 2)
        frame = next(container.decode(video=0))
        assert (frame.colorspace, frame.color_range) == (5, 1)
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # fast start


def test_written_frames_come_back(tmp_path):
    path = write_video(tmp_path / "a.mp4", [picture(n, 63, 47) for n in range(6)], 10, crf=5)
    for index, time, frame in iterate_frames(path):
        assert time == pytest.approx(index / 10, abs=1e-4)
        assert np.abs(frame[:47, :63].astype(int) - picture(index, 63, 47)).mean() < 4


def test_a_varying_frame_rate_is_kept(tmp_path):
    moments = np.array([0, 0.04, 0.05, 0.5, 0.51, 3.0, 9.25])
    path = write_video(tmp_path / "a.mp4", [picture(n) for n in range(7)], 25, times=moments)
    assert [time for _, time, _ in iterate_frames(path)] == pytest.approx(moments, abs=2e-5)
    assert probe_video(path).fps == pytest.approx(6 / 9.25)


def test_odd_rates_are_written(tmp_path):
    for fps in (240, 30000 / 1001, 0.25, 0.01):
        path = write_video(tmp_path / "a.mp4", [picture(0), picture(9)], fps)
        assert probe_video(path).fps == pytest.approx(fps, rel=1e-4)


def test_a_failed_write_leaves_the_old_file(tmp_path):
    old = write_video(tmp_path / "a.mp4", [picture(0)], 10).read_bytes()

    def breaking():
        yield picture(1)
        raise KeyError("a fault of the caller")

    with pytest.raises(KeyError):
        write_video(tmp_path / "a.mp4", breaking(), 10)
    with pytest.raises(VideoError, match="no frame"):
        write_video(tmp_path / "a.mp4", [], 10)
    with pytest.raises(ValueError, match="argument"):
        write_video(tmp_path / "a.mp4", [picture(0), picture(1)], 10, times=[0.0])
    assert (tmp_path / "a.mp4").read_bytes() == old
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(VideoError, match=r"folder\.mp4 could not be written"):
        write_video(tmp_path / "folder.mp4", [picture(0)], 10)
    (tmp_path / "file").write_text("x")
    with pytest.raises(VideoError, match=r"a\.mp4 could not be written"):
        write_video(tmp_path / "file" / "a.mp4", [picture(0)], 10)


def clicks(path, rate):
    """Times in s at which a click is heard, the first picture being 0."""
    with av.open(str(path)) as container:
        start = container.streams.video[0].start_time * container.streams.video[0].time_base
        resampler = av.AudioResampler(format="flt", layout="mono", rate=rate)
        sound, begins = [], None
        for frame in container.decode(audio=0):
            begins = float(frame.time - start) if begins is None else begins
            sound += [piece.to_ndarray()[0] for piece in resampler.resample(frame)]
    loud = np.flatnonzero(np.abs(np.concatenate(sound)) > 0.4) / rate
    return loud[np.insert(np.diff(loud) > 0.1, 0, True)] + begins


@pytest.mark.parametrize(("rate", "late"), [(16_000, 0.0), (44_100, 0.5), (48_000, -0.25), (96_000, 0.0), (8_000, 0.0)])
def test_sound_stays_with_the_pictures(tmp_path, rate, late):
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        sound = container.add_stream("pcm_s16le", rate=rate)
        sound.layout = "mono"
        for number in range(24):
            frame = av.VideoFrame.from_ndarray(picture(number), format="rgb24")
            frame.pts, frame.time_base = number + FPS, Fraction(1, FPS)  # the pictures begin at 1 s
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        samples = np.zeros((1, 2 * rate), np.int16)
        samples[0, rate : rate + rate // 50] = 30_000 * (-1) ** np.arange(rate // 50)  # a click 1 s into the sound
        samples[0, rate : rate + rate // 50] = 30_000 * np.sin(np.arange(rate // 50) * 2 * np.pi * 1000 / rate)
        for start in range(0, 2 * rate, 1000):
            piece = av.AudioFrame.from_ndarray(samples[:, start : start + 1000], format="s16", layout="mono")
            piece.sample_rate, piece.pts, piece.time_base = rate, start + round((1 + late) * rate), Fraction(1, rate)
            container.mux(sound.encode(piece))
        container.mux(sound.encode(None))
    assert clicks(tmp_path / "a.mkv", 48_000) == pytest.approx([1 + late], abs=0.01)
    frames = [frame for _, _, frame in iterate_frames(tmp_path / "a.mkv")]
    path = write_video(tmp_path / "b.mp4", frames, FPS, audio_from=tmp_path / "a.mkv")
    with av.open(str(path)) as container:
        assert container.streams.audio[0].codec_context.name == "aac"
    assert clicks(path, 48_000) == pytest.approx([1 + late], abs=0.045)


def test_a_source_without_sound_gives_none(tmp_path, plain):
    path = write_video(tmp_path / "a.mp4", [picture(0)], FPS, audio_from=plain)
    assert not probe_video(path).has_audio


def test_transcoding_keeps_count_size_and_picture():
    frames = np.stack([picture(n) for n in range(7)])
    for crf, least, most in [(0, 0.0, 3.0), (45, 1.0, 30.0)]:
        back = transcode_frames(frames, crf=crf)
        assert (back.shape, back.dtype) == (frames.shape, np.uint8)
        assert least <= np.abs(back.astype(int) - frames).mean() <= most
        assert [number_of(f) for f in back] == pytest.approx(range(7), abs=2)
