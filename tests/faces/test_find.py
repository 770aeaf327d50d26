"""The faces of a video are found where they are and followed as themselves, through any length, in bounded memory."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from makers.face_clips import detections, moving, portrait, stage, write_clip
from makers.video_files import damaged_copy, encode

from spotterlib.faces import Detections, crop_face, detect, find, find_faces
from spotterlib.faces.crops import crop_wide, small_scene
from spotterlib.video import iterate_frames, read_frames, write_video


def test_surroundings_are_found_with_the_faces(found, clips):
    faces = find_faces(clips / "face.mp4", between=1, wide=True)
    clip, plain = faces.clips[0], found.clips[0]
    assert clip.wide.shape == (len(clip.times), 336, 336, 3)
    assert np.array_equal(clip.frames, plain.frames) and plain.wide is None
    assert np.array_equal(clip[3:5].wide, clip.wide[3:5])
    pictures = {round(time, 6): picture for _, time, picture in iterate_frames(clips / "face.mp4")}
    for picture, time, box in zip(clip.wide, clip.times, clip.boxes, strict=True):
        assert np.array_equal(picture, crop_wide(pictures[round(time, 6)], box))


def test_one_person_is_one_track_of_square_smooth_boxes(found):
    (track,), (clip,) = found.tracks, found.clips
    assert (len(track.frames), track.valid.sum(), track.id) == (24, 24, 0)
    assert (track.frames.dtype, track.times.dtype) == (np.int64, np.float64)
    assert (track.boxes.dtype, track.confidences.dtype) == (np.float32, np.float32)
    assert track.boxes[:, 2] - track.boxes[:, 0] == pytest.approx(track.boxes[:, 3] - track.boxes[:, 1], abs=1e-3)
    centres = (track.boxes[:, :2] + track.boxes[:, 2:]) / 2
    assert np.abs(np.diff(centres, axis=0)).max() < 6
    _, marks = portrait("p01")
    assert np.abs(centres - (marks[:3].mean(0) + 8)).max() < 20
    assert found.windows == ((0.0, pytest.approx(29 / 12)),)
    assert found.coverage == 1.0
    assert len(found.times) == 30
    assert clip.valid.all()


def test_the_whole_picture_of_every_grid_frame_is_kept_small(found, clips):
    track = found.tracks[0]
    assert sorted(found.scenes) == track.frames.tolist()
    frames = read_frames(clips / "face.mp4", track.frames)
    for index, code in found.scenes.items():
        shown = cv2.imdecode(np.frombuffer(code, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
        assert shown.shape == frames[index].shape and np.abs(shown.astype(int) - frames[index]).mean() < 4
    wide = small_scene(np.zeros((720, 1280, 3), np.uint8))
    assert cv2.imdecode(np.frombuffer(wide, np.uint8), cv2.IMREAD_COLOR).shape == (270, 480, 3)


def test_a_clip_has_the_crop_of_its_box_in_every_frame(found, clips):
    (track,), (clip,) = found.tracks, found.clips
    assert clip.frames.shape == (30, 224, 224, 3)
    pictures = {round(time, 6): frame for _, time, frame in iterate_frames(clips / "face.mp4")}
    for crop, time, box in zip(clip.frames, clip.times, clip.boxes, strict=True):
        assert np.array_equal(crop, crop_face(pictures[round(time, 6)], box))
    on_grid = np.isin(clip.times, track.times)
    assert np.array_equal(clip.boxes[on_grid], track.boxes)
    inside = clip.crop_landmarks()
    assert (inside > 40).all() and (inside < 190).all()
    some = clip[np.array([3, 4])]
    assert some.frames.shape == (2, 224, 224, 3)
    assert np.array_equal(some.landmarks, clip.landmarks[3:5])


def test_frames_between_change_nothing_on_the_grid(found, clips):
    plain = find_faces(clips / "face.mp4")
    for name in ("frames", "times", "boxes", "landmarks", "confidences", "windows"):
        assert np.array_equal(getattr(plain.tracks[0], name), getattr(found.tracks[0], name))
    on_grid = np.isin(found.clips[0].times, plain.clips[0].times)
    assert np.array_equal(plain.clips[0].frames, found.clips[0].frames[on_grid])


def test_two_people_are_two_tracks(clips):
    shares = []
    both = find_faces(clips / "two.mp4", progress=shares.append)
    assert shares == pytest.approx(np.arange(1, 13) / 12), "told after every frame looked at"
    assert [int(track.valid.sum()) for track in both.tracks] == [12, 12]
    assert [track.id for track in both.tracks] == [0, 1]
    middles = sorted(float(np.mean(track.boxes[:, [0, 2]])) for track in both.tracks)
    assert middles[0] < 160 < middles[1]
    sums = [float(track.confidences.sum()) for track in both.tracks]
    assert sums == sorted(sums, reverse=True)


@pytest.fixture
def one_shot(monkeypatch):
    """Whoever appears at once on a still stage, or a picture that leaps, is no cut here."""
    monkeypatch.setattr(find.ShotCuts, "take", lambda *_: False)


def test_who_comes_in_late_is_missing_before(clips):
    late = find_faces(clips / "late.mp4")
    (track,), (clip,) = late.tracks, late.clips
    assert track.valid.tolist() == [False] * 14 + [True] * 10
    assert np.isnan(track.boxes[:14]).all() and np.isnan(track.landmarks[:14]).all()
    assert np.array_equal(clip.valid, track.valid)
    assert (clip.frames[:14] == 0).all()
    assert clip.frames[14:].mean() > 30


@pytest.mark.parametrize("name", ["face", "two", "late"])
def test_looking_for_small_faces_now_and_then_changes_no_box(clips, monkeypatch, one_shot, name):
    """The oracle: every frame looked at wholly."""
    got = find_faces(clips / f"{name}.mp4")
    monkeypatch.setattr(find, "WHOLE_LOOK", 1)
    asked = []
    plain = detect.detect
    monkeypatch.setattr(detect, "detect", lambda *given: asked.append(given[3:]) or plain(*given))
    whole = find_faces(clips / f"{name}.mp4")
    assert asked == [()] * len(whole.tracks[0].frames)
    assert len(got.tracks) == len(whole.tracks) >= 1
    for one, other in zip(got.tracks, whole.tracks, strict=True):
        assert np.array_equal(one.valid, other.valid)
        for ours, wholly in ((one.boxes, other.boxes), (one.landmarks, other.landmarks)):
            assert ours == pytest.approx(wholly, abs=0.01, nan_ok=True)


def test_a_small_face_beside_a_large_one_is_seen_at_the_next_whole_look(tmp_path):
    times = np.arange(24) / 12
    large, small = moving("p01", times, 300), moving("p02", times, 80)
    places = np.full((24, 2), np.nan)
    places[5:] = (330, 150)
    clip = stage((480, 320), 24, (large, np.full((24, 2), 10.0)), (small, places))
    main, late = find_faces(write_clip(tmp_path / "a.mp4", clip)).tracks
    assert main.valid.all()
    side = [float(np.nanmedian(track.boxes[:, 2] - track.boxes[:, 0])) for track in (main, late)]
    assert side[1] < side[0] / 2, "else it would be seen at once"
    assert not late.valid[:5].any() and late.valid[[8, 12, 16, 20]].all()


def test_where_a_face_is_missing_the_frame_is_looked_at_wholly(tmp_path):
    times = np.arange(24) / 12
    large, small = moving("p01", times, 300), moving("p02", times, 80)
    here, there = np.full((24, 2), 10.0), np.full((24, 2), np.nan)
    here[6:], there[6:] = np.nan, (330, 150)
    clip = stage((480, 320), 24, (large, here), (small, there))
    main, other = sorted(
        find_faces(write_clip(tmp_path / "a.mp4", clip)).tracks, key=lambda track: track.valid.argmax()
    )
    assert main.valid.tolist() == [True] * 6 + [False] * 18
    assert other.valid.tolist() == [False] * 6 + [True] * 18


def test_nobody_is_nobody(clips):
    nobody = find_faces(clips / "empty.mp4")
    assert (nobody.tracks, nobody.clips) == ((), ())
    assert nobody.windows == ((0.0, pytest.approx(23 / 12)),)


def fake_detector(monkeypatch, where):
    """Detection without MTCNN: `where(frame)` gives the boxes in a frame."""
    seen = []

    def found_in(frame, size, device, steps=0):
        seen.append(device)
        return detections(*where(frame))

    monkeypatch.setattr(detect, "detect", found_in)
    return seen


def dark(frame):
    """A box round the dark square of a stage, none where there is none."""
    rows, columns = np.nonzero(frame[..., 0] < 40)
    return [[columns.min(), rows.min(), columns.max() + 1.0, rows.max() + 1.0]] if len(rows) > 100 else []


def square_clip(path, count, fps, times=None):
    """A dark square that drifts to the right, by 2 px a frame at most, over a light stage."""

    def frames():
        for k in range(count):
            frame = np.full((64, 160, 3), 200, np.uint8)
            x = 10 + int(min(2, 100 / count) * k)
            frame[20:44, x : x + 24] = 10
            yield frame

    return write_video(path, frames(), fps, times=times)


@pytest.mark.parametrize("count", [1, 2, 5, 8, 23, 24, 25])
def test_every_length_is_followed_whole(tmp_path, monkeypatch, count):
    fake_detector(monkeypatch, dark)
    got = find_faces(square_clip(tmp_path / "a.mp4", count, 25))
    (track,), (clip,) = got.tracks, got.clips
    assert track.valid.sum() == len(track.frames) == len(clip.frames) == min(count, 24)
    assert len(got.times) == count
    middle = (track.boxes[:, 0] + track.boxes[:, 2]) / 2
    assert middle == pytest.approx(22 + 2 * track.frames, abs=1.5)


def test_a_long_video_is_followed_through_its_windows(tmp_path, monkeypatch):
    seen = fake_detector(monkeypatch, dark)
    shares = []
    got = find_faces(square_clip(tmp_path / "a.mp4", 300, 8), progress=shares.append)
    (track,) = got.tracks
    assert len(seen) == 4 * 24
    assert shares == pytest.approx(np.arange(1, 97) / 96)
    assert track.windows.tolist() == sorted([0, 1, 2, 3] * 24)
    assert track.valid.all()
    assert len(got.windows) == 4
    assert got.coverage == 1.0
    assert track.at(got.times)[2].all()


def test_a_sampled_video_says_how_much_was_seen(tmp_path, monkeypatch):
    fake_detector(monkeypatch, dark)
    got = find_faces(square_clip(tmp_path / "a.mp4", 300, 5), max_windows=2)  # 60 s
    assert got.coverage == pytest.approx(24 / 60)
    assert len(got.windows) == 2
    assert len(got.tracks) == 1  # the same face after the gap
    assert not got.tracks[0].at(np.array([30.0]))[2].any()


def test_a_still_of_a_minute_loses_nothing_after_it(tmp_path, monkeypatch):
    fake_detector(monkeypatch, dark)
    times = np.concatenate([np.arange(30) / 10, 63 + np.arange(30) / 10])
    got = find_faces(square_clip(tmp_path / "a.mp4", 60, 10, times=times))
    assert len(got.windows) == 2
    assert [int(track.valid.sum()) for track in got.tracks] == [48], "the same face after the gap"


def test_three_seconds_between_frames_do_not_make_strangers(tmp_path, monkeypatch):
    fake_detector(monkeypatch, dark)
    got = find_faces(square_clip(tmp_path / "a.mp4", 12, 1 / 3, times=np.arange(12) * 3.0))
    assert [int(track.valid.sum()) for track in got.tracks] == [12]


def test_slips_of_the_detector_are_left_out(tmp_path, monkeypatch):
    at = iter(range(1000))

    def where(frame):
        return dark(frame) + ([[100.0, 0, 120, 20]] if next(at) in (3, 4) else [])

    fake_detector(monkeypatch, where)
    assert len(find_faces(square_clip(tmp_path / "a.mp4", 24, 25)).tracks) == 1


def test_pictures_are_let_go_after_each_window(tmp_path, monkeypatch):
    fake_detector(monkeypatch, dark)
    most = []
    taken = find._Finder.take

    def take(finder, index, time, picture):
        taken(finder, index, time, picture)
        most.append(len(finder.held))

    monkeypatch.setattr(find._Finder, "take", take)
    find_faces(square_clip(tmp_path / "a.mp4", 300, 8))
    assert max(most) == 23
    assert most[-1] == 0


def test_a_second_pass_starts_over(tmp_path, monkeypatch, one_shot):
    encode(tmp_path / "a.mkv", count=48, size=(160, 64), g="1")
    path = damaged_copy(tmp_path / "a.mkv", tmp_path / "b.mkv", lambda number: number < 9 or number >= 15)
    fake_detector(monkeypatch, lambda frame: [[20.0, 10, 60, 50]])
    got = find_faces(path, between=1)
    assert len(got.times) == 42
    assert got.info.frames == 48
    (track,), (clip,) = got.tracks, got.clips
    assert track.valid.sum() == 24
    assert (track.frames[0], track.frames[-1]) == (0, 41)
    assert np.array_equal(clip.times[np.isin(clip.times, track.times)], got.times[track.frames])


def test_the_real_clips_have_one_face_throughout(grid_clips):
    got = find_faces(grid_clips[0])
    assert [int(track.valid.sum()) for track in got.tracks] == [24]
    assert got.tracks[0].confidences.min() > 0.99


def test_motion_of_a_person_is_followed(tmp_path):
    pictures = moving("p03", np.arange(12) / 12, height=120)
    places = np.stack([np.linspace(5, 150, 12), np.full(12, 10)], axis=1)
    path = write_clip(tmp_path / "a.mp4", stage((280, 144), 12, (pictures, places)))
    (track,) = find_faces(path).tracks
    assert track.valid.sum() >= 11
    middle = ((track.boxes[:, 0] + track.boxes[:, 2]) / 2)[track.valid]
    assert np.polyfit(track.frames[track.valid], middle, 1)[0] == pytest.approx(145 / 11, rel=0.1)


def test_after_each_window_what_was_freed_is_handed_back(monkeypatch):
    face = Detections(
        np.array([[90, 40, 130, 90]], np.float32),
        np.array([[[100, 55], [120, 55], [110, 65], [102, 78], [118, 78]]], np.float32),
        np.ones(1, np.float32),
    )
    handed_back, done = [], []
    monkeypatch.setattr(detect, "detect", lambda *_: face)
    monkeypatch.setattr(detect, "detect_again", lambda *_: face)
    monkeypatch.setattr(find, "give_back", lambda: handed_back.append([len(finder.held), len(done)]))
    grids = [np.arange(24) + 24 * k for k in range(3)]
    finder = find._Finder("long.mp4", grids, grids, np.zeros(0, int), "cpu", done.append, False)
    for index in range(3 * 24):
        finder.take(index, index / 2, np.full((180, 320, 3), index, np.uint8))
    assert handed_back == [[0, 24], [0, 48], [0, 72]], "once a window, when its pictures are let go"
    ((clip,),) = finder.tracks_and_clips(np.arange(3 * 24) / 2)[1:]
    assert clip.frames.shape[0] == 3 * 24 and clip.valid.all() and not any(finder.crops), "no crop is kept twice"


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux, which tells the most memory taken")
def test_the_crops_of_a_long_video_are_never_there_twice(monkeypatch):
    def memory(which: str) -> int:  # MB
        return int(Path("/proc/self/status").read_text().partition(f"{which}:")[2].split()[0]) // 1024

    fake_detector(monkeypatch, lambda frame: [[90.0, 40, 130, 90]])
    monkeypatch.setattr(detect, "detect_again", detect.detect)
    grids = [np.arange(24) + 24 * k for k in range(40)]
    finder = find._Finder("long.mp4", grids, grids, np.zeros(0, int), "cpu", None, False)
    for index in range(40 * 24):
        finder.take(index, index / 2, np.full((180, 320, 3), index % 256, np.uint8))
    before = memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    _, (clip,) = finder.tracks_and_clips(np.arange(40 * 24) / 2)
    assert clip.frames.nbytes > 140_000_000 and memory("VmHWM") - before < 60
