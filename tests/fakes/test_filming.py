"""A camera puts the face where it says, and light, noise and codecs do to it what they say."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from makers.carriers import BOX, LANDMARKS, carrier
from makers.torchvision_ops import declare_missing_operators

from spotterlib.faces import PADDING, crop_face
from spotterlib.fakes import PLAIN, Camera, draw_camera, film, filming


def padded(crop: np.ndarray) -> np.ndarray:
    return (crop == np.array(PADDING, np.uint8)).all(-1)


def test_a_plain_camera_is_the_crop_policy():
    face = carrier(3, moving=1.7)
    face.valid[1] = False
    crops = film(face, PLAIN)
    assert crops.dtype == np.uint8 and crops.shape == (3, 224, 224, 3) and not crops[1].any()
    for k in (0, 2):
        assert np.array_equal(crops[k], crop_face(face.frames[k], face.boxes[k]))
    assert np.array_equal(film(face, Camera(seed=1)), crops), "the long way round, with nothing to do"


@settings(max_examples=30, deadline=None)
@given(
    flip=st.booleans(), roll=st.floats(-15, 15), zoom=st.floats(0.88, 1.15), side=st.sampled_from([0.0, 75.0, 290.0]),
    shift=st.tuples(st.floats(-0.08, 0.08), st.floats(-0.08, 0.08)), again=st.sampled_from([0.0, 0.7, 1.25]),
    landmark=st.integers(0, 4),
)  # fmt: skip
def test_the_face_is_where_the_camera_puts_it(flip, roll, zoom, side, shift, again, landmark):
    x, y = LANDMARKS[landmark]
    dark = np.zeros((240, 320, 3), np.uint8)
    cv2.circle(dark, (round(float(x) * 16), round(float(y) * 16)), 64, (255, 255, 255), -1, cv2.LINE_AA, shift=4)
    camera = Camera(flip=flip, roll=roll, side=side, zoom=zoom, shift=shift, again=again)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(filming, "transcode_frames", lambda frames, crf, codec: frames)
        crop = film(carrier(1, picture=dark), camera)[0].astype(float)
    bright = np.where(padded(crop), 0, crop.sum(-1))
    # a dot is drawn, and found, at the middle of a pixel, half a pixel from the edge that boxes count from
    found = [(bright * at).sum() / bright.sum() + 0.5 for at in np.mgrid[:224, :224][::-1]]
    # by hand: turned about the box, which then is moved and zoomed; a positive roll is counter-clockwise, y points down
    a = np.deg2rad(roll)
    offset = LANDMARKS[landmark] + 0.5 - (BOX[:2] + BOX[2:]) / 2 - np.array(shift) * 120
    turned = np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]]) @ offset
    expected = 112 + turned * [-1 if flip else 1, 1] * 224 / (120 * zoom)
    pixel = 224 / (side or 120) / min(again or 1, 1)  # a box falls on whole pixels of the filmed picture
    assert np.hypot(*(found - expected)) < 1.2 * pixel + 0.3


def test_a_flip_is_a_mirror():
    for side in (0.0, 90.0):
        camera = Camera(side=side, shift=(0.03, -0.02), zoom=1.04)
        face = carrier(2, moving=3)
        mirrored = film(face, dataclasses.replace(camera, flip=True))[:, :, ::-1].astype(int)
        assert np.abs(mirrored - film(face, camera)).mean() < 2


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("cut", [0.2, -0.15])
def test_a_cut_runs_the_edge_through_the_crop(axis, cut):
    both = [0.0, 0.0]
    both[axis] = cut
    crop = film(carrier(2), Camera(cut=tuple(both)))[0]
    lines = padded(crop).all(axis)  # of columns, or of rows
    lines = lines if cut > 0 else lines[::-1]
    width = round(abs(cut) * 224)
    assert lines[: width - 4].all() and not lines[width + 4 :].any()


@pytest.mark.parametrize("cut", [0.22, -0.22])
def test_a_face_that_travels_far_is_not_cut_away(cut):
    face = carrier(4, moving=30)
    for crop in film(face, Camera(cut=(cut, 0.0))):
        assert padded(crop).mean() < 0.45


def test_no_padding_where_there_is_picture():
    for seed in range(20):
        camera = draw_camera(np.random.default_rng(seed))
        camera = dataclasses.replace(camera, cut=(0.0, 0.0), crf=-1, again=0.0, jpeg=0, roll=0.0, noise=0.0)
        camera = dataclasses.replace(
            camera, shift=tuple(np.clip(camera.shift, -0.04, 0.04)), zoom=min(camera.zoom, 1.05)
        )
        assert padded(film(carrier(1), camera)).mean() < 0.001


def test_one_camera_for_all_frames_of_a_clip():
    for seed in range(12):
        camera = draw_camera(np.random.default_rng(seed))
        lit = "" if camera.edit == "dark" else camera.edit  # whose noise is new in every frame, too
        crops = film(carrier(3), dataclasses.replace(camera, noise=0.0, crf=-1, again=0.0, edit=lit))
        assert (crops == crops[0]).all()


def test_the_same_draw_is_the_same_film():
    for seed in range(12):
        camera = draw_camera(np.random.default_rng(seed))
        assert np.array_equal(film(carrier(3), camera), film(carrier(3), camera)), camera


def test_noise_is_new_in_every_frame_and_alike_for_both_of_a_pair():
    face, camera = carrier(2), Camera(noise=6.0, seed=3)
    crops = film(face, camera)
    assert (crops[0] != crops[1]).mean() > 0.5
    clean = film(face, Camera(seed=3)).astype(int)
    assert abs((crops - clean).mean()) < 0.1, "noise makes nothing darker"
    assert np.array_equal(film(face, camera, face.frames.copy()), crops)


@pytest.mark.parametrize(
    ("camera", "lighter"),
    [
        (Camera(brightness=1.25), True),
        (Camera(brightness=0.7), False),
        (Camera(gamma=0.7), True),
        (Camera(gamma=1.4), False),
    ],
)
def test_light_goes_the_right_way(camera, lighter):
    plain = film(carrier(1), Camera(seed=1)).mean()
    assert (film(carrier(1), camera).mean() > plain) == lighter


def test_compression_loses_and_blur_softens():
    def detail(camera):
        return np.abs(np.diff(film(carrier(2, picture=noisy), camera).astype(float), axis=2)).mean()

    noisy = np.random.default_rng(0).integers(60, 190, (240, 320, 3), dtype=np.uint8)
    plain = detail(Camera(seed=1))
    for camera in (Camera(crf=35), Camera(jpeg=35), Camera(blur=1.4), Camera(side=70.0), Camera(again=0.6, crf=16)):
        assert detail(camera) < 0.9 * plain
    assert detail(Camera(crf=35)) < detail(Camera(crf=18))


def test_colours_survive_every_compression():
    red = np.full((240, 320, 3), (200, 40, 60), np.uint8)
    for camera in (Camera(jpeg=50), Camera(crf=28), Camera(again=0.8)):
        assert np.abs(film(carrier(2, picture=red), camera)[0, 112, 112].astype(int) - (200, 40, 60)).max() < 12


TRAITS = {"light": 0.4, "cover": 0.4, "smooth": 25.0, "shake": (3.0, 1.0), "sharpen": 1.0}


@pytest.mark.parametrize("name", TRAITS)
def test_a_trait_changes_every_frame_alike_and_the_next_time_too(name):
    still = carrier(3)
    camera = dataclasses.replace(PLAIN, seed=4, **{name: TRAITS[name]})
    first, again, plain = film(still, camera), film(still, camera), film(still, PLAIN)
    assert np.array_equal(first, again)
    apart = np.abs(first.astype(int) - plain).mean((1, 2, 3))
    assert apart.min() > 0.05 and np.array_equal(first[0], first[1]) and np.array_equal(first[0], first[2])


def test_pictures_before_each_change_the_coding_and_nothing_else():
    face = carrier(2, moving=3.0, picture=np.random.default_rng(0).integers(60, 190, (240, 320, 3), dtype=np.uint8))
    for drift in ((0.0, 0.0), (2.5, -1.0)):
        led = Camera(roll=4.0, brightness=0.9, blur=0.5, lead=3, drift=drift)
        assert np.array_equal(film(face, led), film(face, dataclasses.replace(led, lead=0)))
    coded, alone, plain = (
        film(face, dataclasses.replace(led, lead=n, crf=crf)) for n, crf in ((3, 30), (0, 30), (0, -1))
    )
    assert not np.array_equal(coded, alone), "predicted from those before it"
    apart = [np.abs(one.astype(int) - plain).mean() for one in (coded, alone)]
    assert 0.5 < apart[0] / apart[1] < 2, "and as near to the picture as one that is coded alone"


def test_what_is_in_front_of_a_face_is_in_front_of_its_fake_too():
    still, camera = carrier(1), dataclasses.replace(PLAIN, seed=4, cover=0.45)
    black = film(still, camera, np.zeros_like(still.frames))
    plain, covered = film(still, PLAIN), film(still, camera)
    thing = np.abs(covered.astype(int) - plain).sum(-1) > 30
    assert 0.005 < thing.mean() < 0.4
    assert black[thing].sum(-1).mean() > 30 and np.median(black[~thing].sum(-1)) == 0


@pytest.mark.parametrize("grain", [0.0, 0.4, 1.2])
def test_noise_is_as_strong_with_any_grain(grain):
    grey = carrier(1, picture=np.full((240, 320, 3), 128, np.uint8))
    noisy = film(grey, dataclasses.replace(PLAIN, noise=8.0, grain=grain, side=184.0))[0].astype(float)
    assert noisy.std() == pytest.approx(8.0, rel=0.35)


@given(st.floats(-8, 8), st.floats(-8, 8))
def test_motion_blur_keeps_light_and_place(x, y):
    kernel = filming._streak((x, y))
    at = np.mgrid[: len(kernel), : len(kernel)] - (len(kernel) - 1) / 2
    assert kernel.sum() == pytest.approx(1, abs=1e-5) and kernel.min() >= 0
    assert (at * kernel).sum((1, 2)) == pytest.approx([0, 0], abs=1e-4)


@pytest.mark.parametrize("codec", ["mpeg1video", "mpeg2video", "mpeg4"])
def test_older_codecs_are_worse_with_a_higher_crf(codec):
    still = carrier(3)
    apart = []
    for crf in (16, 36):
        made = film(still, dataclasses.replace(PLAIN, crf=crf, codec=codec))
        apart.append(np.abs(made.astype(int) - film(still, PLAIN)).mean())
    assert 0 < apart[0] < apart[1] < 30


def test_light_and_colour_are_torchvisions():
    declare_missing_operators()
    from torchvision.transforms.v2 import functional as tv

    clip = np.random.default_rng(3).integers(0, 256, (2, 30, 40, 3), np.uint8)
    picture = torch.from_numpy(clip).permute(0, 3, 1, 2).float() / 255
    for name, amount in (("gamma", 0.7), ("brightness", 1.3), ("contrast", 1.4), ("saturation", 0.3)):
        theirs = getattr(tv, f"adjust_{name}")(picture, amount).permute(0, 2, 3, 1).numpy() * 255
        ours = filming._develop(clip, dataclasses.replace(PLAIN, **{name: amount}))
        assert np.abs(ours - theirs).max() <= 0.5 + 1e-3, name
