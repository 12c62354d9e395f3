"""An ONNX graph computed by PyTorch, so that there are gradients of what the product runs.

A network is refused by the names of what is not in `OPERATORS`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor, nn

from mien.core.errors import DependencyMissing, ModelError
from mien.training.operators.layers import LAYERS
from mien.training.operators.operator import Operator, refused
from mien.training.operators.pointwise import POINTWISE
from mien.training.operators.shapes import SHAPES

if TYPE_CHECKING:
    import onnx

OPERATORS: Mapping[str, Operator] = {**LAYERS, **POINTWISE, **SHAPES}


class TorchGraph(nn.Module):
    """The graph of an ONNX file: its input in, its first output out; (N, …) also where the file says (1, …).

    learning: the names of the stored values that become parameters, as float32; all others are constants.
    raises: `ModelError` for several inputs or operators that are not known (an int8 file's).
    """

    def __init__(self, graph: onnx.GraphProto, learning: Collection[str] = ()) -> None:
        super().__init__()
        _refuse_unknown(graph)
        self.slots: dict[str, str] = {}  # the name in the file -> that of the parameter or buffer
        for stored in graph.initializer:
            self._keep(stored.name, _tensor(stored), stored.name in learning)
        self.steps = []
        for node in graph.node:
            step = OPERATORS[node.op_type], list(node.input), list(node.output), _attributes(node)
            if node.op_type == "Constant":  # held, to move to a device with the others
                self._keep(node.output[0], step[0]([], step[3]), learns=False)
            else:
                self.steps.append(step)
        inputs = [value.name for value in graph.input if value.name not in self.slots]
        if len(inputs) != 1:
            raise refused(f"has {len(inputs)} inputs, not one")
        self.input, self.output = inputs[0], graph.output[0].name

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """raises: `ModelError` for bytes that are no ONNX file, too."""
        try:
            import onnx
        except ModuleNotFoundError as error:
            raise DependencyMissing("reading a network needs onnx: pip install 'mien[train]'") from error
        try:
            graph = onnx.load_model_from_string(data).graph
        except Exception as error:
            raise ModelError(f"the network is no ONNX file ({error}): export it again") from error
        return cls(graph)

    def forward(self, pictures: Tensor) -> Tensor:
        values: dict[str, Any] = {name: getattr(self, slot) for name, slot in self.slots.items()}
        values.update({self.input: pictures, "": None})
        for operator, inputs, outputs, attributes in self.steps:
            said = operator([values[name] for name in inputs], attributes)
            answers = said if isinstance(said, tuple) else (said,)
            values.update(zip(outputs, answers, strict=False))  # a Dropout's mask, say, is left out
        answer: Tensor = values[self.output]
        return answer

    def _keep(self, name: str, value: Tensor, learns: bool) -> None:
        self.slots[name] = slot = f"w{len(self.slots)}"
        if learns and value.is_floating_point():
            self.register_parameter(slot, nn.Parameter(value.float()))
        else:
            self.register_buffer(slot, value, persistent=False)


def _refuse_unknown(graph: onnx.GraphProto) -> None:
    used = {name for node in graph.node for name in node.input if name}
    used.update(value.name for value in graph.output)
    unknown = {
        node.op_type
        for node in graph.node
        if node.op_type not in OPERATORS
        or node.domain not in ("", "ai.onnx")
        or (node.op_type != "Split" and used & set(node.output[1:]))  # a mask, or where a maximum was
    }
    if unknown:
        raise refused(f"has the operators {', '.join(sorted(unknown))}, which PyTorch does not compute here")


def _tensor(stored: onnx.TensorProto) -> Tensor:
    from onnx import numpy_helper

    return torch.from_numpy(numpy_helper.to_array(stored).copy())


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    from onnx import TensorProto, helper

    found = {item.name: helper.get_attribute_value(item) for item in node.attribute}
    return {
        name: _tensor(value)
        if isinstance(value, TensorProto)
        else value.decode()
        if isinstance(value, bytes)
        else value
        for name, value in found.items()
    }
