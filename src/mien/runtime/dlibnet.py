"""dlib's face recognition network, from dlib's own file to ONNX.

The file holds C++ template parameters nowhere: what the layers are follows from the type ``anet_type`` in
dlib's examples/dnn_face_recognition_ex.cpp, so the layers are listed here and the file has to agree with the
list at every byte. dlib writes the versions of all layers from the last to the first, then the input layer,
then the layers' own data from the first to the last.

Each ``affine`` layer (a frozen batch normalisation) is folded into the convolution before it, which is exact
up to rounding. A halving residual unit adds tensors of different sizes; dlib fills the smaller one with
zeros at the right, the bottom and the last channels (`add_prev_`), and so does this.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mien.runtime.dlibstream import DlibStream
from mien.runtime.onnxwriter import Node, Port, Tensor, encode_model

SIDE = 150
DIMENSION = 128
Kind = Literal["con", "affine", "relu", "max", "avg", "add", "global", "fc", "tag", "skip"]
Unit = tuple[Kind, ...]

_STEM: Unit = ("con", "affine", "relu", "max")
_KEEP: Unit = ("tag", "con", "affine", "relu", "con", "affine", "add", "relu")
_HALVE: Unit = ("tag", "con", "affine", "relu", "con", "affine", "tag", "skip", "avg", "add", "relu")
_HEAD: Unit = ("global", "fc")
_UNITS: tuple[tuple[Unit, int], ...] = (
    (_STEM, 32),
    *((_KEEP, 32),) * 3,
    (_HALVE, 64),
    *((_KEEP, 64),) * 3,
    (_HALVE, 128),
    *((_KEEP, 128),) * 2,
    (_HALVE, 256),
    *((_KEEP, 256),) * 2,
    (_HALVE, 256),
    (_HEAD, DIMENSION),
)
_LAYERS: tuple[Kind, ...] = tuple(kind for unit, _ in _UNITS for kind in unit)


def dlib_face_net_to_onnx(data: bytes, name: str = "dlib_face_recognition_resnet_model_v1.dat") -> bytes:
    """Convert the bytes of dlib's face recognition network.

    The ONNX graph: ``input`` (N, 3, 150, 150) float32 RGB, mean (122.782, 117.001, 104.298) subtracted and
    divided by 256 by the caller; ``embedding`` (N, 128) float32, not normalised (dlib compares by Euclidean
    distance with threshold 0.6).    A byte out of place raises ModelCorrupt.
    """
    stream = DlibStream(data, name)
    _read_head(stream)
    graph = _Graph()
    flow = _Flow("input", 3, SIDE)
    for number, (unit, channels) in enumerate(_UNITS):
        if unit is _HEAD:
            flow = _read_top(stream, graph, flow)
        elif unit is _STEM:
            flow = _read_stem(stream, graph, flow, channels)
        else:
            flow = _read_residual(stream, graph, flow, channels, number, halve=unit is _HALVE)
    stream.end()
    ports = (Port("input", ("batch", 3, SIDE, SIDE)),), (Port("embedding", ("batch", DIMENSION)),)
    return encode_model(graph.nodes, graph.tensors, *ports, name="dlib_face_recognition_resnet_v1")


@dataclass(frozen=True, slots=True)
class _Flow:
    """A value on its way through the graph: its name, channels and side in cells."""

    name: str
    channels: int
    side: int


@dataclass(slots=True)
class _Graph:
    nodes: list[Node] = field(default_factory=list)
    tensors: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Conv:
    weight: NDArray[np.float64]
    bias: NDArray[np.float64]
    stride: int
    pad: int


def _read_head(stream: DlibStream) -> None:
    """Everything before the layers' own data: loss, versions of the layers, input layer."""
    stream.expect(1, "loss_metric_2")
    stream.real()  # margin and distance threshold matter in training only
    stream.real()
    versions = [1 if kind in ("tag", "skip") else 2 for kind in _LAYERS]
    versions[0] = 3  # the layer that owns the input
    stream.expect(*reversed(versions), "input_rgb_image_sized")
    if not np.allclose([stream.real() for _ in range(3)], (122.782, 117.001, 104.298), atol=1e-3):
        stream.fail("preceded by the mean colour that this network was trained with")
    stream.expect(SIDE, SIDE)


def _layer_end(stream: DlibStream, *, first: bool = False) -> None:
    """State that every layer writes after its data: three flags and gradients, which are empty here."""
    for _ in range(3):
        stream.flag()
    for _ in range(3):
        if stream.tensor().size:
            stream.fail("preceded by an empty gradient")
    if first:
        stream.expect(1)  # samples a picture becomes


def _read_conv(
    stream: DlibStream, ins: int, outs: int, side: int, stride: int, *, first: bool = False
) -> _Conv:
    """A convolution and the affine layer after it, folded into one."""
    stream.expect("con_4")
    params = stream.tensor()
    pad = side // 2 if stride == 1 else 0
    stream.expect(outs, side, side, stride, stride, pad, pad)
    count = outs * ins * side * side
    if (
        stream.alias() != (outs, ins, side, side)
        or stream.alias() != (1, outs, 1, 1)
        or params.size != count + outs
    ):
        stream.fail("preceded by the sizes of a convolution")
    _skip_multipliers(stream)
    _layer_end(stream, first=first)
    stream.expect("affine_")
    gamma_beta = stream.tensor().astype(np.float64)
    if stream.alias() != (1, outs, 1, 1) or stream.alias() != (1, outs, 1, 1) or gamma_beta.size != 2 * outs:
        stream.fail("preceded by the sizes of an affine layer")
    stream.expect(0)  # mode: after a convolution
    _layer_end(stream)
    gamma, beta = gamma_beta[:outs], gamma_beta[outs:]
    weight = params[:count].astype(np.float64).reshape(outs, ins, side, side)
    return _Conv(weight * gamma[:, None, None, None], params[count:] * gamma + beta, stride, pad)


