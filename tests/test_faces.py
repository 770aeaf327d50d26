"""Faces are found where they are, followed as themselves, and cut by one policy."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import psutil
import pytest
import torch
from bounded import finished
from face_clips import moving, portrait, stage, write_clip
from hypothesis import given, settings
from hypothesis import strategies as st
from video_files import damaged_copy, encode

from spotterlib import _memory, _threads, faces
from spotterlib._tracking import Linker, smooth
from spotterlib._windows import with_between
from spotterlib.faces import (
    CROP,
    FRAMES,
    MARGIN,
    PADDING,
    WINDOW,
    Detections,
    FaceTrack,
    crop_box,
    crop_face,
    crop_landmarks,
    crop_wide,
    detect_faces,
    find_faces,
    plan_windows,
    window_rows,
)
from spotterlib.project import VideoError
from spotterlib.video import iterate_frames, read_frames, write_video


@pytest.fixture(scope="module")
def found(clips):
    """Faces of face.mp4, with one frame more in each gap of the grid."""
    return find_faces(clips / "face.mp4", between=1)


# --- where a video is looked at --------------------------------------------------------------------------------------

frame_times = st.one_of(
    st.builds(lambda n, fps: np.arange(n) / fps, st.integers(1, 4000), st.sampled_from([1, 5, 12, 25, 29.97, 240])),
    st.builds(
        lambda gaps: np.cumsum([0.0, *gaps]), st.lists(st.sampled_from([1e-4, 0.04, 0.5, 3.0, 40.0]), max_size=120)
    ),
)


@settings(max_examples=150, deadline=None)
@given(times=frame_times, most=st.integers(1, 80))
def test_windows_are_short_apart_and_spread_over_the_video(times, most):
    plans = plan_windows(times, most)
    assert 1 <= len(plans) <= most
    assert all(plan.dtype == np.int64 and 1 <= len(plan) <= FRAMES for plan in plans)
    joined = np.concatenate(plans)
    assert (np.diff(joined) > 0).all()  # rising, and no frame in two windows
    assert joined[0] == 0
    assert joined[-1] < len(times)
    for plan in plans:
        assert times[plan[-1]] - times[plan[0]] <= WINDOW + 1e-6
        whole = np.arange(plan[0], plan[-1] + 1)
        assert len(plan) == min(FRAMES, len(whole))
        if len(plan) == FRAMES:
            assert np.abs(plan - np.linspace(whole[0], whole[-1], FRAMES)).max() <= 0.5
    duration = times[-1] * len(times) / max(len(times) - 1, 1)
    if duration <= most * WINDOW:
        # they tile the video: between the end of one and the start of the next lies no frame
        assert joined[-1] == len(times) - 1
        assert all(b[0] == a[-1] + 1 for a, b in pairwise(plans))
        assert len(plans) <= int(np.ceil(duration / WINDOW - 1e-6)) or len(plans) == 1


@pytest.mark.parametrize("count", [1, 2, 5, 8, 23, 24, 25])
def test_a_short_video_is_one_window_of_all_its_frames(count):
    (plan,) = plan_windows(np.arange(count) / 25)
    assert len(plan) == min(count, FRAMES)
    assert (plan[0], plan[-1]) == (0, count - 1)


def test_windows_have_equal_length_and_a_long_video_is_sampled():
    fps = 25
    assert [len(plan_windows(np.arange(s * fps) / fps)) for s in (1, 12, 13, 24, 25, 600)] == [1, 1, 2, 2, 3, 50]
    first, second = plan_windows(np.arange(13 * fps) / fps)
    assert second[0] == pytest.approx(6.5 * fps, abs=1)
    assert first[-1] == second[0] - 1
    hour = plan_windows(np.arange(3600 * 5) / 5)
    assert len(hour) == 60
    assert (hour[0][0], hour[-1][-1]) == (0, 3600 * 5 - 1)


def test_a_long_still_does_not_stop_the_windows():
    times = np.concatenate([np.arange(100) / 25, 90 + np.arange(100) / 25])
    assert np.isin([0, 99, 100, 199], np.concatenate(plan_windows(times))).all()


@settings(max_examples=80, deadline=None)
@given(plan=st.lists(st.integers(0, 400), min_size=1, max_size=24, unique=True), between=st.integers(0, 4))
def test_frames_between_keep_the_grid_and_its_ends(plan, between):
    plan = np.array(sorted(plan))
    more = with_between(plan, between)
    assert np.isin(plan, more).all()
    assert (np.diff(more) > 0).all()
    assert (more[0], more[-1]) == (plan[0], plan[-1])
    assert len(more) <= len(plan) + between * (len(plan) - 1)


def test_window_rows_point_at_each_windows_frames():
    rows = window_rows(np.array([0] * 24 + [1] * 5))
    assert rows.shape == (2, 24)
    assert rows[0].tolist() == list(range(24))
    assert rows[1].tolist() == [24, 25, 26, 27, 28] + [-1] * 19
    assert window_rows(np.zeros(0, np.int64)).shape == (0, 24)


# --- crops -----------------------------------------------------------------------------------------------------------


def test_the_margin_is_forty_of_224():
    assert (CROP, MARGIN, FRAMES, WINDOW) == (224, 40, 24, 12.0)
    box = crop_box(np.array([10.0, 20.0, 110.0, 204.0]))
    assert (box[2:] - box[:2]) == pytest.approx([224, 224])  # 184 px of face, 40 px of margin
    assert (box[:2] + box[2:]) / 2 == pytest.approx([60, 112])
    many = crop_box(np.array([[0.0, 0, 92, 92], [0, 0, 92, 46]]))
    assert many[:, 2] - many[:, 0] == pytest.approx([112, 112])


def test_what_lies_outside_the_picture_is_the_padding_colour():
    frame = np.full((100, 100, 3), 200, np.uint8)
    crop = crop_face(frame, np.array([-50.0, 50, 50, 150]))
    assert crop.shape == (224, 224, 3)
    assert (crop[:110, 114:] == 200).all()
    assert (crop[:, :110] == PADDING).all()
    assert (crop[114:] == PADDING).all()
    for box in ([500, 500, 600, 600], [-600, -600, -500, -500], [-600, 20, -500, 120], [20, 400, 120, 500]):
        assert (crop_face(frame, np.array(box, float)) == PADDING).all()
    assert crop_face(frame, np.array([40.0, 40, 40, 40])).shape == (224, 224, 3)


def test_a_crop_shows_its_box():
    frame = np.zeros((300, 300, 3), np.uint8)
    frame[60:172, 40:152] = np.random.default_rng(0).integers(0, 256, (112, 112, 1))
    crop = crop_face(frame, np.array([40.0, 60, 152, 172]))
    assert np.array_equal(crop, cv2.resize(frame[60:172, 40:152], (224, 224), interpolation=cv2.INTER_LINEAR))
    same = crop_face(frame, np.array([0.0, 0, 224, 224]))
    assert np.array_equal(same, frame[:224, :224])


@settings(max_examples=60, deadline=None)
@given(st.floats(-120, 300, allow_nan=False), st.floats(-120, 300, allow_nan=False), st.floats(2, 420, allow_nan=False))
def test_a_wide_crop_is_the_crop_and_what_surrounds_it(x, y, side):
    """A picture whose colours are its places: any pixel of the wide crop says where it was cut from."""
    rows, columns = np.mgrid[0:300, 0:320].astype(np.float32)
    frame = np.stack([columns * 0.7, rows * 0.7, np.full_like(rows, 30)], axis=-1).astype(np.uint8)
    box = np.array([x, y, x + side, y + side])
    wide = crop_wide(frame, box)
    assert wide.shape == (336, 336, 3)
    assert np.array_equal(wide[56:280, 56:280], crop_face(frame, box))
    left, top, whole = round(x), round(y), max(2, round(side))
    steps = (np.arange(336) - 56 + 0.5) * whole / 224 - 0.5
    reach = 2 + whole / 224  # what is near the picture's edge is blended with the padding
    across, down = left + steps, top + steps
    inside = ((across > reach) & (across < 319 - reach))[None] & ((down > reach) & (down < 299 - reach))[:, None]
    outside = ((across < -reach) | (across > 319 + reach))[None] | ((down < -reach) | (down > 299 + reach))[:, None]
    close = 0.7 * (1 + 0.5 * whole / 224) + 1.5  # a third of a pixel of the crop, and rounding
    expected = np.stack(np.broadcast_arrays(across[None] * 0.7, down[:, None] * 0.7), axis=-1)
    assert np.abs(wide[..., :2] - expected)[inside].max(initial=0) <= close
    assert (np.abs(wide[outside].astype(int) - PADDING) <= 1).all()


def test_surroundings_are_found_with_the_faces(found, clips):
    faces = find_faces(clips / "face.mp4", between=1, wide=True)
    clip, plain = faces.clips[0], found.clips[0]
    assert clip.wide.shape == (len(clip.times), 336, 336, 3)
    assert np.array_equal(clip.frames, plain.frames) and plain.wide is None
    assert np.array_equal(clip[3:5].wide, clip.wide[3:5])
    pictures = {round(time, 6): picture for _, time, picture in iterate_frames(clips / "face.mp4")}
    for picture, time, box in zip(clip.wide, clip.times, clip.boxes, strict=True):
        assert np.array_equal(picture, crop_wide(pictures[round(time, 6)], box))


def test_landmarks_go_along_with_the_crop():
    box = np.array([[10.0, 20, 122, 132]])
    marks = np.array([[[10.0, 20], [122, 132], [66, 76], [10, 132], [94, 48]]])
    assert crop_landmarks(box, marks)[0] == pytest.approx(
        np.array([[0, 0], [224, 224], [112, 112], [0, 224], [168, 56]]), abs=1e-4
    )


# --- detection -------------------------------------------------------------------------------------------------------


def test_a_box_is_where_the_face_was_put():
    picture, marks = portrait("p01")
    frames = np.stack([stage((420, 300), 1, (picture[None], np.array([place])))[0] for place in [(5, 9), (250, 100)]])
    one, other = detect_faces(frames)
    assert len(one.boxes) == len(other.boxes) == 1
    assert other.boxes[0] - one.boxes[0] == pytest.approx([245, 91, 245, 91], abs=6)
    assert np.abs(one.landmarks[0] - (marks + np.array([5, 9]))).max() < 7
    assert np.abs(other.landmarks[0] - (marks + np.array([250, 100]))).max() < 7
    assert one.confidences[0] > 0.9
    # boxes are in px of the frame given, whatever size MTCNN saw
    large = cv2.resize(frames[1], None, fx=3, fy=3, interpolation=cv2.INTER_LINEAR)
    (found,) = detect_faces([large])
    assert found.boxes[0] / 3 == pytest.approx(other.boxes[0], abs=6)
    assert found.landmarks[0] / 3 == pytest.approx(other.landmarks[0], abs=4)


@pytest.mark.parametrize("size", [(1, 1), (23, 400), (400, 23), (24, 24), (24, 3000)])
def test_small_and_long_pictures_have_no_face(size):
    frames = np.random.default_rng(0).integers(0, 256, (2, *size, 3), np.uint8)
    assert [len(found.boxes) for found in detect_faces(frames)] == [0, 0]
    assert detect_faces(frames)[0].landmarks.shape == (0, 5, 2)


def test_what_is_found_is_the_same_on_any_number_of_cores(clips):
    """And torch is left as it was: for this thread, and for those that begin later."""
    frames = list(read_frames(clips / "face.mp4", range(0, 24, 8)).values())
    before = torch.get_num_threads()
    found = {}
    try:
        for cores in (1, 2, 3):
            torch.set_num_threads(cores)
            _threads._pool.cache_clear()
            found[cores] = detect_faces(frames)
            assert _threads.on_one_core(torch.get_num_threads).result() == 1
            assert torch.get_num_threads() == cores
            with ThreadPoolExecutor(1) as pool:
                assert pool.submit(torch.get_num_threads).result() == cores
    finally:
        torch.set_num_threads(before)
        _threads._pool.cache_clear()
    for cores in (2, 3):
        for one, other in zip(found[1], found[cores], strict=True):
            assert len(one.boxes) == 1
            assert np.array_equal(one.boxes, other.boxes) and np.array_equal(one.landmarks, other.landmarks)


class Stumbling:
    """An MTCNN that fails, as facenet-pytorch's does, on a picture with a given first pixel, unless it has a border."""

    def __init__(self, error, at=7, hopeless=False):
        self.error, self.at, self.hopeless = error, at, hopeless
        self.sizes = []

    def detect(self, pictures, landmarks):
        self.sizes.append(pictures.shape[:3])
        bad = pictures[:, 0, 0, 0] == self.at
        if bad.any() or self.hopeless:
            raise self.error
        boxes = np.array([[[30.0, 32, 50, 52, 0.99], [0, 0, 9, 9, 0.5]]] * len(pictures), dtype=object)
        return boxes[..., :4], boxes[..., 4], np.full((len(pictures), 2, 5, 2), 33.0).astype(object)


