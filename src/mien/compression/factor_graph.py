"""Which layers of a graph can become pairs of thinner ones, and how the graph is changed.

A convolution of k × k becomes one of k × k to r channels and one of 1 × 1 back; a fully connected layer on
a flattened picture of C channels becomes a 1 × 1 convolution from C to r channels and a fully connected
layer on what is left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mien.compression.graph import attribute, import_onnx, readers, set_weights, weights_of
from mien.compression.lowrank import Affine, Pair

if TYPE_CHECKING:
    import onnx

MULTIPLE = 8  # channels: what kernels are written for


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer that can be factored.

    name: the value it makes.    reads: the value it reads; of a full one, before it is flattened.
    inner: numbers that make one answer: C·k·k of a convolution, C of a fully connected layer.
    outer: numbers that one of the r channels feeds: the O answers, or the O·H·W weights of a full layer.
    kernel, strides, pads: of a convolution; a full layer has none.
    shape: (C, H, W) that a full layer reads.
    """

    name: str
    reads: str
    weight: str
    inner: int
    outer: int
    kernel: tuple[int, ...] = ()
    strides: tuple[int, ...] = (1, 1)
    pads: tuple[int, ...] = (0, 0, 0, 0)
    shape: tuple[int, ...] = ()

    @property
    def full(self) -> bool:
        return not self.kernel

    @property
    def stored(self) -> int:
        return self.inner * self.outer

    @property
    def ranks(self) -> NDArray[np.int64]:
        """Ranks worth having: the pair stores less than the layer did."""
        most = (self.stored - 1) // (self.inner + self.outer)
        return np.arange(MULTIPLE, most + 1, MULTIPLE)

    def stored_at(self, rank: int) -> int:
        """Numbers of the pair; rank 0: of the layer as it is."""
        return rank * (self.inner + self.outer) if rank else self.stored


def find_factorable(model: onnx.ModelProto) -> list[Layer]:
    """Layers in the order of the graph; grouped and dilated convolutions are not among them."""
    graph = model.graph
    stored = weights_of(graph)
    counts = readers(graph)
    makers = {node.output[0]: node for node in graph.node}
    shapes = shapes_of(model)
    found = []
    for node in graph.node:
        if node.op_type not in ("Conv", "Gemm") or any(name not in stored for name in node.input[1:]):
            continue
        weight = stored[node.input[1]]
        if counts[node.input[1]] != 1 or weight.dtype != np.float32:
            continue
        layer = (
            _conv(node, weight)
            if node.op_type == "Conv"
            else _full(node, weight, makers.get(node.input[0]), shapes)
        )
        if layer is not None and len(layer.ranks):
            found.append(layer)
    return found


def rewire(model: onnx.ModelProto, layer: Layer, made: Affine | Pair) -> onnx.ModelProto:
    """A copy of ``model`` with one layer replaced.

    made: a convolution's weights over C·k·k numbers; a full layer's `Pair` has down (r, C) and up (O, r·H·W),
        its `Affine` (O, C·H·W).
    """
    onnx = import_onnx()
    changed = onnx.ModelProto.FromString(model.SerializeToString())
    graph = changed.graph
    weights = weights_of(graph)
    place = next(i for i, node in enumerate(graph.node) if node.output[0] == layer.name)
    node = graph.node[place]
    bias = _store(weights, f"{layer.name}_bias", made.bias)
    if isinstance(made, Affine):
        shape = weights[layer.weight].shape
        node.input[:] = [node.input[0], _store(weights, f"{layer.name}_refit", made.weight, shape), bias]
    elif layer.full:
        _rewire_full(graph, layer, made, weights, place, bias)
    else:
        _rewire_conv(graph, layer, made, weights, place, bias)
    set_weights(graph, weights)
    return changed


