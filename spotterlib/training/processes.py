"""Training in several processes as if it were one: every process takes its share of a batch, and all sums are joint."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import distributed, nn


class _Sum(torch.autograd.Function):
    """The sum over all processes; its gradient is the sum of theirs."""

    @staticmethod
    def forward(ctx, mine: torch.Tensor) -> torch.Tensor:
        joint = mine.clone()
        distributed.all_reduce(joint)
        return joint

    @staticmethod
    def backward(ctx, grad: torch.Tensor) -> torch.Tensor:
        joint = grad.clone()
        distributed.all_reduce(joint)
        return joint


class SharedNorm(nn.BatchNorm2d):
    """A batch-norm whose batch is that of all processes together, on any device (torch's own knows GPUs only)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return super().forward(x)
        wide = x.float()
        count = total([wide.numel() // wide.shape[1]], x.device)[0]
        mean = _Sum.apply(wide.sum((0, 2, 3))) / count
        centred = wide - mean[:, None, None]
        variance = _Sum.apply(centred.square().sum((0, 2, 3))) / count
        with torch.no_grad():
            self.num_batches_tracked += 1
            unbiased = variance * (count / max(count - 1, 1))
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(unbiased, self.momentum)
        scale = self.weight * (variance + self.eps).rsqrt()
        return (centred * scale[:, None, None] + self.bias[:, None, None]).to(x.dtype)


def share_norms(net: nn.Module) -> None:
    """Make every `BatchNorm2d` of a net one over all processes, in place: its weights stay the same objects."""
    for module in net.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = SharedNorm


def sum_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Add up the gradients of all processes, in one message.

    A parameter that had none in this process counts as zero: the others may have one.
    """
    learning = [p for p in parameters if p.requires_grad]
    for p in learning:
        if p.grad is None:
            p.grad = torch.zeros_like(p)
    flat = torch.cat([p.grad.reshape(-1) for p in learning])
    distributed.all_reduce(flat)
    for p, part in zip(learning, flat.split([p.numel() for p in learning]), strict=True):
        p.grad.copy_(part.view_as(p))


def total(values: list[float], device: torch.device) -> list[float]:
    """Sums over all processes, of one list of numbers each."""
    joint = torch.tensor(values, dtype=torch.float64 if device.type == "cpu" else torch.float32, device=device)
    distributed.all_reduce(joint)
    return joint.tolist()


def gathered(value: object) -> list:
    """What every process has, in the order of their ranks."""
    found: list = [None] * distributed.get_world_size()
    distributed.all_gather_object(found, value)
    return found