@pytest.mark.parametrize("error", [RuntimeError("torch.cat(): expected a non-empty list"), IndexError("mask [3] [2]")])
def test_mtcnn_tripping_over_one_picture_spares_the_others(monkeypatch, error):
    frames = np.zeros((3, 40, 40, 3), np.uint8)
    frames[1] = 7
    stumbling = Stumbling(error)
    monkeypatch.setattr(faces, "_detector", lambda device, steps: stumbling)
    found = detect_faces(frames)
    assert sorted(stumbling.sizes) == [(1, 40, 40)] * 3 + [(1, 80, 80)]
    assert [len(f.boxes) for f in found] == [1, 1, 1]
    assert found[0].boxes[0].tolist() == [30, 32, 50, 52]
    assert found[1].boxes[0].tolist() == [10, 12, 30, 32]  # without the border of 20 px
    assert found[1].landmarks[0, 0].tolist() == [13, 13]


def test_a_detector_that_fails_for_good_names_the_video(monkeypatch, clips):
    monkeypatch.setattr(faces, "_detector", lambda device, steps: Stumbling(RuntimeError("no memory"), hopeless=True))
    with pytest.raises(VideoError, match=r"empty\.mp4.*no memory"):
        find_faces(clips / "empty.mp4")


def test_boxes_that_are_no_boxes_are_left_out(monkeypatch):
    class Odd:
        def detect(self, pictures, landmarks):
            boxes = np.array([[[0, 0, np.nan, 9], [9, 9, 3, 3], [1, 1, 5, np.inf], [2, 2, 8, 8], [1, 1, 3, 3]]])
            return boxes, np.array([[0.99, 0.99, 0.99, 0.95, 0.97]]), np.zeros((1, 5, 5, 2))

    monkeypatch.setattr(faces, "_detector", lambda device, steps: Odd())
    (found,) = detect_faces(np.zeros((1, 40, 40, 3), np.uint8))
    assert found.boxes.tolist() == [[1, 1, 3, 3], [2, 2, 8, 8]]
    assert found.confidences.tolist() == pytest.approx([0.97, 0.95])


