"""A checkpoint comes back as it was saved; damaged and foreign ones are refused."""

from __future__ import annotations

import hashlib
import json
import os
import pickle

import pytest
import torch
from makers.nets import CARD, crops, make_net
from safetensors.torch import load_file, save_file
from torch import nn

from spotterlib.base import CheckpointError
from spotterlib.model import SpotterNet, load_checkpoint, load_imagenet, normalise, read_card, save_checkpoint

pytestmark = pytest.mark.usefixtures("one_thread")


def test_a_checkpoint_is_half_the_size_and_scores_the_same(net, saved, detector):
    assert saved.stat().st_size <= 34e6 and sorted(p.name for p in saved.parent.iterdir()) == [
        "made.json",
        "made.safetensors",
    ]
    norms = {name for name, module in net.named_modules() if isinstance(module, nn.BatchNorm2d)}
    for key, value in load_file(saved).items():
        if value.is_floating_point():
            assert value.dtype == (torch.float32 if key.rpartition(".")[0] in norms else torch.float16), key
    card = read_card(saved)
    assert card.items() >= CARD.items() and card["sha256"] == hashlib.sha256(saved.read_bytes()).hexdigest()
    clips = crops(1, 2)
    with torch.no_grad():
        logits = net(normalise(torch.from_numpy(clips).permute(0, 1, 4, 2, 3)))[0]
    assert detector.clip_logits(clips)[0] == pytest.approx((logits[:, 1] - logits[:, 0]).numpy(), abs=5e-3)
    assert not any(p.requires_grad for p in detector.net.parameters())
    assert not any(module.training for module in detector.net.modules())


def test_a_relative_name_is_looked_for_in_the_working_directory(saved, monkeypatch):
    monkeypatch.chdir(saved.parent)
    assert load_checkpoint("made.safetensors", device="cpu").name == "made"


@pytest.fixture
def copy(saved, tmp_path):
    """A checkpoint of one's own: the same weights under another name, a card that can be spoilt."""
    place = tmp_path / "copy.safetensors"
    os.link(saved, place)
    place.with_suffix(".json").write_text(saved.with_suffix(".json").read_text())
    return place


def spoil_weights(place, change):
    """Replace the weights by changed ones, with a card that fits them."""
    state = load_file(place)
    place.unlink()
    save_file(change(state), place)
    card = json.loads(place.with_suffix(".json").read_text())
    card["sha256"] = hashlib.sha256(place.read_bytes()).hexdigest()
    place.with_suffix(".json").write_text(json.dumps(card))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda card: card.update(sha256="0" * 64), "sha256 differs"),
        (lambda card: card.pop("sha256"), "sha256"),
        (lambda card: card.pop("calibration"), "calibration"),
        (lambda card: card["thresholds"].update(t_low=0.8), "t_low"),
        (lambda card: card["thresholds"].update(t_high=None), "no card"),
        (lambda card: card["calibration"]["clip"].update(scale=-1), "scale"),
        (lambda card: card["calibration"]["frame"].update(bias=float("nan")), "bias"),
    ],
)
def test_a_card_that_does_not_fit_is_refused(copy, change, said):
    card = json.loads(copy.with_suffix(".json").read_text())
    change(card)
    copy.with_suffix(".json").write_text(json.dumps(card))
    with pytest.raises(CheckpointError, match=said) as caught:
        load_checkpoint(copy, device="cpu")
    assert "copy." in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[1]", '"card"', "\udcff"])
def test_a_card_that_is_none_is_refused(copy, text):
    copy.with_suffix(".json").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(CheckpointError, match=r"copy\.json"):
        load_checkpoint(copy)


