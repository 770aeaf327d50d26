"""SpotterNet as two ONNX graphs: `trunk`, a picture at a time, and `recurrent`, the frames of one face in order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from ..model import FEATURES, MEAN, STD, SpotterNet
from .graph import Graph


def write_trunk(path: Path, net: SpotterNet) -> None:
    """Crops `pictures` uint8 RGB (N, 224, 224, 3) → `features` (N, 1280), `frame_logits` (N,), `heat` (N, 7, 7) ≥ 0.

    net: not folded, so that the weights that a checkpoint keeps in float16 stay what they are; the runtime folds them.
    heat: ReLU(Σ w_k A_k) / 49 with the frame head's weights w (Zhou et al., *Learning Deep Features for Discriminative
    Localization*, CVPR 2016): what temporal Grad-CAM gives for the frame head, without a gradient.
    """
    graph = Graph("trunk", "EfficientNet-B0 and the frame head of Spotter")
    x = graph.node("Transpose", graph.node("Cast", "pictures", to=1), perm=[0, 3, 1, 2])
    mean, std = (255 * np.array(values, np.float32).reshape(1, 3, 1, 1) for values in (MEAN, STD))
    x = graph.node("Div", graph.node("Sub", x, graph.constant(mean)), graph.constant(std))
    trunk = net.backbone
    x = _swish(graph, _conv(graph, x, trunk._conv_stem, trunk._bn0))
    for block in trunk._blocks:
        before = x
        if block._block_args.expand_ratio != 1:
            x = _swish(graph, _conv(graph, x, block._expand_conv, block._bn0))
        x = _swish(graph, _conv(graph, x, block._depthwise_conv, block._bn1))
        squeezed = _swish(graph, _conv(graph, graph.node("GlobalAveragePool", x), block._se_reduce))
        x = graph.node("Mul", graph.node("Sigmoid", _conv(graph, squeezed, block._se_expand)), x)
        x = _conv(graph, x, block._project_conv, block._bn2)
        same = block._block_args.input_filters == block._block_args.output_filters
        if block.id_skip and block._block_args.stride == 1 and same:
            x = graph.node("Add", x, before)
    maps = _swish(graph, _conv(graph, x, trunk._conv_head, trunk._bn1))
    features = graph.node("Flatten", graph.node("GlobalAveragePool", maps))
    weight, bias = (_array(value) for value in net.frame_head[-1].parameters())
    logits = graph.node("Gemm", features, graph.half(weight), graph.half(bias), transB=1)
    logits = graph.node("Reshape", logits, graph.constant([-1], np.int64))
    heat = graph.node("Relu", graph.node("Conv", maps, graph.half(weight.reshape(1, FEATURES, 1, 1))))
    heat = graph.node("Squeeze", graph.node("Div", heat, graph.constant(49.0)), graph.constant([1], np.int64))
    names = {"features": features, "frame_logits": logits, "heat": heat}
    shapes = {"features": ("N", FEATURES), "frame_logits": ("N",), "heat": ("N", 7, 7)}
    results = {name: (np.float32, shape) for name, shape in shapes.items()}
    graph.save(path, {"pictures": (np.uint8, ("N", 224, 224, 3))}, results, names)


def write_recurrent(path: Path, net: SpotterNet) -> None:
    """`features` (T, 1280) of the frames of one face in one window that can be scored, in order → `logit` (1,): fake −
    real, not yet calibrated. Its weights are kept as int8, a scale a row."""
    graph = Graph("recurrent", "the temporal model and the clip head of Spotter")
    x = graph.node("Unsqueeze", "features", graph.constant([1], np.int64))  # (T, 1, 1280)
    for layer in range(net.gru.num_layers):
        weights = []
        for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            both = [getattr(net.gru, f"{kind}_l{layer}{way}") for way in ("", "_reverse")]
            weights.append(np.stack([_update_first(_array(value)) for value in both]))
        biases = graph.half(np.concatenate(weights[2:], axis=1))
        inputs = [x, graph.rows(weights[0]), graph.rows(weights[1]), biases]
        states = graph.nodes_of(
            "GRU", inputs, 1, direction="bidirectional", hidden_size=net.gru.hidden_size, linear_before_reset=1
        )[0]  # (T, 2, 1, 512)
        states = graph.node("Transpose", states, perm=[0, 2, 1, 3])
        x = graph.node("Reshape", states, graph.constant([0, 0, -1], np.int64))  # both ways side by side
    pooled = [graph.node(kind, x, axes=[0], keepdims=0) for kind in ("ReduceMean", "ReduceMax")]
    x = graph.node("Concat", *pooled, axis=1)
    for part in net.head:
        if isinstance(part, nn.Linear):
            weight, bias = _array(part.weight), _array(part.bias)
            if part is net.head[-1]:
                weight, bias = weight[1:] - weight[:1], bias[1:] - bias[:1]
            kept = graph.rows(weight) if part is not net.head[-1] else graph.constant(weight)
            x = graph.node("Gemm", x, kept, graph.constant(bias), transB=1)
        elif isinstance(part, nn.ReLU):
            x = graph.node("Relu", x)
    logit = graph.node("Reshape", x, graph.constant([-1], np.int64))
    graph.save(path, {"features": (np.float32, ("T", FEATURES))}, {"logit": (np.float32, (1,))}, {"logit": logit})


def _array(value: torch.Tensor) -> np.ndarray:
    return value.detach().cpu().float().numpy()


def _update_first(values: np.ndarray) -> np.ndarray:
    """A GRU's gates in ONNX's order (update, reset, new), from torch's (reset, update, new)."""
    reset, update, new = np.split(values, 3)
    return np.concatenate([update, reset, new])


def _swish(graph: Graph, x: str) -> str:
    return graph.node("Mul", x, graph.node("Sigmoid", x))


def _conv(graph: Graph, x: str, conv: nn.Module, norm: nn.BatchNorm2d | None = None) -> str:
    """A convolution with the zeros around that TensorFlow puts there, and the batch-norm after it."""
    weight = _array(conv.weight)
    left, right, top, bottom = getattr(conv.static_padding, "padding", (0, 0, 0, 0))
    stride = conv.stride if isinstance(conv.stride, int) else conv.stride[0]
    inputs = [x, graph.half(weight)]
    if getattr(conv, "bias", None) is not None:
        inputs.append(graph.half(_array(conv.bias)))
    about = {"kernel_shape": weight.shape[2:], "strides": [stride] * 2, "pads": [top, left, bottom, right]}
    about["group"] = len(weight) if weight.shape[1] == 1 and norm is not None and len(weight) > 1 else 1
    x = graph.node("Conv", *inputs, **about)
    if norm is None:
        return x
    statistics = (norm.weight, norm.bias, norm.running_mean, norm.running_var)
    return graph.node("BatchNormalization", x, *(graph.constant(_array(v)) for v in statistics), epsilon=norm.eps)
