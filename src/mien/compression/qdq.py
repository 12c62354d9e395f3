"""Static int8 in the QDQ form of ONNX: each layer's input and weights go through uint8 and int8.

A pair of QuantizeLinear and DequantizeLinear says where the network may be computed in whole numbers; the
engine fuses it with the layer after it. Activations: uint8 with one scale and zero point a tensor.
Weights: int8, symmetric, one scale an output channel (Nagel et al., A White Paper on Neural Network
Quantization, arXiv 2106.08295, sections 2.2 and 2.4). Biases and sums stay float, as both engines keep them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mien.compression.calibrate import Range
from mien.compression.graph import attribute, import_onnx, set_weights, weights_of

if TYPE_CHECKING:
    import onnx

LARGEST = 127


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer that can be computed in int8.

    name: the value it makes, which is unique in a graph.    input: the value it reads.
    weight: its initializer.    axis: the output channels' axis of the weight.
    """

    name: str
    input: str
    weight: str
    axis: int


def find_layers(graph: onnx.GraphProto) -> list[Layer]:
    """Conv, Gemm and MatMul with stored float weights, in the order of the graph."""
    stored = {
        t.name: len(t.dims) for t in graph.initializer if t.data_type == import_onnx().TensorProto.FLOAT
    }
    found = []
    for node in graph.node:
        if node.op_type not in ("Conv", "Gemm", "MatMul") or node.input[1] not in stored:
            continue
        if node.op_type == "Gemm" and attribute(node, "transA", 0):
            continue
        rows = node.op_type == "Conv" or (node.op_type == "Gemm" and attribute(node, "transB", 0))
        axis = 0 if rows else stored[node.input[1]] - 1
        found.append(Layer(node.output[0], node.input[0], node.input[1], axis))
    return found


def insert_qdq(
    model: onnx.ModelProto, ranges: Mapping[str, Range], layers: Collection[Layer]
) -> onnx.ModelProto:
    """A copy of ``model`` in which ``layers`` are int8.

    ranges: of every layer's input.
    """
    onnx = import_onnx()
    changed = onnx.ModelProto.FromString(model.SerializeToString())
    graph = changed.graph
    chosen = {layer.name: layer for layer in layers}
    weights = weights_of(graph)
    nodes: list[Any] = []
    ready: dict[str, str] = {}  # value -> what it is after its QDQ pair: layers that read one value share it
    for node in graph.node:
        layer = chosen.get(node.output[0])
        if layer is not None:
            for value, make in ((layer.input, _through_uint8), (layer.weight, _from_int8)):
                if value not in ready:
                    ready[value] = make(value, layer, ranges, weights, nodes)
            node.input[0], node.input[1] = ready[layer.input], ready[layer.weight]
        nodes.append(onnx.NodeProto.FromString(node.SerializeToString()))
    del graph.node[:]
    graph.node.extend(nodes)
    set_weights(graph, weights)
    return changed


def quantise_weight(weight: NDArray[np.float32], axis: int) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Whole numbers of the weight's shape and the scale of each channel along ``axis``.

    >>> codes, scales = quantise_weight(np.array([[1.0, -0.5], [0.1, 0.0]], np.float32), 0)
    >>> codes.tolist()
    [[127, -64], [127, 0]]
    """
    others = tuple(i for i in range(weight.ndim) if i != axis)
    scales = np.maximum(np.abs(weight).max(axis=others), 1e-12).astype(np.float32) / np.float32(LARGEST)
    spread = scales.reshape([-1 if i == axis else 1 for i in range(weight.ndim)])
    return np.clip(np.round(weight / spread), -LARGEST, LARGEST).astype(np.int8), scales


def _through_uint8(
    value: str, layer: Layer, ranges: Mapping[str, Range], weights: dict[str, NDArray[Any]], nodes: list[Any]
) -> str:
    helper = import_onnx().helper
    scale, zero = f"{value}_scale", f"{value}_zero"
    weights[scale] = np.array(ranges[value].scale, np.float32)
    weights[zero] = np.array(ranges[value].zero, np.uint8)
    nodes.append(helper.make_node("QuantizeLinear", [value, scale, zero], [f"{value}_uint8"]))
    nodes.append(helper.make_node("DequantizeLinear", [f"{value}_uint8", scale, zero], [f"{value}_seen"]))
    return f"{value}_seen"


def _from_int8(
    value: str, layer: Layer, ranges: Mapping[str, Range], weights: dict[str, NDArray[Any]], nodes: list[Any]
) -> str:
    helper = import_onnx().helper
    codes, scales = quantise_weight(weights[value], layer.axis)
    stored, scale, zero = f"{value}_int8", f"{value}_scale", f"{value}_zero"
    weights[stored], weights[scale], weights[zero] = codes, scales, np.zeros(len(scales), np.int8)
    nodes.append(
        helper.make_node("DequantizeLinear", [stored, scale, zero], [f"{value}_seen"], axis=layer.axis)
    )
    return f"{value}_seen"
