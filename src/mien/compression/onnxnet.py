"""An ONNX network as a PyTorch module, so that a model whose training nobody has can be trained on.

Only what convolutional embedding networks are made of is known here; everything else is refused by name.
Batch normalisation keeps the statistics of the file, also in training.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from mien.compression.graph import attribute, import_onnx, set_weights, weights_of
from mien.core.errors import InputError

if TYPE_CHECKING:
    import onnx

Operation = Callable[["onnx.NodeProto", list[Tensor]], Tensor]

# Which inputs of an operation are weights that learn; all other stored values are constants.
LEARNING = {"Conv": (1, 2), "Gemm": (1, 2), "MatMul": (1,), "PRelu": (1,), "BatchNormalization": (1, 2)}


class OnnxNet(nn.Module):
    """(N, …) float32, as the file's input -> its output.

    raises: InputError for a graph with several inputs or outputs, or an operation that is not known.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        super().__init__()
        graph = model.graph
        if len(graph.input) != 1 or len(graph.output) != 1:
            raise InputError(
                f"a network with {len(graph.input)} inputs and {len(graph.output)} outputs is not trained "
                "here: give one with a single input and output"
            )
        self.model = model
        self.source, self.target = graph.input[0].name, graph.output[0].name
        self.slots: dict[str, str] = {}
        learning = _learning(graph)
        for number, (name, value) in enumerate(weights_of(graph).items()):
            self.slots[name] = slot = f"w{number}"
            held = torch.from_numpy(np.array(value))
            if name in learning and held.is_floating_point():
                self.register_parameter(slot, nn.Parameter(held.float()))
            else:
                self.register_buffer(slot, held, persistent=False)
        for node in graph.node:
            if node.op_type not in OPERATIONS or len(node.output) != 1:
                raise InputError(
                    f"a network with the operation {node.op_type} is not trained here: give a convolutional "
                    f"one ({', '.join(sorted(OPERATIONS))})"
                )

    def forward(self, pixels: Tensor) -> Tensor:
        values = {self.source: pixels}
        for node in self.model.graph.node:
            taken = [self._get(name, values) for name in node.input]
            values[node.output[0]] = OPERATIONS[node.op_type](node, taken)
        return values[self.target]

    def to_model(self) -> onnx.ModelProto:
        """The file again, with the weights as they are now."""
        onnx = import_onnx()
        changed = onnx.ModelProto.FromString(self.model.SerializeToString())
        held = {name: getattr(self, slot).detach().cpu().numpy() for name, slot in self.slots.items()}
        set_weights(changed.graph, held)
        return changed

    def _get(self, name: str, values: dict[str, Tensor]) -> Tensor:
        found: Tensor = values[name] if name in values else getattr(self, self.slots[name])
        return found


def _learning(graph: onnx.GraphProto) -> set[str]:
    return {
        node.input[place]
        for node in graph.node
        for place in LEARNING.get(node.op_type, ())
        if place < len(node.input)
    }


def _padded(node: onnx.NodeProto, x: Tensor, fill: float = 0.0) -> Tensor:
    """Pad as the node's ``pads`` say: top, left, bottom, right."""
    if attribute(node, "auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID"):
        raise InputError("padding that a file leaves to the engine (auto_pad) is not known: export it anew")
    pads = attribute(node, "pads", [0, 0, 0, 0])
    if len(pads) != 4:
        raise InputError("only networks on flat pictures are trained here: give a 2-D convolutional one")
    top, left, bottom, right = pads
    return functional.pad(x, (left, right, top, bottom), value=fill) if any(pads) else x


def _conv(node: onnx.NodeProto, given: list[Tensor]) -> Tensor:
    pads = attribute(node, "pads", [0, 0, 0, 0])
    even = len(pads) == 4 and pads[:2] == pads[2:] and not attribute(node, "auto_pad", b"")
    made: Tensor = functional.conv2d(
        given[0] if even else _padded(node, given[0]),
        given[1],
        given[2] if len(given) > 2 else None,
        stride=attribute(node, "strides", [1, 1]),
        padding=tuple(pads[:2]) if even else 0,
        dilation=attribute(node, "dilations", [1, 1]),
        groups=attribute(node, "group", 1),
    )
    return made


def _gemm(node: onnx.NodeProto, given: list[Tensor]) -> Tensor:
    first = given[0].T if attribute(node, "transA", 0) else given[0]
    second = given[1].T if attribute(node, "transB", 0) else given[1]
    made: Tensor = attribute(node, "alpha", 1.0) * (first @ second)
    return made + attribute(node, "beta", 1.0) * given[2] if len(given) > 2 else made


def _norm(node: onnx.NodeProto, given: list[Tensor]) -> Tensor:
    x, gamma, beta, mean, variance = given
    return functional.batch_norm(x, mean, variance, gamma, beta, eps=attribute(node, "epsilon", 1e-5))


def _prelu(node: onnx.NodeProto, given: list[Tensor]) -> Tensor:
    x, slope = given
    # Torch's own is faster, where the slope is one a channel.
    if slope.numel() in (1, x.shape[1]) and slope.numel() == max(slope.shape, default=1):
        return functional.prelu(x, slope.flatten())
    return torch.where(x < 0, x * slope, x)


def _clip(node: onnx.NodeProto, given: list[Tensor]) -> Tensor:
    return given[0].clamp(*(float(bound) for bound in given[1:]))


def _pool(kind: Callable[..., Tensor], fill: float) -> Operation:
    def pool(node: onnx.NodeProto, given: list[Tensor]) -> Tensor:
        if attribute(node, "ceil_mode", 0) or (fill == 0 and any(attribute(node, "pads", []))):
            raise InputError("pooling beyond the picture's edge is not known: give another network")
        size = attribute(node, "kernel_shape", [1, 1])
        return kind(_padded(node, given[0], fill), size, attribute(node, "strides", [1, 1]))

    return pool


def _reshape(node: onnx.NodeProto, given: list[Tensor]) -> Tensor:
    wanted = [int(side) for side in given[1]]
    sides = [given[0].shape[place] if side == 0 else side for place, side in enumerate(wanted)]
    # Files for one picture say 1 where the batch is.
    return given[0].reshape(len(given[0]), *sides[1:])


def _flatten(node: onnx.NodeProto, given: list[Tensor]) -> Tensor:
    if attribute(node, "axis", 1) != 1:
        raise InputError("a network that flattens across pictures is not trained here: give another")
    return given[0].flatten(1)


def _relu_leaky(node: onnx.NodeProto, given: list[Tensor]) -> Tensor:
    return functional.leaky_relu(given[0], attribute(node, "alpha", 0.01))


def _of(kind: Callable[..., Any]) -> Operation:
    return lambda _, given: kind(*given)


OPERATIONS: dict[str, Operation] = {
    "Add": _of(torch.add),
    "AveragePool": _pool(functional.avg_pool2d, 0.0),
    "BatchNormalization": _norm,
    "Clip": _clip,
    "Conv": _conv,
    "Div": _of(torch.div),
    "Flatten": _flatten,
    "Gemm": _gemm,
    "GlobalAveragePool": lambda _, given: given[0].mean((2, 3), keepdim=True),
    "HardSwish": _of(functional.hardswish),
    "LeakyRelu": _relu_leaky,
    "MatMul": _of(torch.matmul),
    "MaxPool": _pool(functional.max_pool2d, float("-inf")),
    "Mul": _of(torch.mul),
    "PRelu": _prelu,
    "Relu": _of(torch.relu),
    "Reshape": _reshape,
    "Sigmoid": _of(torch.sigmoid),
    "Sub": _of(torch.sub),
}
