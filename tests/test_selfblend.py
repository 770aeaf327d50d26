"""Self-blends change what the mask says and nothing else; a portrait set in motion keeps its landmarks on its face."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest

from spotterlib._animate import animate_still, draw_motion
from spotterlib.selfblend import REGIONS, draw_blend, face_to_pixels, region_mask, self_blend

MEAN_FACE = np.array([[-0.5, 0.0], [0.5, 0.0], [0.0, 0.62], [-0.42, 1.08], [0.42, 1.08]])  # in eye distances
LANDMARKS = MEAN_FACE * 40 + [80, 60]
SIZE = (160, 160)


def picture(seed: int = 0) -> np.ndarray:
    """Smooth coloured clouds, uint8 RGB, clear of black and white."""
    clouds = np.random.default_rng(seed).uniform(60, 190, (20, 20, 3)).astype(np.float32)
    return cv2.resize(clouds, SIZE, interpolation=cv2.INTER_CUBIC).clip(40, 210).astype(np.uint8)


def clip(frames: int = 1) -> tuple[np.ndarray, np.ndarray]:
    return np.stack([picture()] * frames), np.stack([LANDMARKS] * frames)


def turned(points: np.ndarray, degrees: float, about: tuple[float, float] = (80, 80)) -> np.ndarray:
    a = np.deg2rad(degrees)
    return (points - about) @ np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]]) + about


def crosses(a, b, c, d) -> bool:
    """Whether the segments ab and cd cross."""

    def side(p, q, r):
        return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])

    return side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0


# --- the region ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("region", REGIONS)
def test_outlines_are_simple_polygons_on_the_face(region):
    for seed in range(25):
        outline = draw_blend(np.random.default_rng(seed), region).outline
        edges = list(zip(outline, np.roll(outline, -1, axis=0), strict=True))
        pairs = [(i, j) for i in range(len(edges)) for j in range(i + 2, len(edges)) if (j + 1) % len(edges) != i]
        assert not any(crosses(*edges[i], *edges[j]) for i, j in pairs)
        assert (outline.min(0) > [-1.3, -1.35]).all() and (outline.max(0) < [1.3, 2.0]).all()


@pytest.mark.parametrize(
    ("region", "held", "spared"),
    [("whole", range(5), []), ("face", range(5), []), ("inner", [2], []), ("mouth", [3, 4], [0, 1]),
     ("eyes", [0, 1], [3, 4]), ("half", [], [])],
)  # fmt: skip
def test_regions_cover_what_they_are_named_for(region, held, spared):
    for seed in range(10):
        mask = region_mask(draw_blend(np.random.default_rng(seed), region).outline, LANDMARKS, SIZE)
        assert set(np.unique(mask)) == {0, 1} and mask.dtype == np.float32
        at = [mask[round(y), round(x)] for x, y in LANDMARKS]
        assert all(at[k] == 1 for k in held) and all(at[k] == 0 for k in spared)
        if region == "half":
            assert at[0] != at[1], "one eye or the other"
        assert 0.03 < mask.mean() * mask.size / 40**2 < 6, "eye distances squared"


def test_every_region_is_drawn_and_draws_repeat():
    drawn = [draw_blend(np.random.default_rng(seed)) for seed in range(120)]
    assert {blend.region for blend in drawn} == set(REGIONS)
    again = draw_blend(np.random.default_rng(7))
    for name, value in vars(drawn[7]).items():
        assert np.array_equal(value, getattr(again, name))


def test_faint_blends_can_be_ruled_out():
    ratios = [draw_blend(np.random.default_rng(seed), least=0.75).ratio for seed in range(60)]
    assert set(ratios) == {0.75, 1.0} and min(draw_blend(np.random.default_rng(s)).ratio for s in range(60)) == 0.25


PLAIN_BLEND = {
    "gains": np.ones(3), "offsets": np.zeros(3), "contrast": 1.0, "saturation": 1.0, "shade": np.zeros(2), "grain": 0.0,
    "alter_inside": True, "sharpness": 0.0, "shift": np.zeros(2), "scale": 1.0, "roll": 0.0,
    "bend": np.zeros((4, 4, 2)), "ratio": 1.0, "flicker": 0.0, "jitter": 0.0, "match": 1.0,
}  # fmt: skip


@pytest.mark.parametrize(
    ("trait", "value"),
    [("shade", np.array([0.1, 0.0])), ("grain", 6.0), ("bend", np.full((4, 4, 2), 0.06)), ("sharpness", -3.0)],
)
def test_each_trait_alone_is_seen_inside_and_an_unchanged_copy_is_not(trait, value):
    frames, marks = clip(2)
    blend = dataclasses.replace(draw_blend(np.random.default_rng(1), "face"), **PLAIN_BLEND)
    same, _ = self_blend(frames, marks, blend)
    assert np.array_equal(same, frames), "a face pasted onto itself unchanged is the face"
    fakes, masks = self_blend(frames, marks, dataclasses.replace(blend, **{trait: value}))
    changed = np.abs(fakes.astype(int) - frames).max(-1)
    assert changed[masks > 0.9].mean() > 1 and changed[masks == 0].max() == 0


def test_another_face_lands_on_the_landmarks_in_the_colours_it_covers():
    frames, marks = clip()
    dots = np.full((200, 220, 3), 30, np.uint8)
    place = MEAN_FACE @ (55 * np.array([[0.96, 0.28], [-0.28, 0.96]])) + [110, 70]
    for x, y in place:
        cv2.circle(dots, (round(x * 16), round(y * 16)), 96, (250, 250, 250), -1, cv2.LINE_AA, shift=4)
    blend = dataclasses.replace(draw_blend(np.random.default_rng(1), "whole"), **PLAIN_BLEND)
    fakes, masks = self_blend(frames, marks, blend, (dots[None], place[None]))
    inside = masks[0] > 0.95
    for channel in range(3):
        made, was = (f[0, ..., channel][inside].astype(float) for f in (fakes, frames))
        assert made.mean() == pytest.approx(was.mean(), abs=6) and made.std() == pytest.approx(was.std(), rel=0.35)
    grey, around = fakes[0].mean(-1), np.hypot(*(np.mgrid[:160, :160] - LANDMARKS[2][::-1, None, None]))
    assert grey[around < 3].mean() > np.median(grey[inside]) + 10, "the nose is where the nose was"
    assert np.array_equal(fakes[0][masks[0] == 0], frames[0][masks[0] == 0])
    lost = np.full_like(place, np.nan)
    unchanged, none = self_blend(frames, marks, blend, (dots[None], lost[None]))
    assert np.array_equal(unchanged, frames) and not none.any(), "a donor without landmarks gives nothing"


def test_masks_follow_the_landmarks():
    outline = draw_blend(np.random.default_rng(3), "half").outline
    mask = region_mask(outline, LANDMARKS, SIZE)
    moved = region_mask(outline, LANDMARKS + np.array([9, -6]), SIZE)
    assert np.array_equal(moved[:-6, 9:], mask[6:, :-9])
    quarter = region_mask(outline, turned(LANDMARKS, 90, (79.5, 79.5)), SIZE)
    assert np.abs(quarter - np.rot90(mask, -1)).mean() < 0.01
    half = region_mask(outline, LANDMARKS / 2, SIZE)
    assert half.sum() == pytest.approx(mask.sum() / 4, rel=0.05)


def test_face_to_pixels_recovers_a_similarity_and_survives_a_profile():
    place = face_to_pixels(turned(MEAN_FACE * 33, 20))
    assert np.allclose(MEAN_FACE @ place[:, :2].T + place[:, 2], turned(MEAN_FACE * 33, 20))
    profile = LANDMARKS * [0.02, 1] + [80, 0]  # nearly on a line
    assert np.linalg.det(face_to_pixels(profile)[:, :2]) > 10


# --- the blend -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("region", REGIONS)
def test_the_fake_differs_inside_the_mask_and_nowhere_else(region):
    frames, landmarks = clip()
    for seed in range(6):
        blend = dataclasses.replace(draw_blend(np.random.default_rng(seed), region), alter_inside=True)
        fakes, masks = self_blend(frames, landmarks, blend)
        assert fakes.dtype == np.uint8 and fakes.shape == frames.shape and masks.shape == frames.shape[:3]
        assert masks.min() >= 0 and masks.max() <= blend.ratio + 1e-5
        assert np.array_equal(fakes[masks == 0], frames[masks == 0])
        changed = np.abs(fakes.astype(int) - frames).max(-1)
        assert changed[masks > masks.max() / 2].mean() > 0.5


def test_the_surroundings_can_be_what_is_altered():
    frames, landmarks = clip()
    blend = dataclasses.replace(
        draw_blend(np.random.default_rng(1), "inner"), alter_inside=False, ratio=1.0, sharpness=0.0, jitter=0.0,
        flicker=0.0, shift=np.zeros(2), scale=1.0, roll=0.0, gains=np.ones(3), offsets=np.full(3, 15.0), contrast=1.0,
        saturation=1.0, softness=0.03, shade=np.zeros(2), grain=0.0, bend=np.zeros((4, 4, 2)),
    )  # fmt: skip
    fakes, masks = self_blend(frames, landmarks, blend)
    change = fakes.astype(int) - frames
    assert (change[masks == 0] == 15).all(), "an offset of 15 grey levels, as drawn"
    assert (change[masks > 0.999] == 0).all() and (masks > 0.999).any()


def test_one_draw_a_clip_with_jitter_only_where_it_was_drawn():
    frames, landmarks = clip(3)
    drawn = draw_blend(np.random.default_rng(4), "face")
    still, masks = self_blend(frames, landmarks, dataclasses.replace(drawn, jitter=0.0, flicker=0.0, grain=0.0))
    assert (still == still[0]).all() and (masks == masks[0]).all()
    alive, masks = self_blend(frames, landmarks, dataclasses.replace(drawn, jitter=0.02, flicker=0.03))
    assert (alive[0] != alive[1]).any() and (masks[0] != masks[1]).any()
    overlap = np.minimum(masks[0], masks[1]).sum() / np.maximum(masks[0], masks[1]).sum()
    assert overlap > 0.8, "a jitter, not another place"
    again, _ = self_blend(frames, landmarks, dataclasses.replace(drawn, jitter=0.02, flicker=0.03))
    assert np.array_equal(alive, again)


def test_a_frame_without_landmarks_stays_and_disturbs_no_other():
    frames, landmarks = clip(3)
    blend = dataclasses.replace(draw_blend(np.random.default_rng(5), "face"), jitter=0.02)
    whole, _ = self_blend(frames, landmarks, blend)
    landmarks[1, 2, 0] = np.nan
    part, masks = self_blend(frames, landmarks, blend)
    assert np.array_equal(part[1], frames[1]) and not masks[1].any()
    assert np.array_equal(part[[0, 2]], whole[[0, 2]])
    assert np.array_equal(frames, clip(3)[0]), "the clip given is left as it was"


@pytest.mark.parametrize("shift", [(-70, -50), (70, 90), (400, 400)])
def test_faces_at_the_border_and_beyond(shift):
    frames, landmarks = clip()
    for region in REGIONS:
        fakes, masks = self_blend(frames, landmarks + np.array(shift), draw_blend(np.random.default_rng(2), region))
        assert np.isfinite(masks).all() and fakes.shape == frames.shape


# --- portraits in motion ---------------------------------------------------------------------------------------------


def unlit(motion):
    """The motion under a steady light."""
    dark = {name: dataclasses.replace(getattr(motion, name), amplitudes=np.zeros(1)) for name in ("light", "tilt")}
    return dataclasses.replace(motion, gape=False, **dark)


def test_landmarks_follow_the_warp_to_the_pixel():
    """A picture of its own coordinates: what it shows at a moved landmark is where that landmark came from."""
    landmarks, ramp = MEAN_FACE * 60 + [100, 80], np.arange(220, dtype=np.uint8)
    chart = np.stack([np.tile(ramp, (220, 1)), np.tile(ramp[:, None], (1, 220)), np.zeros((220, 220), np.uint8)], -1)
    for seed in range(12):
        motion = unlit(draw_motion(np.random.default_rng(seed), seed % 3))
        frames, moved = animate_still(chart, landmarks, motion, np.linspace(0, 4, 9))
        assert moved.dtype == np.float32 and moved.shape == (9, 5, 2)
        for frame, points in zip(frames, moved, strict=True):
            shown = cv2.remap(frame, points[:, 0].copy(), points[:, 1].copy(), cv2.INTER_LINEAR).reshape(5, 3)[:, :2]
            assert np.abs(shown - landmarks).max() <= 1.5


def test_dots_painted_on_the_landmarks_are_found_there():
    landmarks = MEAN_FACE * 60 + [100, 80]
    yy, xx = np.mgrid[:220, :220]
    for seed in range(3):
        motion = unlit(draw_motion(np.random.default_rng(seed), 1))
        for k, (x, y) in enumerate(landmarks):
            dot = np.zeros((220, 220, 3), np.uint8)
            cv2.circle(dot, (round(x * 16), round(y * 16)), 48, (255, 255, 255), -1, cv2.LINE_AA, shift=4)
            frames, moved = animate_still(dot, landmarks, motion, np.linspace(0, 3, 4))
            for frame, points in zip(frames, moved, strict=True):
                bright = frame.astype(float).sum(2)
                assert bright.sum() > 0, "the dot is still in the picture"
                middle = np.array([(bright * xx).sum(), (bright * yy).sum()]) / bright.sum()
                assert np.hypot(*(middle - points[k])) <= 2.5  # a blink draws the dot out to one side


def test_no_liveliness_is_nearly_still_and_more_moves_more():
    landmarks, times = LANDMARKS, np.linspace(0, 10, 12)
    moved = {}
    for lively in (0.0, 1.0, 2.0):
        motion = draw_motion(np.random.default_rng(0), lively)
        away = times[np.abs(times[:, None] - motion.blinks).min(1) > 0.5]
        frames, points = animate_still(picture(), landmarks, motion, away)
        moved[lively] = np.abs(points - landmarks).max()
        if not lively:
            assert np.abs(frames.astype(int) - picture()).max() <= 1
    assert moved[0.0] < 0.2 < 1 < moved[1.0] < moved[2.0]


def test_a_frame_depends_on_its_time_alone():
    motion = draw_motion(np.random.default_rng(1), 1.5)
    frames, points = animate_still(picture(), LANDMARKS, motion, np.array([0.2, 1.3, 1.301]))
    alone, point = animate_still(picture(), LANDMARKS, motion, np.array([1.3]))
    assert np.array_equal(frames[1], alone[0]) and np.array_equal(points[1], point[0])
    assert np.abs(points[2] - points[1]).max() < 1, "a millisecond later it is nearly there still"
    assert np.abs(points[1] - points[0]).max() > 1


@pytest.mark.parametrize("shift", [(-80, -60), (60, 50), (-200, 0), (0, 300)])
def test_landmarks_at_the_border_and_beyond_stay_numbers(shift):
    motion = draw_motion(np.random.default_rng(2), 2.0)
    frames, points = animate_still(picture(), LANDMARKS + np.array(shift), motion, np.linspace(0, 3, 3))
    assert np.isfinite(points).all() and frames.shape == (3, 160, 160, 3)
    assert np.abs(points - LANDMARKS - shift).max() < 60


def test_a_mouth_opens_dark_only_where_it_gapes():
    drawn = draw_motion(np.random.default_rng(3), 1.0)
    flat = {
        name: dataclasses.replace(getattr(drawn, name), amplitudes=np.zeros(1)) for name in ("light", "tilt", "mouth")
    }
    motion = dataclasses.replace(drawn, mouth_bias=0.25, teeth=0.0, gape=True, **flat)
    bright = np.full((160, 160, 3), 180, np.uint8)
    (open_frame,), (points,) = animate_still(bright, LANDMARKS, motion, np.zeros(1))
    (plain,), _ = animate_still(bright, LANDMARKS, dataclasses.replace(motion, gape=False), np.zeros(1))
    x, y = points[3:].mean(0)
    changed = np.argwhere((open_frame != plain).any(-1))
    assert open_frame[round(y) + 6, round(x)].max() < 120 and len(changed)
    assert np.abs(changed - [y + 5, x]).max() < 30, "nothing else is pasted"


def test_blinks_last_as_long_as_asked():
    assert len(draw_motion(np.random.default_rng(0), 0).blinks) == 1
    assert draw_motion(np.random.default_rng(0), 1, seconds=120).blinks.max() > 120
