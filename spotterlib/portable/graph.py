"""An ONNX graph, node by node: weights in few bytes, and no tracing of Python that another version would trace anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ..base import atomic_path

_OPSET, _IR = 17, 8  # what onnxruntime reads since 1.14, of early 2023


class Graph:
    """Takes nodes in order; every method that adds one returns the name of its result.

    Weights are kept as float32, as float16 ("half"), or as int8 with one scale a row ("rows": a row's largest weight
    is 127), or as uint8 with one scale for all ("levels"); the graph turns them into float32, and computes with that.
    """

    def __init__(self, name: str, about: str) -> None:
        self.name, self.about = name, about
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self.count = 0

    def node(self, kind: str, *inputs: str, **attributes: object) -> str:
        """A node with one result."""
        return self.nodes_of(kind, inputs, 1, **attributes)[0]

    def nodes_of(self, kind: str, inputs: Sequence[str], results: int, **attributes: object) -> list[str]:
        """A node with several results."""
        names = [self._name(kind.lower()) for _ in range(results)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        return names

    def constant(self, values: np.ndarray | Sequence[float], kind: type = np.float32) -> str:
        """Values kept exactly, of this kind."""
        name = self._name("value")
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(values, dtype=kind), name))
        return name

    def half(self, values: np.ndarray) -> str:
        """Weights kept in float16."""
        return self.node("Cast", self.constant(values, np.float16), to=TensorProto.FLOAT)

    def rows(self, values: np.ndarray) -> str:
        """Weights (…, n) kept as int8, with one scale for each row of n."""
        flat = np.asarray(values, np.float32).reshape(-1, values.shape[-1])
        scale = np.maximum(np.abs(flat).max(1), 1e-12) / 127
        whole = self.constant(np.rint(flat / scale[:, None]), np.int8)
        nought = self.constant(np.zeros(len(flat)), np.int8)
        found = self.node("DequantizeLinear", whole, self.constant(scale), nought, axis=0)
        return found if values.ndim == 2 else self.node("Reshape", found, self.constant(values.shape, np.int64))

    def levels(self, values: np.ndarray) -> str:
        """Weights kept as a byte each where they are at most 256 even levels, others as they are."""
        found = np.unique(values.astype(np.float64))
        span = float(found[-1] - found[0])
        steps = round(span / float(np.diff(found).min())) if len(found) > 1 else 0
        step = span / max(steps, 1)
        whole = np.rint((values - found[0]) / max(step, 1e-12))
        if not 0 < steps <= 255 or np.abs(whole * step + found[0] - values).max() > 1e-5 * span:
            return self.constant(values)
        kept = self.node("Cast", self.constant(whole, np.uint8), to=TensorProto.FLOAT)
        return self.node("Add", self.node("Mul", kept, self.constant(step)), self.constant(found[0]))

    def save(self, path: Path, inputs: Mapping[str, tuple], results: Mapping[str, tuple], names: Mapping[str, str]):
        """Write the graph, checked; inputs and results: (numpy kind, shape) by name; names: which node is a result."""
        for result, name in names.items():
            self.nodes.append(helper.make_node("Identity", [name], [result]))

        def told(about: Mapping[str, tuple]) -> list[onnx.ValueInfoProto]:
            return [
                helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(kind)), shape)
                for name, (kind, shape) in about.items()
            ]

        graph = helper.make_graph(self.nodes, self.name, told(inputs), told(results), self.weights, self.about)
        opset = [helper.make_opsetid("", _OPSET)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=_IR, producer_name="spotterlib")
        onnx.checker.check_model(model, full_check=True)
        with atomic_path(path) as temporary:
            temporary.write_bytes(model.SerializeToString(deterministic=True))

    def _name(self, kind: str) -> str:
        self.count += 1
        return f"{kind}_{self.count}"
