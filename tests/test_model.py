"""The net against its parts run by hand; what is masked or frozen has no say; damaged checkpoints are refused."""

from __future__ import annotations

import hashlib
import json
import os
import pickle

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from spotterlib.model import (
    FEATURES,
    SpotterNet,
    fill,
    load_checkpoint,
    load_imagenet,
    normalise,
    read_card,
    read_tensors,
    save_checkpoint,
)
from spotterlib.project import CheckpointError

CARD = {
    "name": "made by a test",
    "thresholds": {"t_low": 0.4, "t_high": 0.7},
    "calibration": {"clip": {"scale": 2.0, "bias": -0.5}, "frame": {"scale": 0.5, "bias": 0.25}},
}


pytestmark = pytest.mark.usefixtures("one_thread")


def make_net() -> SpotterNet:
    """Random weights, and batch-norm statistics that keep the activations alive."""
    torch.manual_seed(0)
    net = SpotterNet()
    with torch.no_grad():
        net.frame_head[1].weight *= 10
    return net.eval()


@pytest.fixture(scope="module")
def net() -> SpotterNet:
    return make_net()


@pytest.fixture(scope="module")
def saved(net, tmp_path_factory):
    return save_checkpoint(tmp_path_factory.mktemp("checkpoint") / "made.safetensors", net, CARD)


@pytest.fixture(scope="module")
def detector(saved):
    return load_checkpoint(saved, device="cpu")


def pictures(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, 3, 224, 224, generator=torch.Generator().manual_seed(seed))


def crops(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*shape, 224, 224, 3), dtype=np.uint8)


# --- the net ---------------------------------------------------------------------------------------------------------


def test_normalise_by_hand():
    frames = torch.tensor([0, 51, 255], dtype=torch.uint8).view(1, 3, 1, 1)
    expected = [(0 - 0.485) / 0.229, (0.2 - 0.456) / 0.224, (1 - 0.406) / 0.225]
    assert normalise(frames).flatten().tolist() == pytest.approx(expected)


@torch.no_grad()
def test_the_net_is_its_parts_run_by_hand(net):
    frames = pictures(1, 3)
    logits, each = net(frames)
    assert logits.shape == (1, 2) and each.shape == (1, 3) and logits.dtype == each.dtype == torch.float32
    maps = net.backbone.extract_features(frames[0])  # the package's own forward pass
    assert torch.allclose(net.feature_maps(frames[0]), maps, atol=1e-5) and maps.shape == (3, 1280, 7, 7)
    features = maps.mean((2, 3))
    assert torch.allclose(each[0], net.frame_head(features)[:, 0], atol=1e-5)
    states = net.gru(features[None])[0][0]
    assert states.shape == (3, 1024)
    assert torch.allclose(logits[0], net.head(torch.cat([states.mean(0), states.max(0).values])), atol=1e-5)


def test_every_weight_is_registered_once(net):
    tensors = list(net.state_dict().values())
    assert len({t.data_ptr() for t in tensors}) == len(tensors)
    assert len(net.stages()) == 18
    held = {id(p) for stage in net.stages() for p in stage.parameters()}
    assert held == {id(p) for p in net.backbone.parameters()}


@torch.no_grad()
def test_masked_frames_have_no_influence(net):
    frames, valid = pictures(2, 4), torch.tensor([[True, False, True, True], [False, True, False, False]])
    logits, each = net(frames, valid)
    frames[0, 1], frames[1, 0], frames[1, 2:] = torch.nan, 99.0, -torch.inf
    again, again_each = net(frames, valid)
    assert torch.equal(logits, again) and torch.equal(each, again_each) and not each[~valid].any()
    alone, alone_each = net(frames[:1, [0, 2, 3]])  # as if it had never been there
    assert torch.allclose(alone, logits[:1], atol=1e-5) and torch.allclose(alone_each[0], each[0, [0, 2, 3]], atol=1e-5)
    assert torch.allclose(net(frames[1:, [1]])[0], logits[1:], atol=1e-5)


def test_masked_frames_have_no_gradient():
    net = make_net().freeze(18).train()
    valid = torch.tensor([[True, False]])
    gradients = []
    for hidden in (0.0, torch.nan):
        frames = pictures(1, 2)
        frames[0, 1] = hidden
        frames.requires_grad_(True)
        net.zero_grad()
        torch.manual_seed(0)
        logits, each = net(frames, valid)
        (logits[0, 1] + each.sum()).backward()
        assert not frames.grad[0, 1].any() and frames.grad[0, 0].any()
        gradients.append([p.grad.clone() for p in net.parameters() if p.grad is not None])
    assert all(torch.equal(a, b) and a.isfinite().all() for a, b in zip(*gradients, strict=True))


def test_one_frame_of_one_clip_can_be_trained_on():
    net = make_net().train()
    logits, each = net(pictures(1, 1))
    (logits.sum() + each.sum()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())


# --- freezing --------------------------------------------------------------------------------------------------------


def drop_rates(net: SpotterNet) -> list[float]:
    """The stochastic-depth rate that every block is called with."""
    found: list[float] = []
    hooks = [
        block.register_forward_pre_hook(
            lambda _, args, kwargs: found.append(kwargs["drop_connect_rate"]), with_kwargs=True
        )
        for block in net.backbone._blocks
    ]
    net.feature_maps(pictures(2))
    for hook in hooks:
        hook.remove()
    return found


