"""The network that tells people apart as an ONNX graph, its weights as they are shipped: most of them a byte each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from ..faces import CHIP, face_recogniser
from .graph import Graph


def write_recogniser(path: Path) -> None:
    """Aligned faces `pictures` float32 RGB 0…255 (N, 3, 150, 150) → `points` (N, 128): of one person near each other.

    How a face is aligned and how near is near: `spotterlib/faces/recognise.py` and `people.py`.
    """
    net, mean = face_recogniser()
    graph = Graph("recogniser", "dlib's ResNet of 2017, as face-api ships it")
    x = graph.node("Sub", "pictures", graph.constant(np.array(mean).reshape(1, 3, 1, 1)))
    x = graph.node("Div", x, graph.constant(256.0))
    x = graph.node("Relu", _layer(graph, x, net.first))
    x = graph.node("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2])
    side = ((CHIP - 7) // 2 + 1 - 3) // 2 + 1
    for block in net.blocks:
        out = _layer(graph, graph.node("Relu", _layer(graph, x, block.conv1)), block.conv2)
        if block.down:
            ours, past = (side - 3) // 2 + 1, side // 2
            side = max(ours, past)
            x = graph.node("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
            wider = block.conv1.conv.out_channels - block.conv1.conv.in_channels
            out, x = _padded(graph, out, 0, side - ours), _padded(graph, x, wider, side - past)
        x = graph.node("Relu", graph.node("Add", out, x))
    x = graph.node("Flatten", graph.node("GlobalAveragePool", x))
    points = graph.node("Gemm", x, graph.levels(_array(net.last.weight)), transB=1)
    inputs = {"pictures": (np.float32, ("N", 3, CHIP, CHIP))}
    graph.save(path, inputs, {"points": (np.float32, ("N", 128))}, {"points": points})


def _layer(graph: Graph, x: str, layer: nn.Module) -> str:
    conv = layer.conv
    inputs = [x, graph.levels(_array(conv.weight)), graph.constant(_array(conv.bias))]
    pads, strides = [conv.padding[0]] * 4, list(conv.stride)
    x = graph.node("Conv", *inputs, kernel_shape=list(conv.kernel_size), strides=strides, pads=pads)
    scale, shift = (graph.constant(_array(value).reshape(1, -1, 1, 1)) for value in (layer.scale, layer.shift))
    return graph.node("Add", graph.node("Mul", x, scale), shift)


def _padded(graph: Graph, x: str, channels: int, pixels: int) -> str:
    """With further channels, and further pixels to the right and below, of nothing."""
    if not channels and not pixels:
        return x
    return graph.node("Pad", x, graph.constant([0, 0, 0, 0, 0, channels, pixels, pixels], np.int64))


def _array(value: torch.Tensor) -> np.ndarray:
    return value.detach().float().numpy()
