"""The network made ready for scoring: the same function of a picture in fewer steps."""

from __future__ import annotations

import platform

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_weights

# oneDNN's convolution, bias and swish in one go, as torch.compile calls it: half the time of the three one after
# another. No public function of torch's; where it is missing, or untried, the three are taken
_ONE_GO = getattr(torch.ops.mkldnn, "_convolution_pointwise", None)
_READY = (
    torch.backends.mkldnn.is_available()
    and platform.machine() in ("x86_64", "AMD64")
    and _ONE_GO is not None
    and hasattr(torch._C._nn, "mkldnn_reorder_conv2d_weight")
)


class FoldedConv(nn.Module):
    """A convolution without bias and the batch-norm after it, in one step: w' = w·γ/σ, b' = β − μ·γ/σ; then swish,
    x·σ(x), where asked.

    TensorFlow puts one more line of zeros below and to the right of what a strided convolution sees. A kernel with a
    line of zeros of its own above and to the left wants as many on all sides: nothing needs to be copied.
    """

    def __init__(self, conv: nn.Module, norm: nn.BatchNorm2d, swish: bool) -> None:
        super().__init__()
        statistics = (norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias)
        weight, bias = fuse_conv_bn_weights(conv.weight, None, *statistics)
        left, right, _, _ = getattr(conv.static_padding, "padding", (0, 0, 0, 0))
        weight = functional.pad(weight, (right - left, 0, right - left, 0))
        self.weight = nn.Parameter(weight.detach(), requires_grad=False)
        self.bias = nn.Parameter(bias.detach(), requires_grad=False)
        self.stride = conv.stride if isinstance(conv.stride, int) else conv.stride[0]
        self.padding, self.swish = right, swish
        self.groups = len(weight) if weight.shape[1] == 1 else 1
        self.packed: torch.Tensor | None = None  # the weights in the order in which oneDNN reads them

    def __getstate__(self) -> dict:
        return {**self.__dict__, "packed": None}  # it cannot be copied, and is made again in a moment

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if _READY and x.device.type == "cpu" and x.dtype == torch.float32 and not torch.is_grad_enabled():
            two = [[self.padding] * 2, [self.stride] * 2, [1, 1]]
            if self.packed is None:
                reorder = torch._C._nn.mkldnn_reorder_conv2d_weight
                self.packed = reorder(self.weight.to_mkldnn(), *two, self.groups, list(x.shape))
            kind = "swish" if self.swish else "none"
            return _ONE_GO(x, self.packed, self.bias, *two, self.groups, kind, [], "")
        x = functional.conv2d(x, self.weight, self.bias, self.stride, self.padding, 1, self.groups)
        return functional.silu(x) if self.swish else x


class FoldedBlock(nn.Module):
    """A block of the trunk in evaluation mode: expand, depthwise, squeeze and excite, project, and what goes past."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        about = block._block_args
        wider = about.expand_ratio != 1
        self.expand = FoldedConv(block._expand_conv, block._bn0, swish=True) if wider else nn.Identity()
        self.depthwise = FoldedConv(block._depthwise_conv, block._bn1, swish=True)
        self.reduce, self.excite = _dense(block._se_reduce), _dense(block._se_expand)
        self.project = FoldedConv(block._project_conv, block._bn2, swish=False)
        self.past = block.id_skip and self.depthwise.stride == 1 and about.input_filters == about.output_filters

    def forward(self, inputs: torch.Tensor, drop_connect_rate: float = 0.0) -> torch.Tensor:
        x = self.depthwise(self.expand(inputs))
        gates = torch.sigmoid(self.excite(functional.silu(self.reduce(x.mean((2, 3))))))
        x = self.project(x * gates[:, :, None, None])
        return x + inputs if self.past else x


def _dense(conv: nn.Conv2d) -> nn.Linear:
    """A convolution of one pixel on one pixel."""
    outputs, inputs = conv.weight.shape[:2]
    layer = nn.Linear(inputs, outputs)
    layer.weight = nn.Parameter(conv.weight.detach().reshape(outputs, inputs), requires_grad=False)
    layer.bias = nn.Parameter(conv.bias.detach(), requires_grad=False)
    return layer


def fold(net: nn.Module) -> nn.Module:
    """Fold every batch-norm of a `SpotterNet` in evaluation mode into the convolution before it; changes `net`.

    It can be trained no more, and its tensors have other names. Maps differ by rounding alone (1e-5 of their range).
    """
    trunk = net.backbone
    trunk._conv_stem, trunk._bn0 = FoldedConv(trunk._conv_stem, trunk._bn0, swish=True), nn.Identity()
    trunk._blocks = nn.ModuleList(FoldedBlock(block) for block in trunk._blocks)
    trunk._conv_head, trunk._bn1 = FoldedConv(trunk._conv_head, trunk._bn1, swish=True), nn.Identity()
    trunk._swish = nn.Identity()
    net.folded = True
    return net
