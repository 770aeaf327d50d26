"""A track says what was seen, and interpolates only where something was."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spotterlib.faces import FaceTrack


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


def test_a_track_of_another_rank_is_the_same_track(found):
    assert np.array_equal(replace(found.tracks[0], id=4).valid, found.tracks[0].valid)
