"""Depthwise convolutions whose gradients are quick on a CPU.

oneDNN has fast gradients for 3 × 3 depthwise kernels and falls back to a reference loop for 5 × 5 ones (weights) and,
in bf16, for strided ones (input): together half of a training step. Here a 5 × 5 weight gradient is put together from
four 3 × 3 ones, and a strided input gradient is taken in fp32. The values are the same to rounding.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

_backward = torch.ops.aten.convolution_backward


class _Depthwise(torch.autograd.Function):
    """Depthwise convolution of a padded picture: (N, C, H, W), (C, 1, k, k), stride → (N, C, H', W')."""

    @staticmethod
    def forward(ctx, padded: torch.Tensor, weight: torch.Tensor, stride: int) -> torch.Tensor:
        ctx.save_for_backward(padded, weight)
        ctx.stride = stride
        return functional.conv2d(padded, weight, stride=stride, groups=len(weight))

    @staticmethod
    def backward(ctx, grad: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor | None, None]:
        padded, weight = ctx.saved_tensors
        stride, grad_in, grad_weight = ctx.stride, None, None
        if ctx.needs_input_grad[0]:
            exact = grad.dtype if stride == 1 else torch.float32
            grad_in = _gradient(grad.to(exact), padded.to(exact), weight.to(exact), stride, 0)[0].to(padded.dtype)
        if ctx.needs_input_grad[1]:
            grad_weight = _weight_gradient(grad, padded, weight, stride)
        return grad_in, grad_weight, None


def _gradient(grad, padded, weight, stride: int, which: int, padding: int = 0) -> tuple[torch.Tensor, ...]:
    """torch's own gradient for the input (which 0) or the weights (1)."""
    mask = [which == 0, which == 1, False]
    sizes = ([stride] * 2, [padding] * 2, [1, 1], False, [0, 0], len(weight))
    return _backward(grad, padded, weight, None, *sizes, mask)


def _weight_gradient(grad: torch.Tensor, padded: torch.Tensor, weight: torch.Tensor, stride: int) -> torch.Tensor:
    """The weights' gradient; for 5 × 5 from the four 3 × 3 corners, which share the middle row and column."""
    if weight.shape[-1] != 5:
        return _gradient(grad, padded, weight, stride, 1)[1]
    ring = int(stride == 1)  # zeros round `grad` add nothing and keep sizes equal, as the fast path wants
    height, width = (stride * (side - 1) + 3 for side in grad.shape[2:])
    corner = weight[:, :, :3, :3].contiguous()
    grad = functional.pad(grad, (ring,) * 4)
    found = torch.empty_like(weight)
    for y in (0, 2):
        for x in (0, 2):
            part = padded[:, :, y : y + height, x : x + width].contiguous(memory_format=torch.channels_last)
            found[:, :, y : y + 3, x : x + 3] = _gradient(grad, part, corner, stride, 1, ring)[1]
    return found


class DepthwiseConv(nn.Module):
    """Takes the place of a padded depthwise `Conv2d` without bias, and its weight."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.weight, self.stride, self.static_padding = conv.weight, conv.stride[0], conv.static_padding

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        padded, weight = self.static_padding(x), self.weight.to(x.dtype)
        if x.device.type == "cpu" and torch.is_grad_enabled():
            return _Depthwise.apply(padded, weight, self.stride)
        return functional.conv2d(padded, weight, stride=self.stride, groups=len(weight))
