"""MTCNN's three networks as ONNX graphs; what runs between them (pyramid, boxes, what overlaps) is its user's."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np
from torch import nn

from ..faces import face_networks
from .graph import Graph

_SIDES = {"pnet": ("H", "W"), "rnet": (24, 24), "onet": (48, 48)}
_HEADS = {"1": "probabilities", "2": "regressions", "3": "landmarks"}  # by how facenet-pytorch ends a layer's name


def finder_writers() -> dict[str, Callable[[Path], None]]:
    """What writes pnet, rnet and onet, by name.

    Each takes `pictures` float32 RGB 0…255 (N, 3, H, W), of any size, of 24 and of 48 px, and gives `probabilities` of
    no face and a face (N, 2, …) and `regressions` of the box (N, 4, …); onet `landmarks` (N, 10), too: five x, five y.
    Weights in float32, as they are.
    """
    return {name: functools.partial(_write, name=name, net=net) for name, net in face_networks().items()}


def _write(path: Path, name: str, net: nn.Module) -> None:
    graph = Graph(name, "a network of MTCNN, as facenet-pytorch has it")
    x = graph.node("Mul", graph.node("Sub", "pictures", graph.constant(127.5)), graph.constant(0.0078125))
    names: dict[str, str] = {}
    dense = False
    for part, module in net.named_children():
        _, _, head = part.partition("_")
        if isinstance(module, nn.Softmax):
            names["probabilities"] = graph.node("Softmax", names["probabilities"], axis=1)
            continue
        if isinstance(module, nn.Linear) and not dense:  # the order in which its weights were learnt
            dense, x = True, graph.node("Flatten", graph.node("Transpose", x, perm=[0, 3, 2, 1]))
        result = _layer(graph, x, module, dense)
        if head:
            names[_HEADS[head]] = result
        else:
            x = result
    ends = ("N", "h", "w") if name == "pnet" else ("N",)
    width = {"probabilities": 2, "regressions": 4, "landmarks": 10}
    results = {key: (np.float32, (ends[0], width[key], *ends[1:])) for key in sorted(names)}
    inputs = {"pictures": (np.float32, ("N", 3, *_SIDES[name]))}
    graph.save(path, inputs, results, {key: names[key] for key in results})


def _layer(graph: Graph, x: str, module: nn.Module, dense: bool) -> str:
    if isinstance(module, nn.MaxPool2d):
        return graph.node("MaxPool", x, kernel_shape=[module.kernel_size] * 2, strides=[module.stride] * 2, ceil_mode=1)
    weights = [value.detach().numpy() for value in module.parameters()]
    if isinstance(module, nn.PReLU):
        return graph.node("PRelu", x, graph.constant(weights[0] if dense else weights[0].reshape(-1, 1, 1)))
    kept = [graph.constant(value) for value in weights]
    if isinstance(module, nn.Conv2d):
        return graph.node("Conv", x, *kept, kernel_shape=module.kernel_size)
    return graph.node("Gemm", x, *kept, transB=1)