# --- tracks ----------------------------------------------------------------------------------------------------------


def detections(*boxes):
    boxes = np.array(boxes, np.float32).reshape(-1, 4)
    return Detections(boxes, np.zeros((len(boxes), 5, 2), np.float32), np.full(len(boxes), 0.95, np.float32))


def box_at(x, y=50.0, side=40.0):
    return [x, y, x + side, y + side]


def test_two_people_who_pass_stay_themselves():
    linker = Linker()
    for k in range(20):
        one, other = box_at(10 + 12 * k, 50), box_at(250 - 12 * k, 95)
        linker.add(k * 0.1, detections(*((one, other) if k % 2 else (other, one))))
    assert len(linker.tracks) == 2
    for track in linker.tracks:
        assert len(track) == 20
        assert len({float(s.box[1]) for s in track.values()}) == 1


def test_a_blink_of_the_detector_splits_nobody_and_a_long_absence_does():
    linker = Linker()
    for k in range(40):
        away = 5 <= k < 9 or 15 <= k < 38
        linker.add(k * 0.1, detections() if away else detections(box_at(10 + k)))
    assert [sorted(track) for track in linker.tracks] == [[*range(5), *range(9, 15)], [38, 39]]
    slow = Linker()
    for k in range(5):
        slow.add(k * 3.0, detections(box_at(10 + k)), patience=4.5)
    assert len(slow.tracks) == 1