def test_frozen_stages_neither_learn_nor_drift():
    net = make_net().freeze(14)
    net.train()
    stages = net.stages()
    assert not any(module.training for stage in stages[:14] for module in stage.modules() if stage is not module)
    assert all(
        module.training for stage in stages[14:] for module in stage.modules() if isinstance(module, nn.BatchNorm2d)
    )
    norms = [[m for m in stage.modules() if isinstance(m, nn.BatchNorm2d)] for stage in stages]
    before = [[m.running_mean.clone() for m in norm] for norm in norms]
    logits, each = net(pictures(1, 2))
    (logits.sum() + each.sum()).backward()
    for number, stage in enumerate(stages):
        moved = [not torch.equal(m.running_mean, old) for m, old in zip(norms[number], before[number], strict=True)]
        assert set(moved) == {number >= 14}
        assert {p.grad is not None for p in stage.parameters()} == {number >= 14}
    assert drop_rates(net) == pytest.approx([0.0] * 13 + [0.2 * k / 16 for k in (13, 14, 15)])


def test_stochastic_depth_works_where_it_is_not_frozen():
    net = make_net().freeze(14).train()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()  # so that nothing else can differ
    with torch.no_grad():
        images = pictures(4)
        torch.manual_seed(1)
        first = net.feature_maps(images)
        assert any(not torch.equal(first, net.feature_maps(images)) for _ in range(3))
        net.freeze(18)
        assert torch.equal(net.feature_maps(images), net.feature_maps(images))


def test_thawed_stages_learn_again_in_either_mode():
    net = make_net().freeze(18)
    assert not any(p.requires_grad for p in net.backbone.parameters())
    assert all(p.requires_grad for p in net.head.parameters())
    net.train()
    assert not any(block.training for block in net.backbone._blocks)
    net.freeze(0)
    assert all(block.training for block in net.backbone._blocks) and all(p.requires_grad for p in net.parameters())
    assert not any(module.training for module in net.eval().freeze(5).modules())


# --- scoring ---------------------------------------------------------------------------------------------------------


def test_scores_are_the_calibrated_logits_of_the_net(detector):
    clips, valid = crops(2, 3), np.array([[True, True, True], [True, False, True]])
    whole, each = detector.clip_logits(clips, valid)
    with torch.no_grad():
        frames = normalise(torch.from_numpy(clips).permute(0, 1, 4, 2, 3))
        logits, by_frame = detector.net(frames, torch.from_numpy(valid))
    assert whole == pytest.approx((logits[:, 1] - logits[:, 0]).numpy(), abs=1e-5)
    assert np.isnan(each[~valid]).all() and each[valid] == pytest.approx(by_frame.numpy()[valid], abs=1e-5)
    odds = np.exp(whole.astype(float) * 2.0 - 0.5)
    assert detector.score_clips(clips, valid) == pytest.approx(odds / (1 + odds), abs=1e-6)
    scores = detector.score_frames(clips[0])
    assert scores == pytest.approx(1 / (1 + np.exp(-(each[0] * 0.5 + 0.25))), abs=1e-5) and scores.dtype == np.float64
    assert detector.thresholds == (0.4, 0.7) and detector.name == "made" and detector.device == "cpu"
    assert detector.calibrated(np.array([-1e6, 1e6]), "clip").tolist() == [0.0, 1.0]


def test_a_net_folded_for_scoring_sees_the_same(checkpoint):
    pictures = normalise(torch.from_numpy(crops(17)).permute(0, 3, 1, 2))
    unfolded = SpotterNet()
    fill(unfolded, read_tensors(checkpoint), checkpoint)
    unfolded.eval()
    detector = load_checkpoint(checkpoint, "cpu")
    assert not any(isinstance(module, nn.BatchNorm2d) for module in detector.net.modules())
    with torch.no_grad():
        maps, folded = unfolded.feature_maps(pictures), detector.net.feature_maps(pictures)
    assert folded.shape == maps.shape == (17, FEATURES, 7, 7)
    assert folded.numpy() == pytest.approx(maps.numpy(), abs=1e-4 * float(maps.abs().max()))
    assert maps.std() > 0.01, "maps of nothing would agree on anything"


def test_scores_do_not_depend_on_the_company(detector):
    clips = crops(3, 2)
    together = detector.clip_logits(clips, batch=3)
    alone = detector.clip_logits(clips, batch=1)
    assert together[0] == pytest.approx(alone[0], abs=1e-4) and together[1] == pytest.approx(alone[1], abs=1e-4)
    assert detector.score_clips(clips[::-1])[::-1] == pytest.approx(detector.score_clips(clips), abs=1e-4)


def test_what_cannot_be_scored_is_nan_and_never_a_guess(detector):
    clips = crops(2, 2)
    found = detector.score_clips(clips, np.array([[False, False], [True, True]]))
    assert np.isnan(found[0]) and found[1] == pytest.approx(detector.score_clips(clips[1:])[0], abs=1e-5)
    assert detector.score_clips(clips[:0]).shape == detector.score_frames(clips[0, :0]).shape == (0,)


def test_frames_may_come_from_a_swap_of_channels(detector):
    frames = crops(2)
    assert detector.score_frames(frames[..., ::-1]) == pytest.approx(detector.score_frames(frames[..., ::-1].copy()))
    locked = frames.copy()
    locked.flags.writeable = False
    assert detector.score_frames(locked) == pytest.approx(detector.score_frames(frames))


def test_other_arrays_are_refused(detector):
    for wrong in (crops(2), crops(1, 2).astype(np.float32), crops(1, 2)[:, :, :200]):
        with pytest.raises(ValueError, match="uint8"):
            detector.score_clips(wrong)
    with pytest.raises(ValueError, match="valid"):
        detector.score_clips(crops(1, 2), np.ones((1, 3), bool))
    for wrong in (crops(1, 2), crops(2)[:, :200], crops(2).astype(float)):
        with pytest.raises(ValueError, match="uint8"):
            detector.score_frames(wrong)


# --- checkpoints -----------------------------------------------------------------------------------------------------


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
