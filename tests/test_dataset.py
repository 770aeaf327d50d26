"""Carriers are filmed as the camera says, alike for all frames and both of a pair; draws repeat by epoch and row."""

from __future__ import annotations

import dataclasses
from itertools import chain

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spotterlib import _camera, dataset
from spotterlib._stills import find_portraits, load_still
from spotterlib.dataset import (
    PLAIN,
    Camera,
    Carrier,
    ClipDataset,
    EpochBatches,
    collate,
    draw_camera,
    draw_moments,
    film,
    make_loader,
)
from spotterlib.faces import PADDING, crop_face
from spotterlib.project import ROOT, DataError
from spotterlib.selfblend import draw_blend

LANDMARKS = np.array([[130, 90], [170, 90], [150, 115], [134, 134], [166, 134]], np.float32)
BOX = np.array([90, 50, 210, 170], np.float32)


def clouds(seed: int = 0, size: tuple[int, int] = (240, 320)) -> np.ndarray:
    """A smooth coloured picture, uint8 RGB (H, W, 3)."""
    small = np.random.default_rng(seed).uniform(50, 200, (12, 16, 3)).astype(np.float32)
    return cv2.resize(small, size[::-1], interpolation=cv2.INTER_CUBIC).clip(30, 220).astype(np.uint8)


def carrier(frames: int = 2, moving: float = 0.0, picture: np.ndarray | None = None) -> Carrier:
    """A face that moves `moving` px to the right a frame, on a picture that stands still."""
    shift = np.arange(frames, dtype=np.float32)[:, None] * [moving, 0]
    picture = clouds() if picture is None else picture
    return Carrier(
        np.stack([picture] * frames),
        (LANDMARKS + shift[:, None]).astype(np.float32),
        (BOX + np.tile(shift, 2)).astype(np.float32),
        np.ones(frames, bool),
    )


def load_clouds(row: dict, rng: np.random.Generator | None, frames: int) -> Carrier:
    """A carrier that depends on the row and the draw."""
    found = carrier(frames, picture=clouds(row["seed"]))
    move = 0.0 if rng is None else rng.uniform(-8, 8)
    found.valid[row.get("lost", [])] = False
    return dataclasses.replace(
        found, boxes=found.boxes + np.float32(move), landmarks=found.landmarks + np.float32(move)
    )


def rows(count: int, **more) -> list[dict]:
    return [{"seed": k, "label": k % 2, "group": str(k), **more} for k in range(count)]


def padded(crop: np.ndarray) -> np.ndarray:
    return (crop == np.array(PADDING, np.uint8)).all(-1)


# --- the camera ------------------------------------------------------------------------------------------------------


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
        patch.setattr(_camera, "transcode_frames", lambda frames, crf, codec: frames)
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
        crops = film(carrier(3), dataclasses.replace(camera, noise=0.0, crf=-1, again=0.0))
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


def test_cameras_keep_within_their_ranges_and_every_kind_is_drawn():
    drawn = [draw_camera(np.random.default_rng(seed)) for seed in range(400)]
    assert all(c.crf == -1 or 16 <= c.crf <= 38 for c in drawn) and all(
        c.jpeg == 0 or 35 <= c.jpeg <= 95 for c in drawn
    )
    assert all(c.side == 0 or 70 <= c.side <= 300 for c in drawn) and max(abs(v) for c in drawn for v in c.cut) <= 0.22
    assert 0.8 < np.mean([c.crf >= 0 for c in drawn]) < 0.95, "a real codec in most clips"
    assert 0.6 < np.mean([c.codec == "libx264" for c in drawn]) < 0.9 and len({c.codec for c in drawn}) == 4
    assert 0.4 < np.mean([c.flip for c in drawn]) < 0.6
    names = (
        "roll gamma brightness contrast saturation hue white light smooth blur shake sharpen noise grain jpeg again cut"
    )
    for name in names.split():
        changed = np.mean([getattr(c, name) != getattr(PLAIN, name) for c in drawn])
        assert 0.1 < changed < 0.9, name
    assert 0.02 < np.mean([c.cover > 0 for c in drawn]) < 0.2, "something in front of the face is rare"
    assert 0.3 < np.mean([c.poor for c in drawn]) < 0.9 and not PLAIN.poor
    assert draw_camera(np.random.default_rng(5)) == drawn[5]


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