def _skip_multipliers(stream: DlibStream) -> None:
    """Learning-rate and weight-decay multipliers of weights and bias."""
    for _ in range(4):
        stream.real()


def _read_relu(stream: DlibStream) -> None:
    stream.expect("relu_")
    _layer_end(stream)


def _read_stem(stream: DlibStream, graph: _Graph, flow: _Flow, channels: int) -> _Flow:
    conv = _read_conv(stream, flow.channels, channels, 7, 2, first=True)
    _read_relu(stream)
    stream.expect("max_pool_2", 3, 3, 2, 2, 0, 0)
    _layer_end(stream)
    flow = _relu(graph, _conv(graph, flow, conv, "stem"))
    return _pool(graph, flow, "MaxPool", 3, "stem_pool")


def _read_residual(
    stream: DlibStream, graph: _Graph, flow: _Flow, channels: int, number: int, *, halve: bool
) -> _Flow:
    first = _read_conv(stream, flow.channels, channels, 3, 2 if halve else 1)
    _read_relu(stream)
    second = _read_conv(stream, channels, channels, 3, 1)
    if halve:
        stream.expect("avg_pool_2", 2, 2, 2, 2, 0, 0)
        _layer_end(stream)
    stream.expect("add_prev_")
    _layer_end(stream)
    _read_relu(stream)
    name = f"unit{number}"
    inner = _relu(graph, _conv(graph, flow, first, f"{name}a"))
    inner = _conv(graph, inner, second, f"{name}b")
    around = _pool(graph, flow, "AveragePool", 2, f"{name}_pool") if halve else flow
    return _relu(graph, _add(graph, inner, around, f"{name}_sum"))


def _read_top(stream: DlibStream, graph: _Graph, flow: _Flow) -> _Flow:
    stream.expect("avg_pool_2", 0, 0, 1, 1, 0, 0)
    _layer_end(stream)
    stream.expect("fc_2", DIMENSION, flow.channels)
    weight = stream.tensor()
    if stream.alias() != (flow.channels, DIMENSION, 1, 1) or stream.alias() != (0, 0, 0, 0):
        stream.fail("preceded by the sizes of the last layer")
    stream.expect(1)  # no bias
    if weight.size != flow.channels * DIMENSION:
        stream.fail("preceded by the weights of the last layer")
    _skip_multipliers(stream)
    _layer_end(stream)
    graph.tensors["top"] = weight.reshape(flow.channels, DIMENSION)
    graph.nodes += [
        Node("GlobalAveragePool", (flow.name,), ("mean",)),
        Node("Flatten", ("mean",), ("flat",)),
        Node("MatMul", ("flat", "top"), ("embedding",)),
    ]
    return _Flow("embedding", DIMENSION, 1)


def _conv(graph: _Graph, flow: _Flow, conv: _Conv, name: str) -> _Flow:
    graph.tensors[f"{name}_w"] = conv.weight.astype(np.float32)
    graph.tensors[f"{name}_b"] = conv.bias.astype(np.float32)
    attributes = {"strides": [conv.stride] * 2, "pads": [conv.pad] * 4, "kernel_shape": conv.weight.shape[2:]}
    graph.nodes.append(Node("Conv", (flow.name, f"{name}_w", f"{name}_b"), (name,), attributes))
    side = (flow.side + 2 * conv.pad - conv.weight.shape[2]) // conv.stride + 1
    return _Flow(name, conv.weight.shape[0], side)


def _relu(graph: _Graph, flow: _Flow) -> _Flow:
    graph.nodes.append(Node("Relu", (flow.name,), (f"{flow.name}_relu",)))
    return _Flow(f"{flow.name}_relu", flow.channels, flow.side)


def _pool(graph: _Graph, flow: _Flow, op: str, kernel: int, name: str) -> _Flow:
    graph.nodes.append(Node(op, (flow.name,), (name,), {"kernel_shape": [kernel] * 2, "strides": [2, 2]}))
    return _Flow(name, flow.channels, (flow.side - kernel) // 2 + 1)


def _add(graph: _Graph, a: _Flow, b: _Flow, name: str) -> _Flow:
    channels, side = max(a.channels, b.channels), max(a.side, b.side)
    names = tuple(_grow(graph, flow, channels, side) for flow in (a, b))
    graph.nodes.append(Node("Add", names, (name,)))
    return _Flow(name, channels, side)


def _grow(graph: _Graph, flow: _Flow, channels: int, side: int) -> str:
    """Zeros after the last channel, row and column."""
    if (flow.channels, flow.side) == (channels, side):
        return flow.name
    more = [0, 0, 0, 0, 0, channels - flow.channels, side - flow.side, side - flow.side]
    name = f"{flow.name}_grown"
    graph.tensors[f"{name}_by"] = np.array(more, np.int64)
    graph.nodes.append(Node("Pad", (flow.name, f"{name}_by"), (name,)))
    return name
