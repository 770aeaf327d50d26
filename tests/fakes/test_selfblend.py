"""Self-blends change what the mask says and nothing else."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest
from makers.mean_face import LANDMARKS, MEAN_FACE, SIZE, picture

from spotterlib.fakes import REGIONS, draw_blend, face_to_pixels, self_blend
from spotterlib.fakes.selfblend import region_mask


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
