"""Each kind of fake is made from real faces alone, comes out the same again, and differs by the forgery alone."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict

from spotterlib.fakes import DECODINGS, KINDS, Forgery, decoding_path, head_rows, load_still, make_decodings, nearest
from spotterlib.metrics import auc
from spotterlib.model import Autoencoder
from spotterlib.training import ClipDataset

MARKS = [[44.0, 52.0], [84.0, 52.0], [64.0, 76.0], [47.0, 95.0], [81.0, 95.0]]


class Halving(torch.nn.Module):
    """Stands in for the encoder: a picture at an eighth of its size, in 32 channels."""

    def forward(self, x):
        return torch.nn.functional.avg_pool2d(x, 8).repeat(1, 11, 1, 1)[:, :32]


class Doubling(torch.nn.Module):
    """Stands in for the decoder."""

    def forward(self, x):
        return torch.nn.functional.interpolate(x[:, :3], scale_factor=8, mode="bilinear")


class Enlarging:
    """Stands in for an upscaler."""

    factor = 2

    def __call__(self, picture):
        return cv2.resize(picture, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)


@pytest.fixture(scope="module")
def heads(tmp_path_factory):
    """Ten people of cloudy faces as head rows, and the folder of their decodings."""
    folder = tmp_path_factory.mktemp("heads")
    rows = []
    for seed in range(10):
        small = np.random.default_rng(seed).uniform(40, 210, (9, 9, 3)).astype(np.float32)
        place = folder / f"person{seed}.png"
        cv2.imwrite(
            str(place), cv2.resize(small, (128, 128), interpolation=cv2.INTER_CUBIC).clip(0, 255).astype(np.uint8)
        )
        who = {"name": place.name, "group": place.name, "folder": "test", "still": True, "label": 0}
        rows.append({"path": str(place), "box": [14.0, 14.0, 114.0, 114.0], "landmarks": MARKS, **who})
    rows = head_rows(rows, folder / "heads")
    twin = Autoencoder(Halving().eval(), Doubling().eval(), "cpu")
    assert make_decodings(rows, nearest(rows), folder / "decoded", twin, [Enlarging()]) == 30
    return rows, folder / "decoded"


def pairs(heads, kind: str, seed: int = 0, frames: int = 2) -> list:
    rows, decoded = heads
    forgery = Forgery(near=nearest(rows), decodings=decoded).only(kind)
    data = ClipDataset(rows, load_still, frames, seed, selfblend=1.0, forgery=forgery)
    return [data[index] for index in range(len(rows))]


@pytest.mark.parametrize("kind", KINDS)
def test_a_fake_comes_out_the_same_again(heads, kind):
    for first, second in zip(pairs(heads, kind), pairs(heads, kind), strict=True):
        for one, other in zip(first, second, strict=True):
            assert torch.equal(one[0], other[0]) and torch.equal(one[4], other[4])
    assert not torch.equal(pairs(heads, kind)[0][1][0], pairs(heads, kind, seed=1)[0][1][0])


@pytest.mark.parametrize("kind", KINDS)
def test_every_fake_has_its_mask(heads, kind):
    for real, fake in pairs(heads, kind):
        assert (real[2], fake[2]) == (0, 1) and not real[4].any()
        assert 0 < fake[4].max() <= 1.001 and fake[4].shape == (2, 14, 14)
        assert kind != "generated" or fake[4].mean() > 0.3


@pytest.mark.parametrize("kind", KINDS)
def test_outside_its_mask_a_fake_is_its_carrier(heads, kind):
    rows, decoded = heads
    forgery = Forgery(near=nearest(rows), decodings=decoded).only(kind)
    for number in range(len(rows)):
        origin = [0, number]
        carrier = load_still(rows[number], np.random.default_rng(origin), 2)
        rng = np.random.default_rng(number)
        fakes, masks, made = forgery.forge(rows, number, load_still, carrier, origin, rng, 0.75)
        assert made == kind and masks.min() >= 0 and masks.max() < 1.001
        if kind == "seamless":  # a pasted one may change its surroundings instead, and a generated one has none
            assert np.array_equal(fakes[masks == 0], carrier.frames[masks == 0])
        assert not np.array_equal(fakes, carrier.frames)


def test_a_decoding_moves_as_its_carrier_does(heads, tmp_path):
    rows, _ = heads
    for kind in DECODINGS:  # a decoder that gives back what it is given
        decoding_path(tmp_path, rows[0], kind).write_bytes(Path(rows[0]["path"]).read_bytes())
    carrier = load_still(rows[0], np.random.default_rng([3, 4]), 3)
    whole = Forgery(decodings=tmp_path).only("generated")
    fakes, masks, _ = whole.forge(rows, 0, load_still, carrier, [3, 4], np.random.default_rng(0), 0.5)
    assert np.array_equal(fakes, carrier.frames) and (masks == 1).all()


def test_decodings_are_kept_and_made_once(heads, tmp_path):
    rows, decoded = heads
    twin = Autoencoder(Halving().eval(), Doubling().eval(), "cpu")
    before = {path: path.read_bytes() for path in decoded.iterdir()}
    assert make_decodings(rows, nearest(rows), decoded, twin, [Enlarging()]) == 0
    assert make_decodings(rows[:2], nearest(rows[:2]), tmp_path, twin, [Enlarging()]) == 2 * len(DECODINGS)
    shared = tmp_path / "shared"
    made = [make_decodings(rows, nearest(rows), shared, twin, [Enlarging()], numbers) for numbers in ([7, 3], range(3))]
    assert made == [2 * len(DECODINGS), 3 * len(DECODINGS)]
    for place in shared.iterdir():
        assert place.read_bytes() == (decoded / place.name).read_bytes(), "whoever makes it"
    for row in rows[:2]:
        kept = decoding_path(decoded, row, "self")
        assert decoding_path(tmp_path, row, "self").read_bytes() == before[kept]


def test_nothing_but_the_forgery_tells_a_pair_apart(heads):
    """A classifier that sees only what lies outside of the mask, after the whole camera, stays at chance."""
    seen, labels = [], []
    for seed in range(12):
        for real, fake in pairs(heads, "seamless", seed, frames=1):
            outside = (fake[4][0] == 0).numpy()
            for frames, _, label, _, _ in (real, fake):
                picture = frames[0].permute(1, 2, 0).numpy()
                cells = cv2.resize(picture, (14, 14), interpolation=cv2.INTER_AREA).astype(np.float32)
                detail = np.abs(picture.astype(np.float32) - cv2.GaussianBlur(picture, (0, 0), 1.5))
                fine = cv2.resize(detail, (14, 14), interpolation=cv2.INTER_AREA)
                values = np.concatenate([cells, fine], axis=2) * outside[..., None]
                seen.append(np.concatenate([values.mean((0, 1)), values.std((0, 1)), [outside.mean()]]))
                labels.append(label)
    seen, labels = np.array(seen), np.array(labels)
    model = LogisticRegression(max_iter=2000)
    standard = (seen - seen.mean(0)) / (seen.std(0) + 1e-6)
    groups = np.arange(len(labels)) // 2  # both of a pair on one side of a fold
    score = cross_val_predict(model, standard, labels, groups=groups, cv=GroupKFold(6), method="decision_function")
    assert abs(auc(labels, score) - 0.5) < 0.09


def test_the_share_of_every_kind_is_what_was_asked_for(heads):
    rows, decoded = heads
    forgery = Forgery(own=0.25, foreign=0.25, seamless=0.25, generated=0.25, near=nearest(rows), decodings=decoded)
    carrier = load_still(rows[0], np.random.default_rng(0), 1)
    rng, made = np.random.default_rng(5), []
    for _ in range(120):
        made.append(forgery.forge(rows, 0, load_still, carrier, [0], rng, 0.75)[2])
    assert all(18 <= made.count(kind) <= 45 for kind in KINDS)


def test_a_head_without_a_decoding_gets_a_pasted_face(heads, tmp_path):
    rows, _ = heads
    forgery = Forgery(near=nearest(rows), decodings=tmp_path).only("seamless")
    carrier = load_still(rows[0], np.random.default_rng(0), 1)
    assert forgery.forge(rows, 0, load_still, carrier, [0], np.random.default_rng(1), 0.5)[2] == "foreign"


def test_faces_are_worn_by_those_most_alike_and_never_by_oneself(heads):
    rows, _ = heads
    twice = [*rows, rows[0] | {"path": rows[3]["path"]}]
    near = nearest(twice, 4)
    assert all(len(others) == 4 for others in near.values())
    assert all(twice[other]["group"] != twice[number]["group"] for number, others in near.items() for other in others)