def test_a_leap_across_the_picture_is_somebody_else():
    linker = Linker()
    for k in range(10):
        linker.add(k * 0.1, detections(box_at(10 if k < 5 else 400)))
    assert [sorted(track) for track in linker.tracks] == [list(range(5)), list(range(5, 10))]


def test_frames_a_few_ms_apart_give_no_speed():
    linker = Linker()
    for k, moment in enumerate([0.0, 0.04, 0.08, 0.5, 0.52, 1.0, 1.4, 1.41, 1.7, 2.3]):
        linker.add(moment, detections(box_at(50 + k % 2 * 3)))  # jitter of 3 px, 300 px/s over 10 ms
    assert len(linker.tracks) == 1
    assert len(linker.tracks[0]) == 10


def make_track(times, seen, windows=None):
    """A track whose box moves by 10 px a second."""
    times, seen = np.asarray(times, float), np.asarray(seen, bool)
    boxes = np.stack([times * 10, times * 10, times * 10 + 50, times * 10 + 50], axis=1).astype(np.float32)
    marks = np.repeat(boxes[:, None, :2], 5, axis=1)
    boxes[~seen], marks[~seen] = np.nan, np.nan
    windows = np.zeros(len(times), np.int64) if windows is None else np.asarray(windows)
    return FaceTrack(0, np.arange(len(times)), times, boxes, marks, seen.astype(np.float32), windows)


