"""The settings of a training run, and what follows from them alone: precision, optimizer, schedule."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch

from ..model import SpotterNet


@dataclass(frozen=True)
class TrainConfig:
    """Settings of one training run; the defaults are for a large data set."""

    batch: int = 8  # rows a step; a row with its self-blended fake counts once
    epochs: int = 25
    lr: float = 1e-4
    weight_decay: float = 1e-4
    restart: int = 5  # epochs to the first warm restart (T₀); each period is twice the one before (T_mult = 2)
    eta_min: float = 1e-6
    gamma: float = 2.0  # of the focal loss
    frame_weight: float = 0.5  # of the frame head's loss beside the clip head's
    mask_weight: float = 0.0  # of the loss that asks of each place whether it is pasted, where that is known; 0: none
    patience: int = 7  # epochs without gain before stopping, counted anew from `unfreeze_epoch` on
    min_gain: float = 0.005  # in validation F1, over the last epoch that gained
    clip_norm: float = 1.0
    average: float = 0.0  # share kept a step by the running mean of the weights that is judged and kept; 0: no mean
    frozen: int = 14  # of 18 backbone stages, until `unfreeze_epoch`: the last 3 blocks and the last convolution train
    unfreeze_epoch: int = 10  # from this epoch on the whole backbone trains (-1: never)
    unfreeze_rate: float = 0.1  # the newly trained stages' rate, relative to lr
    precision: str = "auto"  # "fp32", "bf16", "fp16", or bf16 where the hardware has it
    workers: int = 0  # processes that prepare clips
    seed: int = 0


def pick_precision(precision: str, device: str) -> str:
    """ "no", "bf16" or "fp16" as Accelerate names them; for "auto", what the hardware does well."""
    if precision != "auto":
        return "no" if precision == "fp32" else precision
    if device.startswith("cuda"):
        return "bf16" if torch.cuda.is_bf16_supported() else "fp16"
    # asked of oneDNN, which not every build of torch has
    asked = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)
    return "bf16" if device == "cpu" and torch.backends.mkldnn.is_available() and asked and asked() else "no"


def make_optimizer(
    net: SpotterNet, config: TrainConfig, beside: Iterable[torch.nn.Parameter] = ()
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    """AdamW with two parameter groups, and cosine annealing with warm restarts.

    What trains from the start has lr; the stages that join at `unfreeze_epoch` have a group, and so a base rate, of
    their own: the scheduler scales both, and the lower rate stays lower. beside: parameters outside the net that train
    from the start.
    """
    late = {id(p) for stage in net.stages()[: config.frozen] for p in stage.parameters()}
    groups = [
        {"params": [*(p for p in net.parameters() if id(p) not in late), *beside], "lr": config.lr},
        {"params": [p for p in net.parameters() if id(p) in late], "lr": config.lr * config.unfreeze_rate},
    ]
    optimizer = torch.optim.AdamW([g for g in groups if g["params"]], weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, config.restart, 2, config.eta_min)
    return optimizer, schedule
