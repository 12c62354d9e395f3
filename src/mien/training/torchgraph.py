"""An ONNX graph computed by PyTorch, so that there are gradients of what the product runs.

Each operator of https://onnx.ai/onnx/operators that face networks use is one function of `OPERATORS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from mien.core.errors import DependencyMissing, ModelError

Inputs = Sequence[Any]  # tensors; None where an optional input is left out
Attributes = Mapping[str, Any]
Operator = Callable[[Inputs, Attributes], Any]


class TorchGraph(nn.Module):
    """The graph of an ONNX file: its input in, its first output out.

    raises: `ModelError` for a file with operators that have no gradient here (an int8 file's), or no file.
    """

    def __init__(self, data: bytes) -> None:
        super().__init__()
        graph = _graph(data)
        unknown = sorted({node.op_type for node in graph.node} - set(OPERATORS))
        if unknown:
            raise ModelError(
                f"the network's {', '.join(unknown)} have no gradient here: explain it with --method rise, "
                "or its float file"
            )
        self.constants = {tensor.name: _tensor(tensor) for tensor in graph.initializer}
        self.steps = [
            (OPERATORS[node.op_type], list(node.input), list(node.output), _attributes(node))
            for node in graph.node
        ]
        stored = set(self.constants)
        self.input = next(value.name for value in graph.input if value.name not in stored)
        self.output = graph.output[0].name

    def forward(self, pictures: Tensor) -> Tensor:
        values: dict[str, Any] = {**self.constants, self.input: pictures, "": None}
        for operator, inputs, outputs, attributes in self.steps:
            said = operator([values[name] for name in inputs], attributes)
            answers = said if isinstance(said, tuple) else (said,)
            values.update(zip(outputs, answers, strict=False))  # a Dropout's mask, say, is left out
        answer: Tensor = values[self.output]
        return answer


def _graph(data: bytes) -> Any:
    try:
        import onnx
    except ModuleNotFoundError as error:
        raise DependencyMissing("reading a network needs onnx: pip install 'mien[train]'") from error
    try:
        return onnx.load_model_from_string(data).graph
    except Exception as error:
        raise ModelError(f"the network is no ONNX file ({error}): explain it with --method rise") from error


def _tensor(stored: Any) -> Tensor:
    from onnx import numpy_helper

    return torch.from_numpy(numpy_helper.to_array(stored).copy())


def _attributes(node: Any) -> dict[str, Any]:
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


def _padded(x: Tensor, attributes: Attributes, value: float = 0.0) -> Tensor:
    """Padded as a convolution's or pooling's ``pads`` say: [top, left, bottom, right]."""
    if attributes.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        raise ModelError("the network pads by itself (auto_pad): explain it with --method rise")
    pads = attributes.get("pads", [0, 0, 0, 0])
    if not any(pads):
        return x
    return functional.pad(x, (pads[1], pads[3], pads[0], pads[2]), value=value)


def _conv(inputs: Inputs, a: Attributes) -> Tensor:
    x, weight, bias = (*inputs, None)[:3]
    return functional.conv2d(
        _padded(x, a),
        weight,
        bias,
        stride=tuple(a.get("strides", (1, 1))),
        dilation=tuple(a.get("dilations", (1, 1))),
        groups=a.get("group", 1),
    )


def _norm(inputs: Inputs, a: Attributes) -> Tensor:
    x, gain, shift, mean, variance = inputs
    return functional.batch_norm(x, mean, variance, gain, shift, eps=a.get("epsilon", 1e-5))


def _layer_norm(inputs: Inputs, a: Attributes) -> Tensor:
    x, gain, shift = (*inputs, None)[:3]
    shape = x.shape[a.get("axis", -1) :]
    return functional.layer_norm(x, tuple(shape), gain, shift, a.get("epsilon", 1e-5))


def _gemm(inputs: Inputs, a: Attributes) -> Tensor:
    x, weight, bias = (*inputs, None)[:3]
    x = x.T if a.get("transA", 0) else x
    weight = weight.T if a.get("transB", 0) else weight
    product: Tensor = a.get("alpha", 1.0) * (x @ weight)
    return product if bias is None else product + a.get("beta", 1.0) * bias


def _max_pool(inputs: Inputs, a: Attributes) -> Tensor:
    x = _padded(inputs[0], a, -torch.inf)
    kernel, strides = tuple(a["kernel_shape"]), tuple(a.get("strides", (1, 1)))
    return functional.max_pool2d(x, kernel, strides, ceil_mode=bool(a.get("ceil_mode", 0)))


def _average_pool(inputs: Inputs, a: Attributes) -> Tensor:
    kernel, strides = tuple(a["kernel_shape"]), tuple(a.get("strides", (1, 1)))
    pads = a.get("pads", [0, 0, 0, 0])
    if any(pads) and not a.get("count_include_pad", 0):
        if pads[:2] != pads[2:]:
            raise ModelError("the network averages over uneven edges: explain it with --method rise")
        return functional.avg_pool2d(inputs[0], kernel, strides, tuple(pads[:2]), count_include_pad=False)
    return functional.avg_pool2d(_padded(inputs[0], a), kernel, strides)


def _pad(inputs: Inputs, a: Attributes) -> Tensor:
    x, pads, value = (*inputs, None, None)[:3]
    each = a["pads"] if pads is None else pads.tolist()
    if len(inputs) > 3 and inputs[3] is not None:
        raise ModelError("the network pads single axes: explain it with --method rise")
    half = len(each) // 2
    order = [side for axis in reversed(range(half)) for side in (each[axis], each[half + axis])]
    filled = a.get("value", 0.0) if value is None else float(value)
    mode = a.get("mode", "constant")
    return functional.pad(x, order, value=filled) if mode == "constant" else functional.pad(x, order, mode)


def _resize(inputs: Inputs, a: Attributes) -> Tensor:
    x, _, scales, sizes = (*inputs, None, None, None)[:4]
    if a.get("mode") != "linear" or a.get("coordinate_transformation_mode", "half_pixel") not in (
        "half_pixel",
        "pytorch_half_pixel",
    ):
        raise ModelError("the network resizes in its own way: explain it with --method rise")
    wanted = (
        sizes.tolist()[2:]
        if sizes is not None
        else [int(side * scale) for side, scale in zip(x.shape[2:], scales.tolist()[2:], strict=True)]
    )
    return functional.interpolate(x, tuple(wanted), mode="bilinear", align_corners=False)


def _flatten(inputs: Inputs, a: Attributes) -> Tensor:
    axis = a.get("axis", 1)
    x: Tensor = inputs[0]
    return x.reshape(int(torch.tensor(x.shape[:axis]).prod()), -1)


def _reshape(inputs: Inputs, a: Attributes) -> Tensor:
    x, shape = inputs
    # A 0 keeps the side that is there.
    wanted = [int(x.shape[i]) if side == 0 else side for i, side in enumerate(shape.tolist())]
    result: Tensor = x.reshape(wanted)
    return result


def _axes(inputs: Inputs, a: Attributes) -> list[int] | None:
    """Axes are an input in newer opsets, an attribute in older ones."""
    if len(inputs) > 1 and inputs[1] is not None:
        axes: list[int] = inputs[1].tolist()
        return axes
    return list(a["axes"]) if "axes" in a else None


def _reduced(reduce: Callable[..., Tensor]) -> Operator:
    def operator(inputs: Inputs, a: Attributes) -> Tensor:
        axes = _axes(inputs, a) or list(range(inputs[0].ndim))
        return reduce(inputs[0], dim=tuple(axes), keepdim=bool(a.get("keepdims", 1)))

    return operator


def _squeeze(inputs: Inputs, a: Attributes) -> Tensor:
    x: Tensor = inputs[0]
    axes = _axes(inputs, a)
    return x.squeeze() if axes is None else x.squeeze(tuple(axes))


def _unsqueeze(inputs: Inputs, a: Attributes) -> Tensor:
    x: Tensor = inputs[0]
    for axis in sorted(_axes(inputs, a) or []):
        x = x.unsqueeze(axis)
    return x


def _slice(inputs: Inputs, a: Attributes) -> Tensor:
    x, starts, ends, axes, steps = (*inputs, None, None)[:5]
    starts = a["starts"] if starts is None else starts.tolist()
    ends = a["ends"] if ends is None else ends.tolist()
    axes = list(range(len(starts))) if axes is None else axes.tolist()
    for i, axis in enumerate(axes):
        step = 1 if steps is None else int(steps[i])
        places = torch.arange(x.shape[axis])[slice(starts[i], ends[i], step)]
        x = x.index_select(axis, places)
    result: Tensor = x
    return result


def _split(inputs: Inputs, a: Attributes) -> tuple[Tensor, ...]:
    x, axis = inputs[0], a.get("axis", 0)
    sizes = inputs[1].tolist() if len(inputs) > 1 and inputs[1] is not None else a.get("split")
    if sizes is None:
        raise ModelError("the network splits in its own way: explain it with --method rise")
    return tuple(torch.split(x, list(sizes), dim=axis))


def _gather(inputs: Inputs, a: Attributes) -> Tensor:
    x, places = inputs
    axis = a.get("axis", 0)
    places = torch.where(places < 0, places + x.shape[axis], places)
    picked: Tensor = x.index_select(axis, places.reshape(-1))
    return picked.reshape([*x.shape[:axis], *places.shape, *x.shape[axis + 1 :]])


_KINDS = {
    1: torch.float32,
    6: torch.int32,
    7: torch.int64,
    9: torch.bool,
    10: torch.float16,
    11: torch.float64,
}


def _cast(inputs: Inputs, a: Attributes) -> Tensor:
    x: Tensor = inputs[0]
    return x.to(_KINDS[a["to"]])


def _constant_of_shape(inputs: Inputs, a: Attributes) -> Tensor:
    value = a.get("value", torch.zeros(1))
    return torch.full(inputs[0].tolist(), value.item(), dtype=value.dtype)


def _divide(inputs: Inputs, a: Attributes) -> Tensor:
    x, y = inputs
    result: Tensor = x / y if x.is_floating_point() else torch.div(x, y, rounding_mode="trunc")
    return result


def _clip(inputs: Inputs, a: Attributes) -> Tensor:
    x, low, high = (*inputs, None, None)[:3]
    low, high = a.get("min", low), a.get("max", high)
    result: Tensor = x.clamp(None if low is None else float(low), None if high is None else float(high))
    return result


def _prelu(inputs: Inputs, a: Attributes) -> Tensor:
    x, slope = inputs
    return torch.where(x >= 0, x, slope * x)


OPERATORS: Mapping[str, Operator] = {
    "Add": lambda x, a: x[0] + x[1],
    "AveragePool": _average_pool,
    "BatchNormalization": _norm,
    "Cast": _cast,
    "Clip": _clip,
    "Concat": lambda x, a: torch.cat(list(x), dim=a["axis"]),
    "Constant": lambda x, a: a["value"],
    "ConstantOfShape": _constant_of_shape,
    "Conv": _conv,
    "Div": _divide,
    "Dropout": lambda x, a: x[0],
    "Elu": lambda x, a: functional.elu(x[0], a.get("alpha", 1.0)),
    "Equal": lambda x, a: x[0] == x[1],
    "Erf": lambda x, a: torch.erf(x[0]),
    "Exp": lambda x, a: torch.exp(x[0]),
    "Expand": lambda x, a: x[0] * torch.ones(x[1].tolist(), dtype=x[0].dtype),
    "Flatten": _flatten,
    "Gather": _gather,
    "Gemm": _gemm,
    "GlobalAveragePool": lambda x, a: x[0].mean(dim=(2, 3), keepdim=True),
    "GlobalMaxPool": lambda x, a: x[0].amax(dim=(2, 3), keepdim=True),
    "HardSigmoid": lambda x, a: (a.get("alpha", 0.2) * x[0] + a.get("beta", 0.5)).clamp(0, 1),
    "HardSwish": lambda x, a: functional.hardswish(x[0]),
    "Identity": lambda x, a: x[0],
    "LayerNormalization": _layer_norm,
    "LeakyRelu": lambda x, a: functional.leaky_relu(x[0], a.get("alpha", 0.01)),
    "MatMul": lambda x, a: x[0] @ x[1],
    "MaxPool": _max_pool,
    "Mul": lambda x, a: x[0] * x[1],
    "Neg": lambda x, a: -x[0],
    "PRelu": _prelu,
    "Pad": _pad,
    "Pow": lambda x, a: x[0] ** x[1],
    "ReduceL2": _reduced(torch.linalg.vector_norm),
    "ReduceMean": _reduced(torch.mean),
    "ReduceSum": _reduced(torch.sum),
    "Relu": lambda x, a: torch.relu(x[0]),
    "Reshape": _reshape,
    "Resize": _resize,
    "Shape": lambda x, a: torch.tensor(x[0].shape),
    "Sigmoid": lambda x, a: torch.sigmoid(x[0]),
    "Slice": _slice,
    "Softmax": lambda x, a: torch.softmax(x[0], dim=a.get("axis", -1)),
    "Split": _split,
    "Sqrt": lambda x, a: torch.sqrt(x[0]),
    "Squeeze": _squeeze,
    "Sub": lambda x, a: x[0] - x[1],
    "Tanh": lambda x, a: torch.tanh(x[0]),
    "Transpose": lambda x, a: x[0].permute(*a["perm"]),
    "Unsqueeze": _unsqueeze,
    "Where": lambda x, a: torch.where(x[0], x[1], x[2]),
}