def test_between_two_sightings_a_box_is_interpolated():
    track = make_track([0, 1, 2, 3], [1, 1, 0, 1])
    boxes, marks, found = track.at(np.array([-0.6, -0.4, 0, 0.25, 1, 1.4, 1.6, 2, 2.4, 2.6, 3, 3.4, 3.6]))
    assert found.tolist() == [False, True, True, True, True, True, False, False, False, True, True, True, False]
    assert boxes[found, 0] == pytest.approx([0, 0, 2.5, 10, 10, 30, 30, 30])
    assert np.isnan(boxes[~found]).all()
    assert np.isnan(marks[~found]).all()
    assert marks[found][:, 3, 1] == pytest.approx([0, 0, 2.5, 10, 10, 30, 30, 30])


def test_a_gap_between_windows_is_not_bridged_and_touching_windows_are():
    sampled = make_track([0, 1, 2, 50, 51, 52], [1] * 6, [0, 0, 0, 1, 1, 1])
    assert sampled.at(np.array([1.5, 2.4, 2.6, 25, 49.4, 49.6, 50.5]))[2].tolist() == [1, 1, 0, 0, 0, 1, 1]
    tiled = make_track([0, 1, 2, 2.2, 3.2], [1] * 5, [0, 0, 0, 1, 1])
    boxes, _, found = tiled.at(np.array([2.1]))
    assert found.all()
    assert boxes[0, 0] == pytest.approx(21)


