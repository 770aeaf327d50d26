"""Rates and precision as the settings and the hardware say."""

from __future__ import annotations

import math
import types

import pytest
import torch
from makers.training_runs import Tiny

from spotterlib.training import TrainConfig
from spotterlib.training.settings import make_optimizer, pick_precision

pytestmark = pytest.mark.usefixtures("one_thread")


def test_the_lower_rate_stays_lower_across_warm_restarts():
    net = Tiny().freeze(14)
    config = TrainConfig()
    optimizer, schedule = make_optimizer(net, config)
    early, late = optimizer.param_groups
    assert {id(p) for p in late["params"]} == {id(p) for stage in net.stages()[:14] for p in stage.parameters()}
    assert {id(p) for group in (early, late) for p in group["params"]} == {id(p) for p in net.parameters()}
    assert early["weight_decay"] == late["weight_decay"] == 1e-4
    for epoch in range(25):
        start, length = max((s, n) for s, n in ((0, 5), (5, 10), (15, 20)) if s <= epoch)  # T₀ = 5, T_mult = 2
        share = (1 + math.cos(math.pi * (epoch - start) / length)) / 2
        assert early["lr"] == pytest.approx(1e-6 + (1e-4 - 1e-6) * share)
        assert late["lr"] == pytest.approx(1e-6 + (1e-5 - 1e-6) * share)
        if epoch == config.unfreeze_epoch:
            net.freeze(0)
        optimizer.step()
        schedule.step()


def test_precision_is_asked_of_the_hardware_and_no_build_crashes(monkeypatch):
    assert pick_precision("fp32", "cuda") == "no" and pick_precision("bf16", "cpu") == "bf16"
    assert pick_precision("auto", "cpu") in ("no", "bf16") and pick_precision("auto", "mps") == "no"
    monkeypatch.setattr(torch.ops, "mkldnn", types.SimpleNamespace())
    assert pick_precision("auto", "cpu") == "no"