def _rewire_conv(
    graph: onnx.GraphProto, layer: Layer, made: Pair, weights: dict[str, NDArray[Any]], place: int, bias: str
) -> None:
    onnx = import_onnx()
    node = graph.node[place]
    rank, thin = len(made.down), f"{layer.name}_thin"
    down = _store(weights, f"{layer.name}_down", made.down, (rank, *weights[layer.weight].shape[1:]))
    up = _store(weights, f"{layer.name}_up", made.up, (*made.up.shape, 1, 1))
    last = onnx.helper.make_node("Conv", [thin, up, bias], [layer.name], kernel_shape=[1, 1])
    node.input[:], node.output[:] = [node.input[0], down], [thin]
    graph.node.insert(place + 1, last)


def _rewire_full(
    graph: onnx.GraphProto, layer: Layer, made: Pair, weights: dict[str, NDArray[Any]], place: int, bias: str
) -> None:
    onnx = import_onnx()
    down = _store(weights, f"{layer.name}_down", made.down, (*made.down.shape, 1, 1))
    up = _store(weights, f"{layer.name}_up", made.up)
    thin, flat = f"{layer.name}_thin", f"{layer.name}_flat"
    node = graph.node[place]
    node.input[:] = [flat, up, bias]
    graph.node.insert(place, onnx.helper.make_node("Flatten", [thin], [flat], axis=1))
    graph.node.insert(place, onnx.helper.make_node("Conv", [layer.reads, down], [thin], kernel_shape=[1, 1]))
    drop_unread(graph)


def drop_unread(graph: onnx.GraphProto) -> None:
    """Drop the nodes that no output depends on."""
    needed = {out.name for out in graph.output}
    for place in reversed(range(len(graph.node))):
        if needed.isdisjoint(graph.node[place].output):
            del graph.node[place]
        else:
            needed.update(graph.node[place].input)


def _conv(node: onnx.NodeProto, weight: NDArray[Any]) -> Layer | None:
    plain = (
        weight.ndim == 4
        and attribute(node, "group", 1) == 1
        and set(attribute(node, "dilations", [1])) == {1}
        and attribute(node, "auto_pad", b"NOTSET") == b"NOTSET"
    )
    if not plain:
        return None
    return Layer(
        name=node.output[0],
        reads=node.input[0],
        weight=node.input[1],
        inner=int(np.prod(weight.shape[1:])),
        outer=len(weight),
        kernel=weight.shape[2:],
        strides=tuple(attribute(node, "strides", [1, 1])),
        pads=tuple(attribute(node, "pads", [0, 0, 0, 0])),
    )


def _full(
    node: onnx.NodeProto,
    weight: NDArray[Any],
    flattens: onnx.NodeProto | None,
    shapes: dict[str, tuple[int, ...]],
) -> Layer | None:
    rows = attribute(node, "transB", 0) == 1 and not attribute(node, "transA", 0)
    if not rows or attribute(node, "alpha", 1.0) != 1 or attribute(node, "beta", 1.0) != 1:
        return None
    if flattens is None or flattens.op_type not in ("Flatten", "Reshape"):
        return None
    shape = shapes.get(flattens.input[0], ())
    if len(shape) != 4 or int(np.prod(shape[1:])) != weight.shape[1]:
        return None
    return Layer(
        name=node.output[0],
        reads=flattens.input[0],
        weight=node.input[1],
        inner=shape[1],
        outer=weight.shape[0] * shape[2] * shape[3],
        shape=shape[1:],
    )


def shapes_of(model: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    """Value -> its shape, where the file says enough to tell; a free side is 0."""
    onnx = import_onnx()
    graph = onnx.shape_inference.infer_shapes(model).graph
    return {
        value.name: tuple(side.dim_value for side in value.type.tensor_type.shape.dim)
        for value in [*graph.input, *graph.value_info, *graph.output]
    }


def _store(
    weights: dict[str, NDArray[Any]], name: str, value: NDArray[Any], shape: tuple[int, ...] | None = None
) -> str:
    weights[name] = value.astype(np.float32).reshape(shape if shape is not None else value.shape)
    return name