def test_damaged_weights_are_refused(copy):
    whole = copy.read_bytes()
    card = copy.with_suffix(".json").read_text()
    for broken in (whole[: len(whole) // 2], whole[:5], b"", whole[:-1] + bytes([whole[-1] ^ 1]), b"\xff" * 64):
        copy.unlink()
        copy.write_bytes(broken)
        copy.with_suffix(".json").write_text(card)
        with pytest.raises(CheckpointError, match="sha256 differs"):
            load_checkpoint(copy)
        honest = json.loads(card) | {"sha256": hashlib.sha256(broken).hexdigest()}
        copy.with_suffix(".json").write_text(json.dumps(honest))
        if len(broken) < len(whole):  # a flipped bit alone is a weight like any other: only the hash can tell
            with pytest.raises(CheckpointError, match="whole safetensors"):
                load_checkpoint(copy)


def test_a_card_that_is_a_pipe_is_not_waited_for(copy):
    copy.with_suffix(".json").unlink()
    os.mkfifo(copy.with_suffix(".json"))
    with pytest.raises(CheckpointError, match=r"copy\.json is no card .*no ordinary file"):
        load_checkpoint(copy, "cpu")


def test_what_is_far_too_large_is_neither_hashed_nor_read(copy):
    copy.unlink()
    with copy.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(CheckpointError, match=r"copy\.safetensors has 1,099,511,627,776 bytes"):
        load_checkpoint(copy, "cpu")


@pytest.mark.parametrize("kind", [torch.float8_e4m3fn, torch.int8, torch.bool, torch.complex64])
def test_weights_of_another_kind_of_number_are_refused(copy, kind):
    spoil_weights(copy, lambda state: state | {"gru.bias_hh_l0": state["gru.bias_hh_l0"].float().to(kind)})
    with pytest.raises(
        CheckpointError, match=r"copy\.safetensors holds the weights of something else: gru\.bias_hh_l0"
    ):
        load_checkpoint(copy, "cpu")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda state: state | {"gru.bias_hh_l0": torch.full_like(state["gru.bias_hh_l0"], torch.nan)}, "no numbers"),
        (lambda state: state | {"head.0.bias": torch.full_like(state["head.0.bias"], torch.inf)}, "no numbers"),
        (lambda state: {key: value for key, value in state.items() if not key.startswith("gru.")}, "something else"),
        (lambda state: state | {"extra": torch.zeros(1)}, "something else"),
        (lambda state: state | {"head.0.bias": torch.zeros(7)}, "something else"),
    ],
)
def test_other_weights_are_refused(copy, change, said):
    spoil_weights(copy, change)
    with pytest.raises(CheckpointError, match=said) as caught:
        load_checkpoint(copy, device="cpu")
    assert len(str(caught.value)) < 500


def test_nothing_but_safetensors_is_opened(copy, tmp_path):
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("a pickle was opened",))

    trap = tmp_path / "trap.pth"
    trap.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(CheckpointError, match="no pickles"):
        load_checkpoint(trap)
    copy.unlink()
    copy.write_bytes(trap.read_bytes())
    card = json.loads(copy.with_suffix(".json").read_text()) | {"sha256": hashlib.sha256(trap.read_bytes()).hexdigest()}
    copy.with_suffix(".json").write_text(json.dumps(card))
    with pytest.raises(CheckpointError, match="whole safetensors"):
        load_checkpoint(copy)


def test_what_is_missing_is_named(copy, tmp_path):
    with pytest.raises(CheckpointError, match=r"nothing\.safetensors"):
        load_checkpoint(tmp_path / "nothing.safetensors")
    with pytest.raises(CheckpointError, match="no checkpoint"):
        load_checkpoint(tmp_path)
    copy.with_suffix(".json").unlink()
    with pytest.raises(CheckpointError, match=r"copy\.json is missing"):
        load_checkpoint(copy)


def test_what_cannot_be_loaded_is_not_saved(copy):
    before = copy.with_suffix(".json").read_text()
    net = make_net()
    with pytest.raises(KeyError):
        save_checkpoint(copy, net, {"name": "no thresholds"})
    with torch.no_grad():
        net.head[0].weight[0, 0] = 1e6  # finite, but beyond fp16
    with pytest.raises(CheckpointError, match=r"head\.0\.weight"):
        save_checkpoint(copy, net, CARD)
    assert copy.with_suffix(".json").read_text() == before and len(list(copy.parent.iterdir())) == 2
    load_checkpoint(copy, device="cpu")


def test_imagenet_weights_go_into_the_backbone(net, tmp_path):
    state = {key: value.clone() for key, value in net.backbone.state_dict().items()}
    save_file({**state, "_fc.weight": torch.zeros(10, 1280), "_fc.bias": torch.zeros(10)}, tmp_path / "b0.safetensors")
    torch.manual_seed(5)
    other = SpotterNet()
    gru = other.gru.weight_ih_l0.clone()
    assert load_imagenet(other, tmp_path / "b0.safetensors") is other
    assert all(torch.equal(value, state[key]) for key, value in other.backbone.state_dict().items())
    assert torch.equal(other.gru.weight_ih_l0, gru)
    save_file({"_conv_stem.weight": torch.zeros(3)}, tmp_path / "no.safetensors")
    with pytest.raises(CheckpointError, match=r"no\.safetensors"):
        load_imagenet(other, tmp_path / "no.safetensors")
    with pytest.raises(CheckpointError, match="gone"):
        load_imagenet(other, tmp_path / "gone.safetensors")
