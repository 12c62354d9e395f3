"""Ask OpenVINO to compute in whole numbers of 8 bits what a card has ranges for.

A FakeQuantize says which 256 values a number may take; OpenVINO's low-precision passes turn every layer
whose input and weights have one into integer arithmetic (Jacob et al., "Quantization and Training of Neural
Networks for Efficient Integer-Arithmetic-Only Inference", CVPR 2018). Inputs: 256 values from the card's
range, 0 among them. Weights: 255 values, symmetric, a scale of its own for each output channel. Everything
happens on the user's machine, in memory: the file on disk stays the publisher's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import ModelError

STEPS = 255
INPUTS_OF_A_WEIGHT = {  # layer -> axes of its weight that belong to one output channel
    "Convolution": (1, 2, 3),
    "GroupConvolution": (2, 3, 4),
    "MatMul": (0,),
}


def with_zero(low: float, high: float) -> tuple[float, float]:
    """The range moved by less than half a step, so that 0 is one of its 256 values.

    >>> low, high = with_zero(-0.9, 254.6)
    >>> round(low, 3), round(high, 3)
    (-1.002, 254.498)
    """
    step = (high - low) / STEPS
    zero = round(-low / step)
    return -zero * step, (STEPS - zero) * step


def quantise(model: Any, ranges: Mapping[str, tuple[float, float]], owner: str) -> None:
    """Mark, in place, the layers that read a value of ``ranges``; others stay as they are.

    model: an ``openvino.Model``.    ranges: value's name in the file -> least and most.
    owner: whose ranges they are, for the error when one names nothing that a layer reads (`ModelError`).
    """
    unseen = set(ranges)
    marked: dict[str, Any] = {}  # layers that read one value share its mark
    for layer in model.get_ordered_ops():
        kind = layer.get_type_name()
        if kind not in INPUTS_OF_A_WEIGHT:
            continue
        source, weight = layer.input(0).get_source_output(), _weight(layer)
        name = next((name for name in sorted(source.get_names()) if name in ranges), None)
        if name is None or weight is None:
            continue
        if name not in marked:
            marked[name] = _limited(source, *with_zero(*ranges[name]))
        layer.input(0).replace_source_output(marked[name].output(0))
        layer.input(1).replace_source_output(_rounded(weight, _axes(layer)).output(0))
        unseen.discard(name)
    if unseen:
        raise ModelError(
            f"the card of {owner} has a range for {sorted(unseen)[0]!r}, which no layer of its file reads: "
            "take it out of the card"
        )
    model.validate_nodes_and_infer_types()


def _limited(source: Any, low: float, high: float) -> Any:
    from openvino import opset13

    ends = [
        opset13.constant(np.full([1] * len(source.get_partial_shape()), end, np.float32))
        for end in (low, high)
    ]
    return opset13.fake_quantize(source, *ends, *ends, STEPS + 1)


def _rounded(weight: NDArray[np.float32], axes: tuple[int, ...]) -> Any:
    from openvino import opset13

    largest = np.maximum(np.abs(weight).max(axis=axes, keepdims=True), 1e-12)
    ends = [opset13.constant(end) for end in (-largest, largest)]
    return opset13.fake_quantize(opset13.constant(weight), *ends, *ends, STEPS)


def _axes(layer: Any) -> tuple[int, ...]:
    kind = layer.get_type_name()
    if kind == "MatMul" and layer.get_attributes()["transpose_b"]:
        return (1,)
    return INPUTS_OF_A_WEIGHT[kind]


def _weight(layer: Any) -> NDArray[np.float32] | None:
    """The layer's stored weight; None where it is computed. A depthwise one is stored without its groups."""
    node = layer.input(1).get_source_output().get_node()
    shape = (
        tuple(layer.input(1).get_partial_shape().to_shape())
        if node.output(0).get_partial_shape().is_static
        else None
    )
    if node.get_type_name() == "Reshape":
        node = node.input(0).get_source_output().get_node()
    if shape is None or node.get_type_name() != "Constant":
        return None
    return np.ascontiguousarray(node.data, np.float32).reshape(shape)