def test_uneven_steps_inside_a_window_are_bridged():
    boxes, _, found = make_track([0, 0.1, 0.2, 1.2], [1] * 4).at(np.array([0.7]))
    assert found.all()
    assert boxes[0, 0] == pytest.approx(7)


@settings(max_examples=100, deadline=None)
@given(
    steps=st.lists(st.floats(0.02, 2), min_size=1, max_size=25), data=st.data(),
    asked=st.lists(st.floats(-3, 60), min_size=1, max_size=20),
)  # fmt: skip
def test_a_track_says_what_it_saw_and_nothing_from_afar(steps, data, asked):
    times = np.cumsum(steps)
    seen = data.draw(st.lists(st.booleans(), min_size=len(times), max_size=len(times)))
    track = make_track(times, seen)
    boxes, _, found = track.at(times)
    assert found.tolist() == seen
    assert np.array_equal(boxes, track.boxes, equal_nan=True)
    boxes, marks, found = track.at(np.array(asked))
    assert (boxes.dtype, marks.dtype, found.dtype) == (np.float32, np.float32, bool)
    for time, box, points, there in zip(asked, boxes, marks, found, strict=True):
        expected = place_at(times, seen, time)
        assert there == (expected is not None)
        if there:
            assert box == pytest.approx([expected, expected, expected + 50, expected + 50], abs=1e-2)
            assert points == pytest.approx(np.full((5, 2), expected), abs=1e-2)
        else:
            assert np.isnan(box).all() and np.isnan(points).all()


def place_at(times, seen, time):
    """The rule of `FaceTrack.at` for one window, word by word: where the box of `make_track` is, or None."""
    half = max(np.median(np.diff(times)) if len(times) > 1 else 0, 1e-3) / 2 + 1e-6
    left = max((k for k in range(len(times)) if times[k] <= time), default=None)
    right = min((k for k in range(len(times)) if times[k] >= time), default=None)
    sides = [k for k in (left, right) if k is not None and seen[k]]
    if left is not None and right is not None and len(sides) == 2:
        return 10 * time
    near = [k for k in sides if abs(times[k] - time) <= half]
    return 10 * times[near[0]] if near else None


# --- whole videos ----------------------------------------------------------------------------------------------------


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
    assert shares == [1.0]
    assert [int(track.valid.sum()) for track in both.tracks] == [12, 12]
    assert [track.id for track in both.tracks] == [0, 1]
    middles = sorted(float(np.mean(track.boxes[:, [0, 2]])) for track in both.tracks)
    assert middles[0] < 160 < middles[1]
    sums = [float(track.confidences.sum()) for track in both.tracks]
    assert sums == sorted(sums, reverse=True)


def test_who_comes_in_late_is_missing_before(clips):
    late = find_faces(clips / "late.mp4")
    (track,), (clip,) = late.tracks, late.clips
    assert track.valid.tolist() == [False] * 14 + [True] * 10
    assert np.isnan(track.boxes[:14]).all() and np.isnan(track.landmarks[:14]).all()
    assert np.array_equal(clip.valid, track.valid)
    assert (clip.frames[:14] == 0).all()
    assert clip.frames[14:].mean() > 30


@pytest.mark.parametrize("name", ["face", "two", "late"])
def test_looking_for_small_faces_now_and_then_changes_no_box(clips, monkeypatch, name):
    """The oracle: every frame looked at wholly."""
    got = find_faces(clips / f"{name}.mp4")
    monkeypatch.setattr(faces, "_WHOLE_LOOK", 1)
    asked = []
    plain = faces._detect
    monkeypatch.setattr(faces, "_detect", lambda *given: asked.append(given[2:]) or plain(*given))
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

    def detect(frame, device, steps=0):
        seen.append(device)
        return detections(*where(frame))

    monkeypatch.setattr(faces, "_detect", detect)
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
    assert shares == pytest.approx([0.25, 0.5, 0.75, 1.0])
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
    assert len(got.tracks) == 2  # nobody knows who it was meanwhile
    assert not got.tracks[0].at(np.array([30.0]))[2].any()


