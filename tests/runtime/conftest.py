"""A tiny hand-built network: mean colour of each quarter, so that order, axes and batches show."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mien.core.modelcard import ModelCard, Preprocess

CardFor = Callable[..., ModelCard]


def build_quarters(side: int = 8, *, listed_initializer: bool = True) -> bytes:
    """Average-pool each quarter and double it; the batch is fixed at 1, as in files in the wild."""
    weight = numpy_helper.from_array(np.full((1, 1, 1, 1), 2.0, np.float32), "gain")
    nodes = [
        helper.make_node("AveragePool", ["x"], ["p"], kernel_shape=[side // 2] * 2, strides=[side // 2] * 2),
        helper.make_node("Mul", ["p", "gain"], ["y"]),
    ]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, side, side])]
    if listed_initializer:
        inputs.append(helper.make_tensor_value_info("gain", TensorProto.FLOAT, [1, 1, 1, 1]))
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3, 2, 2])]
    graph = helper.make_graph(nodes, "quarters", inputs, outputs, [weight])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


@pytest.fixture(scope="session")
def quarters() -> bytes:
    return build_quarters()


@pytest.fixture(scope="session")
def card_for() -> CardFor:
    def make(data: bytes, preprocess: Preprocess | None = None, **changes: object) -> ModelCard:
        facts: dict[str, object] = {
            "name": "quarters",
            "task": "embed",
            "file": "quarters.onnx",
            "format": "onnx",
            "sha256": hashlib.sha256(data).hexdigest(),
            "size": len(data),
            "licence": "Apache-2.0",
            "commercial": True,
            "origin": "this test",
            "sources": (),
            "preprocess": preprocess or Preprocess(8, 8),
        }
        return ModelCard(**{**facts, **changes})  # type: ignore[arg-type]  # keyword facts of mixed types

    return make
