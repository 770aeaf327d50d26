"""The loss by hand; what is masked has no say."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from makers.training_runs import QUICK, WHOLE, Tiny, faces, load_face
from torch.nn import functional

from spotterlib.base import DataError, NotReadyError
from spotterlib.model import SpotterNet, read_tensors
from spotterlib.training import ClipDataset, class_weights, fit, focal_loss, loop
from spotterlib.training.losses import MaskHeads, batch_loss

pytestmark = pytest.mark.usefixtures("one_thread")


# --- the loss --------------------------------------------------------------------------------------------------------


def test_focal_loss_by_hand():
    logits = torch.tensor([[0.0, 0.0], [2.0, -1.0], [2.0, -1.0], [-30.0, 30.0]])
    labels, weights = torch.tensor([0, 0, 1, 1]), torch.tensor([0.5, 3.0])
    expected = []
    for (a, b), y in zip(logits.tolist(), labels.tolist(), strict=True):
        p = math.exp((a, b)[y]) / (math.exp(a) + math.exp(b))
        expected.append(-(0.5, 3.0)[y] * (1 - p) ** 2 * math.log(p))
    assert focal_loss(logits, labels, weights).tolist() == pytest.approx(expected, abs=1e-6)
    plain = functional.cross_entropy(logits, labels, weight=weights, reduction="none")
    assert torch.allclose(focal_loss(logits, labels, weights, gamma=0.0), plain)


def test_class_weights_stand_outside_the_focal_term():
    even = torch.zeros(2, 2)
    real, fake = focal_loss(even, torch.tensor([0, 1]), torch.tensor([1.0, 4.0])).tolist()
    assert fake / real == pytest.approx(4), "not 21.9"


def test_a_sure_and_right_answer_has_a_finite_gradient():
    logits = torch.tensor([[-200.0, 200.0]], requires_grad=True)
    focal_loss(logits, torch.tensor([1]), torch.ones(2)).sum().backward()
    assert logits.grad.isfinite().all()


def test_class_weights_balance_what_will_come():
    data = ClipDataset([{"label": 0}] * 6 + [{"label": 1}] * 2, load_face)
    assert class_weights(data).tolist() == pytest.approx([8 / 12, 8 / 4])
    assert class_weights(ClipDataset(data.rows, load_face, selfblend=0.5)).tolist() == pytest.approx([11 / 12, 11 / 10])
    for labels, missing in (([0], "no fake"), ([1], "no real"), ([], "no real")):
        with pytest.raises(DataError, match=f"validation part has {missing}"):
            class_weights(ClipDataset([{"label": label} for label in labels], load_face), "validation")


def test_masked_frames_do_not_reach_the_loss():
    torch.manual_seed(0)
    net, weights = Tiny().eval(), torch.ones(2)
    accelerator = loop.make_accelerator(QUICK, "cpu")
    batch = {
        "frames": torch.randint(0, 256, (2, 3, 3, 224, 224), dtype=torch.uint8), "label": torch.tensor([0, 1]),
        "valid": torch.tensor([[True, True, False], [True, False, False]]),
    }  # fmt: skip
    sizes = (2.0, 3.0, weights, QUICK.gamma, QUICK.frame_weight)
    loss, clips, each = batch_loss(accelerator, net, batch, *sizes)
    other = batch["frames"].clone()
    other[~batch["valid"]] = 255
    assert batch_loss(accelerator, net, {**batch, "frames": other}, *sizes)[0] == loss
    by_hand = functional.binary_cross_entropy_with_logits(
        each[batch["valid"]], torch.tensor([0.0, 0.0, 1.0]), reduction="none"
    )
    p = torch.exp(-by_hand)
    clip_loss = focal_loss(torch.stack([torch.zeros(2), clips], 1), batch["label"], weights).mean()
    assert loss.item() == pytest.approx((clip_loss + 0.5 * ((1 - p) ** 2 * by_hand).mean()).item(), abs=1e-6)


# --- where it is pasted ----------------------------------------------------------------------------------------------


def test_mask_loss_by_hand_and_only_where_the_mask_is_known():
    torch.manual_seed(0)
    net = SpotterNet().freeze(10).train()
    heads = MaskHeads(net)
    heads.watch(net)
    net.feature_maps(torch.rand(3, 3, 224, 224))
    middle, last = (heads.seen[number].detach() for number in (0, 1))
    assert middle.shape == (3, 112, 14, 14) and last.shape == (3, 1280, 7, 7)
    pasted = torch.rand(2, 2, 14, 14)
    pasted[1] = torch.nan
    batch = {"pasted": pasted, "valid": torch.tensor([[True, True], [False, True]])}
    with torch.no_grad():
        answers = heads.heads[0](middle)[:2, 0], heads.heads[1](functional.silu(last))[:2, 0]
    whole = 0.0
    for answer, target in zip(answers, (pasted[0], pasted[0].reshape(2, 7, 2, 7, 2).mean((2, 4))), strict=True):
        p = answer.sigmoid()
        whole += float(-(target * p.log() + (1 - target) * (1 - p).log()).sum()) / (3 * answer[0].numel())
    loss = heads.loss(batch, 3.0)
    assert float(loss.detach()) == pytest.approx(whole, rel=1e-5)
    loss.backward()
    assert net.stages()[11]._project_conv.weight.grad.abs().max() > 0
    net.eval()
    with torch.no_grad():
        net.feature_maps(torch.rand(1, 3, 224, 224))
    assert not heads.seen, "nothing is kept outside training"


def test_mask_heads_are_kept_to_go_on_and_stay_out_of_the_checkpoint(tmp_path):
    config = dataclasses.replace(WHOLE, mask_weight=1.0, unfreeze_epoch=0)
    pairs = ClipDataset(faces(1).rows, load_face, 1, augment=False, selfblend=1.0)
    list(fit(config, pairs, faces(2, 50, frames=1), tmp_path, device="cpu"))
    kept = torch.load(tmp_path / "last.pt", weights_only=True)
    assert kept["heads"]["heads.1.weight"].shape == (1, 1280, 1, 1)
    assert not any("heads." in key for key in read_tensors(tmp_path / "best.safetensors"))
    begun = MaskHeads(SpotterNet()).state_dict()
    assert kept["heads"].keys() == begun.keys()
    with pytest.raises(NotReadyError, match="mask_weight"):
        list(fit(dataclasses.replace(config, mask_weight=0.5), pairs, faces(2, 50, frames=1), tmp_path, device="cpu"))