@pytest.mark.parametrize("speed", [0.0, 80.0])
def test_smoothing_takes_jitter_and_leaves_motion(speed):
    rng = np.random.default_rng(0)
    for times in (np.arange(24) / 12, np.sort(rng.uniform(0, 2, 24)), np.arange(24) / 2):
        line = times * speed
        assert smooth(line, times) == pytest.approx(line, abs=1e-3 + 0.003 * speed)
        noise = rng.normal(0, 2, (200, len(times))).T
        left = smooth(line[:, None] + noise, times) - line[:, None]
        assert left.std() < (0.75 if times[-1] < 3 else 1.01) * noise.std()
    assert smooth(np.array([[5.0, 7.0]]), np.array([3.0])).tolist() == [[5.0, 7.0]]


def test_a_still_of_a_minute_loses_nothing_after_it(tmp_path, monkeypatch):
    fake_detector(monkeypatch, dark)
    times = np.concatenate([np.arange(30) / 10, 63 + np.arange(30) / 10])
    got = find_faces(square_clip(tmp_path / "a.mp4", 60, 10, times=times))
    assert len(got.windows) == 2
    assert sum(int(track.valid.sum()) for track in got.tracks) == 48
    assert [len(track.frames) for track in got.tracks] == [48, 48]


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
    taken = faces._Finder.take

    def take(finder, index, time, picture):
        taken(finder, index, time, picture)
        most.append(len(finder.held))

    monkeypatch.setattr(faces._Finder, "take", take)
    find_faces(square_clip(tmp_path / "a.mp4", 300, 8))
    assert max(most) == 23
    assert most[-1] == 0


def test_a_second_pass_starts_over(tmp_path, monkeypatch):
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


def test_facenet_is_imported_only_when_a_face_is_looked_for():
    code = "import sys, spotterlib.faces; print('facenet_pytorch' in sys.modules)"
    assert finished([sys.executable, "-c", code]).stdout == "False\n"


def test_a_track_of_another_rank_is_the_same_track(found):
    assert np.array_equal(replace(found.tracks[0], id=4).valid, found.tracks[0].valid)


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
    monkeypatch.setattr(faces, "_detect", lambda *_: face)
    monkeypatch.setattr(faces, "_detect_again", lambda *_: face)
    monkeypatch.setattr(faces, "give_back", lambda: handed_back.append([len(finder.held), len(done)]))
    grids = [np.arange(24) + 24 * k for k in range(3)]
    finder = faces._Finder("long.mp4", grids, grids, "cpu", done.append, False)
    for index in range(3 * 24):
        finder.take(index, index / 2, np.full((180, 320, 3), index, np.uint8))
    assert handed_back == [[0, 0], [0, 1], [0, 2]], "once a window, when its pictures are let go"
    ((clip,),) = finder.tracks_and_clips(np.arange(3 * 24) / 2)[1:]
    assert clip.frames.shape[0] == 3 * 24 and clip.valid.all() and not any(finder.crops), "no crop is kept twice"


def test_freed_memory_goes_back_to_the_system():
    if _memory._trim() is None:
        pytest.skip("only glibc is asked to")
    kept, before = [], psutil.Process().memory_info().rss
    for _ in range(40_000):  # 200 MB in pieces too small for pages of their own, and a small one on top that stays
        kept.append(bytearray(5000))
    top, kept = bytearray(5000), None
    _memory.give_back()
    assert psutil.Process().memory_info().rss - before < 60e6 and top is not None
