"""What moves numbers about, or asks how many there are, and computes none."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from mien.training.operators.operator import Attributes, Inputs, Operator, refused


def axes_of(inputs: Inputs, a: Attributes) -> list[int] | None:
    """Axes are an input in newer opsets, an attribute in older ones."""
    if len(inputs) > 1 and inputs[1] is not None:
        axes: list[int] = inputs[1].tolist()
        return axes
    return list(a["axes"]) if "axes" in a else None


def _flatten(inputs: Inputs, a: Attributes) -> Tensor:
    x, axis = inputs[0], a.get("axis", 1)
    if axis % x.ndim == 0:
        raise refused("flattens across pictures")
    result: Tensor = x.reshape(math.prod(x.shape[:axis]), -1)
    return result


def _reshape(inputs: Inputs, a: Attributes) -> Tensor:
    x, shape = inputs
    # A 0 keeps the side that is there.
    wanted = [int(x.shape[i]) if side == 0 else side for i, side in enumerate(shape.tolist())]
    # Files for one picture say 1 where the batch is.
    if x.ndim > 1 and len(wanted) > 1 and wanted[0] == 1 and _holds(wanted[1:], x[0].numel()):
        wanted[0] = len(x)
    result: Tensor = x.reshape(wanted)
    return result


def _holds(sides: list[int], count: int) -> bool:
    """Whether ``count`` numbers have such sides, of which one may be -1."""
    known = math.prod(side for side in sides if side != -1)
    return count % known == 0 if -1 in sides else count == known


def _squeeze(inputs: Inputs, a: Attributes) -> Tensor:
    x: Tensor = inputs[0]
    axes = axes_of(inputs, a)
    return x.squeeze() if axes is None else x.squeeze(tuple(axes))


def _unsqueeze(inputs: Inputs, a: Attributes) -> Tensor:
    x: Tensor = inputs[0]
    for axis in sorted(axes_of(inputs, a) or []):
        x = x.unsqueeze(axis)
    return x


def _slice(inputs: Inputs, a: Attributes) -> Tensor:
    x, starts, ends, axes, steps = (*inputs, None, None, None, None)[:5]
    starts = a["starts"] if starts is None else starts.tolist()
    ends = a["ends"] if ends is None else ends.tolist()
    axes = a.get("axes", range(len(starts))) if axes is None else axes.tolist()
    for i, axis in enumerate(axes):
        step = 1 if steps is None else int(steps[i])
        places = range(x.shape[axis])[slice(starts[i], ends[i], step)]
        x = x.index_select(axis, torch.tensor(places, dtype=torch.int64, device=x.device))
    result: Tensor = x
    return result


def _split(inputs: Inputs, a: Attributes) -> tuple[Tensor, ...]:
    x, axis = inputs[0], a.get("axis", 0)
    sizes = inputs[1].tolist() if len(inputs) > 1 and inputs[1] is not None else a.get("split")
    if sizes is None:
        raise refused("splits without saying where")
    return tuple(torch.split(x, list(sizes), dim=axis))


def _gather(inputs: Inputs, a: Attributes) -> Tensor:
    x, places = inputs
    axis = a.get("axis", 0) % x.ndim
    places = torch.where(places < 0, places + x.shape[axis], places)
    picked: Tensor = x.index_select(axis, places.reshape(-1))
    return picked.reshape([*x.shape[:axis], *places.shape, *x.shape[axis + 1 :]])


def _constant(inputs: Inputs, a: Attributes) -> Tensor:
    if not a.keys() & {"value", "value_float", "value_floats", "value_int", "value_ints"}:
        raise refused(f"keeps a constant as {', '.join(a)}")
    (value,) = a.values()
    return torch.as_tensor(value)


def _constant_of_shape(inputs: Inputs, a: Attributes) -> Tensor:
    value = a.get("value", torch.zeros(1))
    return torch.full(inputs[0].tolist(), value.item(), dtype=value.dtype, device=inputs[0].device)


def _expand(inputs: Inputs, a: Attributes) -> Tensor:
    x: Tensor = inputs[0]
    return x * torch.ones(inputs[1].tolist(), dtype=x.dtype, device=x.device)


def _shape(inputs: Inputs, a: Attributes) -> Tensor:
    x: Tensor = inputs[0]
    return torch.tensor(x.shape[a.get("start", 0) : a.get("end")], device=x.device)


def _transpose(inputs: Inputs, a: Attributes) -> Tensor:
    x: Tensor = inputs[0]
    return x.permute(*a.get("perm", reversed(range(x.ndim))))


SHAPES: Mapping[str, Operator] = {
    "Concat": lambda x, a: torch.cat(list(x), dim=a["axis"]),
    "Constant": _constant,
    "ConstantOfShape": _constant_of_shape,
    "Expand": _expand,
    "Flatten": _flatten,
    "Gather": _gather,
    "Reshape": _reshape,
    "Shape": _shape,
    "Slice": _slice,
    "Split": _split,
    "Squeeze": _squeeze,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