def test_long_clips_are_coded_as_they_are(monkeypatch):
    leads = []
    monkeypatch.setattr(dataset, "film", lambda carrier, camera, *fakes: leads.append(camera.lead) or carrier.frames)
    for frames in (1, dataset.FEW, dataset.FEW + 1, 24):
        leads.clear()
        data = ClipDataset(rows(40), load_clouds, frames=frames)
        for k in range(40):
            data[k]
        assert set(leads) == ({0, 1, 2, 3} if frames <= dataset.FEW else {0})


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
    kernel = _camera._streak((x, y))
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


# --- moments ---------------------------------------------------------------------------------------------------------


@given(st.floats(0, 100), st.floats(0.1, 60), st.integers(1, 24), st.none() | st.integers(0, 99))
def test_moments_are_even_and_inside(start, length, count, seed):
    moments = draw_moments(None if seed is None else np.random.default_rng(seed), start, start + length, count)
    assert moments.shape == (count,) and moments.min() >= start - 1e-6 and moments.max() <= start + length + 1e-6
    span, most = moments[-1] - moments[0], min(length, 12.0)
    assert np.ptp(np.diff(moments)) < 1e-6 if count > 1 else span == 0
    if count > 1:
        assert span == pytest.approx(most) if seed is None else 0.4 * most - 1e-6 <= span <= most + 1e-6


# --- rows to batches -------------------------------------------------------------------------------------------------


def same(a, b) -> bool:
    return len(a) == len(b) and all(
        torch.equal(x[0], y[0]) and torch.equal(x[1], y[1]) for x, y in zip(a, b, strict=True)
    )


def test_draws_belong_to_seed_epoch_and_row():
    data = ClipDataset(rows(3), load_clouds, frames=2, seed=4, selfblend=1.0)
    assert same(data[2], data[2]), "and not to what was asked before"
    assert not same(data[2], data[2 + 3]), "another epoch"
    assert not same(data[2], ClipDataset(rows(3), load_clouds, frames=2, seed=5, selfblend=1.0)[2])
    assert same(data[2], ClipDataset(rows(3), load_clouds, frames=2, seed=4, selfblend=1.0)[2])


def test_items_and_batches_are_what_they_say():
    data = ClipDataset(rows(3, lost=[1]), load_clouds, frames=3, selfblend=1.0)
    batch = collate([data[0], data[1], data[2]])
    assert batch["frames"].shape == (5, 3, 3, 224, 224) and batch["frames"].dtype == torch.uint8
    assert batch["label"].tolist() == [0, 1, 1, 0, 1] and batch["row"].tolist() == [0, 0, 1, 2, 2]
    assert batch["valid"].tolist() == [[True, False, True]] * 5 and batch["valid"].dtype == torch.bool
    assert not batch["frames"][:, 1].any() and batch["frames"][:, 0].any()


def test_both_of_a_pair_share_the_camera(monkeypatch):
    monkeypatch.setattr(dataset, "self_blend", lambda frames, *_: (frames, np.zeros(frames.shape[:3])))
    data = ClipDataset(rows(1), load_clouds, frames=2, selfblend=1.0)
    for epoch in range(4):
        (real, *_), (fake, *_) = data[epoch]
        assert torch.equal(real, fake)
    monkeypatch.undo()
    (real, *_), (fake, *_) = data[0]
    assert not torch.equal(real, fake)


