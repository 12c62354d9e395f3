"""Arithmetic and activations, number by number, and sums over axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional

from mien.training.operators.operator import Attributes, Inputs, Operator, refused
from mien.training.operators.shapes import axes_of

# The numbers of https://onnx.ai/onnx/intro/concepts.html#element-type
KINDS = {
    1: torch.float32,
    6: torch.int32,
    7: torch.int64,
    9: torch.bool,
    10: torch.float16,
    11: torch.float64,
}


def _cast(inputs: Inputs, a: Attributes) -> Tensor:
    if a["to"] not in KINDS:
        raise refused(f"casts to numbers of kind {a['to']}")
    x: Tensor = inputs[0]
    return x.to(KINDS[a["to"]])


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
    # Torch's own is faster, where the slope is one in all or one a channel.
    channels = (x.shape[1], *[1] * (x.ndim - 2)) if x.ndim > 1 else ()
    each = bool(channels) and slope.numel() == channels[0] and tuple(slope.shape[1 - x.ndim :]) == channels
    if each or slope.numel() == 1:
        return functional.prelu(x, slope.flatten())
    return torch.where(x < 0, x * slope, x)


def _reduced(reduce: Callable[..., Tensor]) -> Operator:
    def operator(inputs: Inputs, a: Attributes) -> Tensor:
        axes = axes_of(inputs, a) or list(range(inputs[0].ndim))
        return reduce(inputs[0], dim=tuple(axes), keepdim=bool(a.get("keepdims", 1)))

    return operator


POINTWISE: Mapping[str, Operator] = {
    "Add": lambda x, a: x[0] + x[1],
    "Cast": _cast,
    "Clip": _clip,
    "Div": _divide,
    "Dropout": lambda x, a: x[0],
    "Elu": lambda x, a: functional.elu(x[0], a.get("alpha", 1.0)),
    "Equal": lambda x, a: x[0] == x[1],
    "Erf": lambda x, a: torch.erf(x[0]),
    "Exp": lambda x, a: torch.exp(x[0]),
    "HardSigmoid": lambda x, a: (a.get("alpha", 0.2) * x[0] + a.get("beta", 0.5)).clamp(0, 1),
    "HardSwish": lambda x, a: functional.hardswish(x[0]),
    "Identity": lambda x, a: x[0],
    "LeakyRelu": lambda x, a: functional.leaky_relu(x[0], a.get("alpha", 0.01)),
    "Mul": lambda x, a: x[0] * x[1],
    "Neg": lambda x, a: -x[0],
    "PRelu": _prelu,
    "Pow": lambda x, a: x[0] ** x[1],
    "ReduceL2": _reduced(torch.linalg.vector_norm),
    "ReduceMean": _reduced(torch.mean),
    "ReduceSum": _reduced(torch.sum),
    "Relu": lambda x, a: torch.relu(x[0]),
    "Sigmoid": lambda x, a: torch.sigmoid(x[0]),
    "Softmax": lambda x, a: torch.softmax(x[0], dim=a.get("axis", -1)),
    "Sqrt": lambda x, a: torch.sqrt(x[0]),
    "Sub": lambda x, a: x[0] - x[1],
    "Tanh": lambda x, a: torch.tanh(x[0]),
    "Where": lambda x, a: torch.where(x[0], x[1], x[2]),
}
