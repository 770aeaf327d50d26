"""Faces found in frame after frame are joined to the right people, and smoothed."""

from __future__ import annotations

import numpy as np
import pytest
from makers.face_clips import detections

from spotterlib.faces.tracking import Linker, smooth


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


def test_at_a_cut_every_track_ends():
    linker = Linker()
    here = detections(box_at(10))
    linker.add(0.0, here)
    linker.cut()
    linker.add(0.04, here)
    linker.add(0.08, here)
    assert [sorted(track) for track in linker.tracks] == [[0], [1, 2]]
