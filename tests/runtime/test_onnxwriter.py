from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest

from mien.runtime.onnxwriter import Node, Port, encode_model, varint


def tiny() -> bytes:
    """y = leaky_relu(x @ w) summed over the last axis."""
    return encode_model(
        [
            Node("MatMul", ("x", "w"), ("a",)),
            Node("LeakyRelu", ("a",), ("b",), {"alpha": 0.25}),
            Node("ReduceSum", ("b", "axes"), ("y",), {"keepdims": 0}),
        ],
        {"w": np.array([[1, -1], [2, -2]], np.float32), "axes": np.array([-1], np.int64)},
        [Port("x", ("batch", 2))],
        [Port("y", ("batch",))],
    )


def test_the_onnx_package_finds_nothing_wrong() -> None:
    model = onnx.load_from_string(tiny())
    onnx.checker.check_model(model, full_check=True)
    assert model.opset_import[0].version == 13
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    assert [n.op_type for n in model.graph.node] == ["MatMul", "LeakyRelu", "ReduceSum"]


@pytest.mark.parametrize("batch", [1, 3])
def test_an_engine_computes_the_known_answer(batch: int) -> None:
    session = onnxruntime.InferenceSession(tiny(), providers=["CPUExecutionProvider"])
    (y,) = session.run(None, {"x": np.tile(np.array([[1, 1]], np.float32), (batch, 1))})
    np.testing.assert_allclose(y, [3 - 0.25 * 3] * batch)


def test_keeps_every_kind_of_attribute() -> None:
    node = Node("Made", ("x",), ("y",), {"i": -3, "f": 0.5, "s": "edge", "ints": [1, -2]})
    model = onnx.load_from_string(encode_model([node], {}, [], []))
    got = {a.name: onnx.helper.get_attribute_value(a) for a in model.graph.node[0].attribute}
    assert got == {"i": -3, "f": 0.5, "s": b"edge", "ints": [1, -2]}


def test_refuses_other_number_types() -> None:
    with pytest.raises(ValueError, match="'w' must be float32 or int64, not float64"):
        encode_model([], {"w": np.zeros(2)}, [], [])  # type: ignore[dict-item]  # the point of the test


@pytest.mark.parametrize(("value", "wire"), [(0, "00"), (127, "7f"), (128, "8001"), (-1, "ff" * 9 + "01")])
def test_varints_follow_the_specification(value: int, wire: str) -> None:
    assert varint(value).hex() == wire