def test_pasted_lies_where_the_pair_differs(monkeypatch):
    camera = Camera(flip=True, roll=8, side=150, shift=(0.06, -0.04), zoom=1.1, cut=(0.1, 0.0))
    monkeypatch.setattr(dataset, "draw_camera", lambda rng, led: camera)
    plainly = {"alter_inside": True, "ratio": 1.0, "softness": 0.03, "match": 0.0, "offsets": np.full(3, 30.0)}
    monkeypatch.setattr(
        dataset, "draw_blend", lambda rng, least: dataclasses.replace(draw_blend(rng, "mouth"), **plainly)
    )
    data = ClipDataset(rows(2, lost=[1]), load_clouds, frames=2, selfblend=1.0)
    (real, _, _, _, nothing), (fake, _, _, _, pasted) = data[0]
    assert nothing.shape == pasted.shape == (2, 14, 14) and pasted.dtype == torch.float32
    assert not nothing.any() and not pasted[1].any(), "a frame without a face has nothing pasted"
    apart = (real[0].float() - fake[0].float()).abs().amax(0).reshape(14, 16, 14, 16).amax((1, 3))
    assert pasted[0].max() > 0.9 and apart[pasted[0] > 0.9].min() > 5
    assert apart[pasted[0] == 0].max() <= 2, "rounding, and the mask's rim of less than 1/510"
    assert data[1][0][2] == 1 and data[1][0][4].isnan().all(), "nobody knows where another's fake is pasted"


def test_selfblend_is_a_chance_and_for_reals_alone():
    data = ClipDataset(rows(2), load_clouds, frames=1, selfblend=0.5)
    drawn = [len(data[2 * epoch]) for epoch in range(24)]
    assert set(drawn) == {1, 2} and {len(data[2 * epoch + 1]) for epoch in range(4)} == {1}
    assert {len(ClipDataset(rows(2), load_clouds, frames=1)[2 * epoch]) for epoch in range(4)} == {1}


def test_evaluation_sees_the_plain_crop_and_a_still_a_fixed_camera():
    data = ClipDataset(rows(1), load_clouds, frames=2, augment=False)
    plain = np.stack([crop_face(clouds(0), BOX)] * 2)
    assert np.array_equal(data[0][0][0].permute(0, 2, 3, 1).numpy(), plain)
    stills = ClipDataset(rows(1, still=True), load_clouds, frames=2, augment=False)
    assert same(stills[0], stills[0]) and not np.array_equal(stills[0][0][0].permute(0, 2, 3, 1).numpy(), plain)


def test_batches_are_shuffled_by_seed_and_epoch():
    sampler = EpochBatches(7, 3, seed=1)
    first, again = list(sampler), list(sampler)
    sampler.epoch = 2
    third = [i for batch in sampler for i in batch]
    assert first == again and [len(batch) for batch in first] == [3, 3, 1] and len(sampler) == 3
    assert sorted(list(chain(*first))) == list(range(7)) and sorted(third) == list(range(14, 21))
    assert [i - 14 for i in third] != list(chain(*first))
    assert list(EpochBatches(4, 4, shuffle=False)) == [[0, 1, 2, 3]]


@given(st.integers(1, 30), st.integers(1, 9), st.integers(1, 4), st.integers(0, 5))
def test_processes_share_every_batch(length, batch, processes, epoch):
    whole = EpochBatches(length, batch)
    shares = [EpochBatches(length, batch, rank=rank, processes=processes) for rank in range(processes)]
    for sampler in (whole, *shares):
        sampler.epoch = epoch
    for together, *parts in zip(whole, *shares, strict=True):
        assert sorted(chain(*parts)) == sorted(together)
        assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_an_empty_share_is_an_empty_batch():
    loader = make_loader(ClipDataset(rows(3), load_clouds, frames=2), 2, False, rank=1, processes=2)
    assert [batch["row"].tolist() for batch in loader] == [[1], []]


def test_the_last_small_batch_is_kept():
    loader = make_loader(ClipDataset(rows(5), load_clouds, frames=1), 2, shuffle=True)
    found = [batch["row"].tolist() for batch in loader]
    assert [len(r) for r in found] == [2, 2, 1] and len(loader) == 3
    assert sorted(row for batch in found for row in batch) == [0, 1, 2, 3, 4]


def test_a_worker_process_gives_the_same_batches_and_none_draws_from_torch():
    data = ClipDataset(rows(3), load_clouds, frames=2, selfblend=1.0)
    alone, helped = make_loader(data, 2, True), make_loader(data, 2, True, workers=1)
    before = torch.get_rng_state()
    for epoch in (0, 1):
        alone.batch_sampler.epoch = helped.batch_sampler.epoch = epoch
        for a, b in zip(alone, helped, strict=True):
            for key in a:
                torch.testing.assert_close(a[key], b[key], rtol=0, atol=0, equal_nan=True)
    assert torch.equal(torch.get_rng_state(), before), "dropout must not depend on how clips are prepared"


