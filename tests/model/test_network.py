"""The net against its parts run by hand; what is masked or frozen has no say."""

from __future__ import annotations

import pytest
import torch
from makers.nets import make_net, pictures
from torch import nn

from spotterlib.model import SpotterNet, normalise

pytestmark = pytest.mark.usefixtures("one_thread")


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
