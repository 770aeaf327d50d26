"""Damage to frames and to videos: how much, what stays as it was, and that detection sees it too."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from makers.video_files import encode, number_of

from spotterlib.base import DataError, VideoError
from spotterlib.faces import find_faces
from spotterlib.video import (
    PERTURBATIONS,
    Perturbation,
    choose_perturbations,
    damage,
    iterate_frames,
    perturb_frames,
    perturb_video,
    probe_video,
)

named = pytest.mark.parametrize("how", PERTURBATIONS, ids=lambda how: f"{how.kind} {how.strength:.2g}")


def scene(count: int = 8, size: tuple[int, int] = (64, 48), seed: int = 0) -> np.ndarray:
    """A textured picture that drifts: uint8 RGB (count, H, W, 3)."""
    wide, high = size
    texture = np.random.default_rng(seed).integers(40, 200, (high + 16, wide + 16, 3), dtype=np.uint8)
    texture = damage.blur(texture, 5.0)
    return np.stack([texture[k % 8 : k % 8 + high, k % 8 : k % 8 + wide] for k in range(count)])


def loss(one: np.ndarray, other: np.ndarray) -> float:
    """Mean squared difference in grey levels."""
    return float(((one.astype(float) - other) ** 2).mean())


def seen(path) -> tuple[list[float], np.ndarray]:
    found = list(iterate_frames(path))
    return [time for _, time, _ in found], np.stack([frame for _, _, frame in found])


# --- frames ----------------------------------------------------------------------------------------------------------


@named
def test_frames_come_back_uint8_changed_and_the_same_each_time(how):
    frames = scene(size=(255, 191))  # odd sides too
    before = frames.copy()
    found = perturb_frames(frames, how, np.random.default_rng(3))
    assert found.dtype == np.uint8 and len(found) == len(frames) and found.shape[3] == 3
    if how.kind != "shrink":
        assert found.shape == frames.shape and not np.array_equal(found, frames)
    assert np.array_equal(found, perturb_frames(frames, how, np.random.default_rng(3)))
    assert np.array_equal(frames, before), "the caller's frames are left alone"


def test_the_harder_of_a_kind_harms_more():
    frames = scene(size=(128, 96))
    for kind in ("compress", "blur", "noise"):
        harm = [
            loss(frames, perturb_frames(frames, how, np.random.default_rng(0)))
            for how in PERTURBATIONS
            if how.kind == kind
        ]
        assert harm == sorted(harm) and harm[0] < harm[-1], kind


def test_a_second_encoding_adds_to_the_first():
    frames = scene(size=(128, 96))
    assert loss(frames[1:], damage.recompress(frames, 34)[1:]) > loss(frames[1:], damage.compress(frames, 34)[1:])
    assert damage.recompress(frames[:1], 34).shape == frames[:1].shape


@given(st.floats(0.05, 1.0), st.integers(2, 90), st.integers(2, 90))
@settings(deadline=None, max_examples=30)
def test_shrinking_keeps_the_mean_and_scales_the_sides(factor, high, wide):
    frame = np.full((high, wide, 3), 90, np.uint8)
    found = damage.shrink(frame, factor)
    assert found.shape == (max(2, round(high * factor)), max(2, round(wide * factor)), 3)
    assert (found == 90).all()


def test_blur_grows_with_the_picture():
    edge = np.zeros((360, 360, 3), np.uint8)
    edge[:, 180:] = 255
    large = np.repeat(np.repeat(edge, 2, 0), 2, 1)
    one, two = damage.blur(edge, 2.0)[0, :, 0], damage.blur(large, 2.0)[0, :, 0]
    grey = [int(((row > 12) & (row < 243)).sum()) for row in (one, two)]
    assert grey[1] == pytest.approx(2 * grey[0], abs=2)
    assert np.array_equal(damage.blur(edge, 0.0), edge)


def test_noise_has_the_strength_it_says_and_is_new_in_every_frame():
    frames = np.full((2, 100, 100, 3), 128, np.uint8)
    found = damage.add_noise(frames, 15.0, np.random.default_rng(0)).astype(float)
    assert found.std() == pytest.approx(15, rel=0.03) and found.mean() == pytest.approx(128, abs=0.3)
    assert abs(np.corrcoef(found[0].ravel(), found[1].ravel())[0, 1]) < 0.03


def test_brightness_by_hand():
    frame = np.array([[[0, 10, 200]]], np.uint8)
    assert damage.change_brightness(frame, 1.5).tolist() == [[[0, 15, 255]]]
    assert damage.change_brightness(frame, 0.5).tolist() == [[[0, 5, 100]]]


@given(st.integers(1, 60), st.floats(0, 1), st.integers(0, 99))
@settings(deadline=None, max_examples=40)
def test_a_lost_frame_shows_the_last_that_came(count, share, seed):
    frames = np.arange(count, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8)
    kept = damage.kept_frames(count, share, np.random.default_rng(seed))
    shown = damage.drop_frames(frames, share, np.random.default_rng(seed))[:, 0, 0, 0]
    assert kept[0] and (shown[kept] == np.flatnonzero(kept)).all()
    assert all(shown[k] == shown[k - 1] for k in range(1, count) if not kept[k])


def test_an_unknown_kind_is_refused():
    with pytest.raises(DataError, match=r"no perturbation of kind 'melt'.*compress"):
        perturb_frames(scene(2), Perturbation("melted", "melt", 1.0), np.random.default_rng(0))


def test_perturbations_are_chosen_by_name():
    assert choose_perturbations("") == () and choose_perturbations("all") == PERTURBATIONS
    assert [how.strength for how in choose_perturbations("H.264 crf 40; resized to ¼;H.264 crf 40")] == [40, 0.25]
    with pytest.raises(DataError, match=r"no perturbation 'crf 40'.*H\.264 crf 23; "):
        choose_perturbations("crf 40")
    assert len({how.name for how in PERTURBATIONS}) == len(PERTURBATIONS)


# --- videos ----------------------------------------------------------------------------------------------------------


@named
def test_a_video_keeps_its_times_and_is_written_the_same_each_time(tmp_path, how):
    source = encode(tmp_path / "a.mp4", count=24, size=(96, 64))
    times, frames = seen(source)
    found_times, found = seen(perturb_video(source, tmp_path / "b.mp4", how))
    if how.kind == "drop":
        assert 6 < len(found) < 20 and found_times[0] == 0
        assert set(np.round(found_times, 3)) <= set(np.round(times, 3))
        shown = [number_of(frame) for frame in found]
        at = [round(time * 12) for time in found_times]
        assert np.allclose(shown, at, atol=0.5), "what arrives, arrives at its own time"
    elif how.kind == "recompress":
        assert np.allclose(found_times, np.array(times[1:]) - times[1], atol=1e-3)
    else:
        assert np.allclose(found_times, times, atol=1e-3)
    factor = how.strength if how.kind == "shrink" else 1
    assert found.shape[1:3] == (round(64 * factor), round(96 * factor))
    if how.kind in ("blur", "drop"):
        assert loss(found[0], frames[0]) < 150, "little else than the damage asked for"
    again = perturb_video(source, tmp_path / "c.mp4", how)
    assert (tmp_path / "b.mp4").read_bytes() == again.read_bytes()


def test_a_single_frame_survives_everything(tmp_path):
    source = encode(tmp_path / "one.mp4", count=1)
    for how in PERTURBATIONS:
        assert probe_video(perturb_video(source, tmp_path / f"{how.kind}.mp4", how)).frames == 1


def test_a_video_is_not_written_over(tmp_path):
    source = encode(tmp_path / "a.mp4", count=3)
    before = source.read_bytes()
    with pytest.raises(VideoError, match="the video itself"):
        perturb_video(source, source, PERTURBATIONS[0])
    with pytest.raises(VideoError):
        perturb_video(tmp_path / "none.mp4", tmp_path / "b.mp4", PERTURBATIONS[0])
    assert source.read_bytes() == before and not (tmp_path / "b.mp4").exists()


def test_detection_sees_the_damage(tmp_path, clips):
    plain = find_faces(clips / "face.mp4")
    small = find_faces(perturb_video(clips / "face.mp4", tmp_path / "small.mp4", Perturbation("½", "shrink", 0.5)))
    sides = [np.nanmean(found.tracks[0].boxes[:, 2] - found.tracks[0].boxes[:, 0]) for found in (plain, small)]
    assert sides[1] == pytest.approx(sides[0] / 2, rel=0.1)
    tiny = find_faces(perturb_video(clips / "face.mp4", tmp_path / "tiny.mp4", Perturbation("1/10", "shrink", 0.1)))
    assert not tiny.tracks, "and where nothing is left to find, nothing is found"
