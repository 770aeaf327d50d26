"""The network made ready for scoring: the same function of a picture in fewer steps."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_weights


class FoldedConv(nn.Module):
    """A convolution without bias and the batch-norm after it, in one step: w' = w·γ/σ, b' = β − μ·γ/σ.

    Zeros around a picture are left to the convolution where they are the same on all sides: nothing is copied.
    """

    def __init__(self, conv: nn.Module, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        statistics = (norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias)
        weight, bias = fuse_conv_bn_weights(conv.weight, None, *statistics)
        self.weight = nn.Parameter(weight.detach(), requires_grad=False)
        self.bias = nn.Parameter(bias.detach(), requires_grad=False)
        self.stride = conv.stride
        self.groups = len(weight) if weight.shape[1] == 1 else 1
        sides = getattr(conv.static_padding, "padding", (0, 0, 0, 0))
        self.around = nn.Identity() if len(set(sides)) == 1 else conv.static_padding
        self.padding = sides[0] if len(set(sides)) == 1 else 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.conv2d(self.around(x), self.weight, self.bias, self.stride, self.padding, 1, self.groups)


def fold(net: nn.Module) -> nn.Module:
    """Fold every batch-norm of a `SpotterNet` in evaluation mode into the convolution before it; changes `net`.

    It can be trained no more, and its tensors have other names. Maps differ by rounding alone (1e-5 of their range).
    """
    trunk = net.backbone
    _join(trunk, "_conv_stem", "_bn0")
    for block in trunk._blocks:
        if block._block_args.expand_ratio != 1:
            _join(block, "_expand_conv", "_bn0")
        _join(block, "_depthwise_conv", "_bn1")
        _join(block, "_project_conv", "_bn2")
    _join(trunk, "_conv_head", "_bn1")
    net.folded = True
    return net


def _join(module: nn.Module, conv: str, norm: str) -> None:
    setattr(module, conv, FoldedConv(getattr(module, conv), getattr(module, norm)))
    setattr(module, norm, nn.Identity())
