"""The quick gradients of depthwise convolutions are torch's own."""

from __future__ import annotations

import pytest
import torch
from efficientnet_pytorch.utils import Conv2dStaticSamePadding

from spotterlib.model import SpotterNet
from spotterlib.model.depthwise import DepthwiseConv

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("side", [7, 14, 28])
def test_both_gradients_are_those_of_a_plain_convolution(kernel, stride, side):
    generator = torch.Generator().manual_seed(kernel + stride + side)
    x = torch.randn(2, 6, side, side, generator=generator).contiguous(memory_format=torch.channels_last)
    conv = Conv2dStaticSamePadding(6, 6, kernel, stride, image_size=side, groups=6, bias=False)
    mine = DepthwiseConv(conv)
    assert mine.weight is conv.weight and list(mine.state_dict()) == ["weight"]
    grads = []
    for layer in (conv, mine):
        given = x.clone().requires_grad_()
        made = layer(given)
        made.backward(torch.cos(torch.arange(made.numel(), dtype=torch.float32)).view_as(made))
        grads.append((made.detach(), given.grad, conv.weight.grad.clone()))
        conv.weight.grad = None
    for theirs, ours in zip(*grads, strict=True):
        assert torch.allclose(theirs, ours, rtol=1e-4, atol=1e-4 * float(theirs.abs().max()))


def test_the_input_alone_may_want_a_gradient():
    conv = SpotterNet().backbone._blocks[4]._depthwise_conv
    conv.weight.requires_grad_(False)
    x = torch.randn(1, conv.weight.shape[0], 28, 28, requires_grad=True)
    conv(x).sum().backward()
    assert x.grad.abs().sum() > 0 and conv.weight.grad is None


def test_in_bf16_it_is_as_close_as_bf16_allows():
    conv = SpotterNet().backbone._blocks[5]._depthwise_conv
    x = torch.randn(2, conv.weight.shape[0], 28, 28).contiguous(memory_format=torch.channels_last)
    found = {}
    for dtype in (torch.float32, torch.bfloat16):
        given = x.to(dtype).clone().requires_grad_()
        conv(given).float().square().mean().backward()
        found[dtype] = given.grad.float(), conv.weight.grad.clone()
        conv.weight.grad = None
    for exact, near in zip(*found.values(), strict=True):
        assert float((exact - near).norm() / exact.norm()) < 0.02