# --- portraits -------------------------------------------------------------------------------------------------------


@pytest.fixture
def portrait(tmp_path) -> dict:
    path = tmp_path / "someone.jpg"
    cv2.imwrite(str(path), clouds(3))
    return {"path": str(path), "name": "someone.jpg", "still": True, "label": 0, "group": "someone.jpg",
            "box": BOX.tolist(), "landmarks": LANDMARKS.tolist()}  # fmt: skip


def test_a_portrait_moves_and_its_box_moves_with_it(portrait):
    face = load_still(portrait, np.random.default_rng(1), 6)
    assert face.frames.shape[0] == 6 and face.frames.dtype == np.uint8 and face.valid.all()
    assert (face.frames[0] != face.frames[3]).any() and np.ptp(face.landmarks, axis=0).max() > 0.5
    sides = face.boxes[:, 2:] - face.boxes[:, :2]
    assert np.allclose(sides[:, 0], sides[:, 1], rtol=1e-4), "square"
    inside = (face.landmarks - face.boxes[:, None, :2]) / sides[:, None]
    assert np.abs(inside - (LANDMARKS - BOX[:2]) / 120).max() < 0.12, "the face keeps its place in the crop"


def test_a_portrait_without_a_draw_has_a_motion_of_its_own(portrait):
    first, again = load_still(portrait, None, 3), load_still(portrait, None, 3)
    other = load_still({**portrait, "name": "other.jpg"}, None, 3)
    assert np.array_equal(first.frames, again.frames) and not np.array_equal(first.frames, other.frames)


def test_portraits_that_are_not_there_are_named(portrait, tmp_path):
    with pytest.raises(DataError, match=r"nobody\.jpg"):
        load_still({**portrait, "path": str(tmp_path / "nobody.jpg")}, None, 2)
    with pytest.raises(DataError, match="holds no"):
        find_portraits(tmp_path / "empty")
    with pytest.raises(DataError, match="holds no"):
        find_portraits(tmp_path, leave_out={"someone.jpg"})


def test_portraits_are_found_by_their_faces(portrait, tmp_path):
    people = sorted((ROOT / "data" / "people").glob("*.jpg"))
    if not people:
        pytest.skip("data/people holds no portrait")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "face.jpg").write_bytes(people[0].read_bytes())
    shares = []
    (row,) = find_portraits(tmp_path, progress=shares.append)
    assert row["name"] == row["group"] == "a/face.jpg" and row["still"] and row["label"] == 0 and shares == [0.5, 1.0]
    (x0, y0, x1, y1), marks = row["box"], np.array(row["landmarks"])
    assert x1 - x0 == pytest.approx(y1 - y0) and ([x0, y0] < marks).all() and (marks < [x1, y1]).all()
    assert load_still(row, None, 2).frames.shape[0] == 2


# --- blends with another ------------------------------------------------------------------------------------------


def test_what_the_donor_gives_is_pasted_and_nothing_else():
    red = np.full((1, 240, 320, 3), (250, 0, 0), np.uint8)
    asked = []

    def donor(data, number, carrier, rng):
        asked.append(number)
        return (red, LANDMARKS[None]) if number == 0 else None

    data = ClipDataset(rows(3), load_clouds, frames=1, augment=False, selfblend=1.0, donor=donor)
    own = ClipDataset(rows(3), load_clouds, frames=1, augment=False, selfblend=1.0)
    (real, fake), (_, other) = data[0], data[2]
    assert asked == [0, 2], "a fake has no fake of its own"
    inside = (fake[0] != real[0]).any(1)
    assert inside.any() and not torch.equal(fake[0], own[0][1][0])
    spread = [clip[0].float().std(1)[inside].mean() for clip in (fake, own[0][1])]  # of R, G and B: one colour, evenly
    assert spread[0] != spread[1] and torch.equal(other[0], own[2][1][0])
