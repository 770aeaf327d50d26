"""Draws belong to seed, epoch and row; a pair shares its camera; what is pasted is known."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from makers.carriers import BOX, clouds, load_clouds, rows

from spotterlib.faces import crop_face
from spotterlib.fakes import Camera, Forgery, draw_blend, forging
from spotterlib.training import ClipDataset, dataset
from spotterlib.training.loader import collate


def test_long_clips_are_coded_as_they_are(monkeypatch):
    leads = []
    monkeypatch.setattr(dataset, "film", lambda carrier, camera, *fakes: leads.append(camera.lead) or carrier.frames)
    for frames in (1, dataset.FEW, dataset.FEW + 1, 24):
        leads.clear()
        data = ClipDataset(rows(40), load_clouds, frames=frames)
        for k in range(40):
            data[k]
        assert set(leads) == ({0, 1, 2, 3} if frames <= dataset.FEW else {0})


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
    monkeypatch.setattr(forging, "self_blend", lambda frames, *_: (frames, np.zeros(frames.shape[:3])))
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
        forging, "draw_blend", lambda rng, least: dataclasses.replace(draw_blend(rng, "mouth"), **plainly)
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


# --- blends with another ------------------------------------------------------------------------------------------


def test_the_face_of_one_who_looks_alike_is_pasted_and_nothing_else():
    own, other = (
        ClipDataset(rows(3), load_clouds, frames=1, augment=False, selfblend=1.0, forgery=forgery)
        for forgery in (Forgery(), Forgery(own=0, foreign=1, near={0: [1]}))
    )
    (real, fake), (_, alone) = other[0], other[2]
    inside = (fake[0] != real[0]).any(1)
    assert inside.any() and not torch.equal(fake[0], own[0][1][0])
    assert torch.equal(alone[0], own[2][1][0]), "nobody is like the third: it wears its own face"


def test_a_patch_is_the_same_place_of_both_and_of_the_mask():
    whole, part = (ClipDataset(rows(1), load_clouds, frames=2, selfblend=1.0, patch=patch) for patch in (0, 10))
    for epoch in range(4):
        (real, fake), (small, forged) = whole[epoch], part[epoch]
        assert small[0].shape == forged[0].shape == (2, 3, 160, 160) and forged[4].shape == (2, 10, 10)
        places = [
            (y, x)
            for y in range(5)
            for x in range(5)
            if torch.equal(real[0][..., 16 * y : 16 * y + 160, 16 * x : 16 * x + 160], small[0])
        ]
        (y, x), *_ = places
        assert torch.equal(fake[0][..., 16 * y : 16 * y + 160, 16 * x : 16 * x + 160], forged[0])
        assert torch.equal(fake[4][:, y : y + 10, x : x + 10], forged[4]) and forged[4].any()


# --- clips shown more than once --------------------------------------------------------------------------------------


def test_clips_shown_again_are_made_once_and_come_mirrored_or_not(tmp_path):
    asked = []

    def counted(row, rng, frames):
        asked.append(row["group"])
        return load_clouds(row, rng, frames)

    plain = ClipDataset(rows(3), load_clouds, frames=2, selfblend=1.0)
    data = ClipDataset(rows(3), counted, frames=2, selfblend=1.0, shows=4, kept=tmp_path / "shown")
    assert all(same(data[k], plain[k]) for k in range(3)), "the first time as without"
    made, ways = len(asked), set()
    for epoch in (1, 2, 3):
        for k in range(3):
            for again, (crops, valid, label, number, pasted) in zip(data[3 * epoch + k], plain[k], strict=True):
                turned = not torch.equal(again[0], crops)
                ways.add(turned)
                assert torch.equal(again[0], crops.flip(-1) if turned else crops)
                np.testing.assert_array_equal(again[4], pasted.flip(-1) if turned else pasted)
                assert torch.equal(again[1], valid) and again[2:4] == (label, number)
    assert ways == {True, False} and len(asked) == made
    assert same(data[12], plain[3]), "after them the next draw"
    assert len(list((tmp_path / "shown").iterdir())) == 3, "in the place of the one before"


def test_a_kept_clip_of_another_run_or_a_damaged_one_is_made_anew(tmp_path):
    first = ClipDataset(rows(2), load_clouds, frames=2, selfblend=1.0, shows=2, kept=tmp_path)
    wanted, (file,) = first[1], tmp_path.iterdir()
    other = ClipDataset(rows(2), load_clouds, frames=2, seed=7, selfblend=1.0, shows=2, kept=tmp_path)
    assert not same(other[1], wanted) and same(first[1], wanted)
    whole = file.read_bytes()
    for damaged in (b"", whole[: len(whole) // 2], b"PK" + whole[2:9] + bytes(400), b"no archive"):
        file.write_bytes(damaged)
        assert same(first[1], wanted)
        assert file.read_bytes() == whole
