"""Where a video is looked at: windows that tile it, frames spread over them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spotterlib.faces import FRAMES, WINDOW, window_rows
from spotterlib.faces.windows import coverage_of, plan_windows, with_between

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


def test_every_shot_longer_than_a_second_has_windows_of_its_own():
    times = np.arange(600) / 25
    cuts = [75, 150, 160, 185, 500]  # the third shot has 0.4 s, the fourth 1 s
    plans = plan_windows(times, 5, cuts)
    spans = [(int(plan[0]), int(plan[-1])) for plan in plans]
    assert spans[:2] == [(0, 74), (75, 149)] and (150, 159) not in spans and (160, 184) not in spans
    assert spans[-1] == (500, 599) and len(plans) == 2 + 2 + 1  # 12.6 s are two windows
    assert [len(plan) for plan in plans] == [12, 12, 24, 24, 16]
    for plan in plans:
        assert not any(plan[0] < cut <= plan[-1] for cut in cuts)


def test_however_many_shots_there_are_each_is_looked_at():
    times = np.arange(25 * 600) / 25
    cuts = np.arange(50, len(times), 50)  # three hundred shots of 2 s
    plans = plan_windows(times, cuts=cuts)
    assert len(plans) == 300 and {len(plan) for plan in plans} == {8}
    few = plan_windows(np.arange(50) / 25, 1, [10, 30, 40])
    assert [(plan[0], plan[-1]) for plan in few] == [(10, 29)], "of shots that are all short the longest is looked at"
    whole = plan_windows(np.arange(24) / 12, cuts=[14])
    assert [len(plan) for plan in whole] == [14, 10], "a short video is looked at in as many frames as without a cut"


def test_a_span_is_all_that_is_looked_at():
    times = np.arange(600) / 25
    (plan,) = plan_windows(times, span=(3.0, 5.96))
    assert (plan[0], plan[-1], len(plan)) == (75, 149, 24)
    assert [p[0] for p in plan_windows(times, cuts=[100], span=(3.0, 6.0))] == [75, 100]
    assert plan_windows(times, span=(30.0, 40.0)) == []


def bursts(film: float, pause: float, count: int) -> np.ndarray:
    """Times of a camera that films `film` s at 25 fps, `count` times, with a pause after each."""
    steps = np.tile(np.r_[np.full(int(25 * film) - 1, 0.04), pause], count)
    return np.r_[0, np.cumsum(steps)[:-1]]


@pytest.mark.parametrize(("film", "pause", "count"), [(0.48, 2.5, 100), (0.48, 2.5, 240), (1, 11, 150)])
def test_of_many_bursts_none_is_left_out(film, pause, count):
    times = bursts(film, pause, count)
    grids = plan_windows(times)
    assert len(grids) == 60 and coverage_of(times, grids) == 1.0
    of_burst = [set((grid // int(25 * film)).tolist()) for grid in grids]
    assert set.union(*of_burst) == set(range(count)) and max(map(len, of_burst)) <= -(-count // 60) + 2


def test_the_gaps_of_a_shot_are_those_of_the_video():
    """Two bursts are a shot, and one gap is not enough for bursts of its own."""
    times = bursts(1, 4, 40)
    grids = plan_windows(times, cuts=np.arange(50, 1000, 50))
    assert len(grids) == 40 and all(np.ptp(times[grid]) < 1 for grid in grids)
    part = plan_windows(times, span=(0, 9.9))
    assert [grid.tolist() for grid in part] == [grid.tolist() for grid in plan_windows(times)[:2]]
