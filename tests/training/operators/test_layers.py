"""Layers answer what ONNX Runtime answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from onnx import helper
from tests.training.operators.against import X, Y, check, picture

from mien.core.errors import ModelError
from mien.training.operators.layers import LAYERS

WEIGHT = picture(6, 2, 3, 3)


@pytest.mark.parametrize("pads", [[1, 1, 1, 1], [0, 1, 2, 1], [2, 0, 2, 0]])
@pytest.mark.parametrize("dilation", [1, 2])
def test_a_convolution_pads_as_its_file_says(pads: list[int], dilation: int) -> None:
    node = helper.make_node(
        "Conv", [X, "w", "b"], [Y], pads=pads, strides=[2, 1], group=2, dilations=[dilation] * 2
    )
    check(picture(2, 4, 9, 8), [node], {"w": WEIGHT, "b": picture(6)})


@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        ("MaxPool", {"pads": [1, 0, 0, 1], "strides": [2, 2]}),
        ("MaxPool", {"ceil_mode": 1, "strides": [2, 2]}),
        ("MaxPool", {"dilations": [2, 2]}),
        ("AveragePool", {"pads": [1, 1, 1, 1], "strides": [2, 2]}),
        ("AveragePool", {"pads": [1, 0, 0, 1], "count_include_pad": 1}),
    ],
)
def test_pooling(name: str, attributes: dict[str, Any]) -> None:
    check(picture(2, 3, 8, 8), [helper.make_node(name, [X], [Y], kernel_shape=[3, 3], **attributes)])


@pytest.mark.parametrize("name", ["GlobalAveragePool", "GlobalMaxPool"])
def test_pooling_of_all(name: str) -> None:
    check(picture(2, 3, 4, 5), [helper.make_node(name, [X], [Y])])


def test_normalisation_by_the_stored_statistics_and_by_the_row() -> None:
    four = [picture(3), picture(3), picture(3), np.abs(picture(3)) + 0.5]
    weights = dict(zip("gsmv", four, strict=True))
    check(picture(2, 3, 4, 4), [helper.make_node("BatchNormalization", [X, *weights], [Y])], weights)
    weights = {"g": picture(5), "s": picture(5)}
    check(picture(2, 3, 5), [helper.make_node("LayerNormalization", [X, "g", "s"], [Y])], weights)


def test_full_layers() -> None:
    node = helper.make_node("Gemm", [X, "w", "b"], [Y], transB=1, alpha=0.5, beta=2.0)
    check(picture(2, 5), [node], {"w": picture(4, 5), "b": picture(4)})
    check(picture(2, 3, 5), [helper.make_node("MatMul", [X, "w"], [Y])], {"w": picture(5, 4)})


@pytest.mark.parametrize("mode", ["constant", "reflect", "edge"])
def test_padding_of_its_own(mode: str) -> None:
    pads = np.array([0, 0, 1, 2, 0, 0, 0, 1])
    check(picture(1, 2, 4, 4), [helper.make_node("Pad", [X, "p"], [Y], mode=mode)], {"p": pads})


def test_resizing() -> None:
    node = helper.make_node("Resize", [X, "", "s"], [Y], mode="linear")
    check(picture(1, 2, 4, 4), [node], {"s": np.array([1, 1, 2, 2], np.float32)})


@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        ("Conv", {"auto_pad": "SAME_UPPER"}),
        ("Conv", {"pads": [1, 1]}),
        ("MaxPool", {"kernel_shape": [3, 3], "ceil_mode": 1, "pads": [1, 1, 1, 1]}),
        ("AveragePool", {"kernel_shape": [3, 3], "pads": [1, 0, 0, 1]}),
        ("AveragePool", {"kernel_shape": [3, 3], "ceil_mode": 1}),
        ("Pad", {"mode": "wrap", "pads": [0] * 8}),
        ("Resize", {"mode": "cubic"}),
    ],
)
def test_what_would_be_answered_otherwise_is_refused(name: str, attributes: dict[str, Any]) -> None:
    inputs = [torch.zeros(1, 4, 8, 8), torch.from_numpy(WEIGHT)][: 2 if name == "Conv" else 1]
    with pytest.raises(ModelError, match=r"the network .*: give a plain float network"):
        LAYERS[name](inputs, attributes)
