"""Tidying a file keeps what it computes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from mien.compression.calibrate import compile_for
from mien.compression.graph import OPSET, prepare
from mien.compression.quantize import to_bytes
from mien.core.errors import ModelCorrupt
from mien.core.modelcard import ModelCard

CardFor = Callable[..., ModelCard]


def test_folding_keeps_the_answers(embedder: bytes, card_for: CardFor, crops: NDArray[np.uint8]) -> None:
    card = card_for(embedder)
    tidy = to_bytes(prepare(embedder))
    wanted = compile_for(card, embedder).run(crops[:5])["embedding"]
    np.testing.assert_allclose(compile_for(card, tidy).run(crops[:5])["embedding"], wanted, atol=1e-4)


def test_only_true_inputs_and_no_leftovers_of_training_remain(embedder: bytes) -> None:
    model = prepare(embedder)
    assert [value.name for value in model.graph.input] == ["data"]
    assert {node.op_type for node in model.graph.node} == {
        "Sub",
        "Mul",
        "Conv",
        "PRelu",
        "Relu",
        "Flatten",
        "Gemm",
    }
    assert model.opset_import[0].version >= OPSET
    onnx.checker.check_model(model)


def _norm_model(reads: int, norm_last: bool = True) -> bytes:
    """Conv and BatchNormalization, where the convolution's value is read ``reads`` times."""
    stored = {"w": np.ones((2, 3, 1, 1)), **{k: np.full(2, 0.5) for k in "gbmv"}}
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], kernel_shape=[1, 1]),
        helper.make_node("BatchNormalization", ["c", *"gbmv"], ["y"]),
        *(helper.make_node("Neg", ["c"], [f"z{i}"]) for i in range(reads - 1)),
    ]
    outputs = ["y", *(f"z{i}" for i in range(reads - 1))]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 4, 4])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 2, 4, 4]) for name in outputs],
        [numpy_helper.from_array(v.astype(np.float32), k) for k, v in stored.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return bytes(model.SerializeToString())


def test_a_convolution_that_others_read_too_is_left_alone() -> None:
    kinds = [node.op_type for node in prepare(_norm_model(reads=2)).graph.node]
    assert kinds == ["Conv", "BatchNormalization", "Neg"]
    assert [node.op_type for node in prepare(_norm_model(reads=1)).graph.node] == ["Conv"]


def test_a_folded_value_keeps_the_name_of_the_output() -> None:
    model = prepare(_norm_model(reads=1))
    assert model.graph.node[0].output[0] == model.graph.output[0].name == "y"


@pytest.mark.parametrize("data", [b"", b"not an onnx file at all", b"\x08\x08"])
def test_other_bytes_are_refused_by_name(data: bytes) -> None:
    with pytest.raises(ModelCorrupt):
        prepare(data)
