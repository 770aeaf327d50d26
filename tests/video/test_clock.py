"""What was filmed, and what only the clock counts: jumps, cameras that film in bursts, slides, calls that stall."""

from __future__ import annotations

import numpy as np
import pytest

from spotterlib.faces import duration_of
from spotterlib.video import filmed, gaps


def bursts(film: float, every: float, count: int, rate: float = 25) -> np.ndarray:
    """Frame times (V,) in s of a camera that films `film` s every `every` s."""
    return (np.arange(count)[:, None] * every + np.arange(round(film * rate)) / rate).ravel()


@pytest.mark.parametrize(
    ("film", "every", "rate"),
    [(1, 12, 25), (1, 12, 12), (1, 5, 25), (2, 5, 60), (10, 21, 25), (1, 13.5, 25), (1, 60, 25)],
)
def test_a_camera_that_films_in_bursts_is_as_long_as_what_it_filmed(film, every, rate):
    times = bursts(film, every, 150, rate)
    assert duration_of(times) == pytest.approx(150 * film)
    assert len(gaps(times)) == 149
    clock = filmed(times)
    assert np.diff(clock) == pytest.approx(np.full(len(times) - 1, 1 / rate)) and clock[0] == times[0]


LECTURE = np.concatenate([start + np.arange(5) / 25 for start in range(0, 200, 8)])  # a slide fades in, and stands


@pytest.mark.parametrize(
    "times",
    [
        np.arange(60) * 5.0,  # slides: a frame every few seconds
        np.cumsum(np.tile([3.0, 8.0, 2.5, 6.0], 20)),
        LECTURE,
        np.arange(300) / 0.2,
        bursts(10, 14, 20),  # a call that stalls for 4 s: most of it was filmed
        bursts(1, 12, 2),  # one lull is no habit
        np.append(np.arange(12) / 12, 9.0),  # a last frame that comes late
        np.arange(100) / 25,
    ],
)
def test_what_is_shown_between_two_frames_is_no_gap(times):
    assert not len(gaps(times)) and np.array_equal(filmed(times), times)
    assert duration_of(times) == pytest.approx((times[-1] - times[0]) * len(times) / (len(times) - 1))


def test_a_jump_is_a_gap_by_its_length_alone():
    part = np.arange(50) / 25
    times = np.concatenate([part, 3600 + part])
    assert gaps(times).tolist() == [49] and duration_of(times) == pytest.approx(4)
    assert not len(gaps(np.arange(10) * 30.0)), "a frame every half minute is how this video goes"
