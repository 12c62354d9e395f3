"""Our reader of ONNX bytes against the onnx package, and against files made to hurt."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from tests.runtime.conftest import build_quarters

from mien.core.errors import ModelCorrupt
from mien.runtime.onnxwire import (
    BYTES,
    GRAPH_INITIALIZER,
    MODEL_GRAPH,
    encode_field,
    encode_varint,
    fields,
    free_sizes,
    refuse_external_data,
)

QUARTERS = build_quarters()


def external(name: str, location: str) -> onnx.TensorProto:
    tensor = numpy_helper.from_array(np.zeros(4, np.float32), name)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    return tensor


def model_with(
    *, initializer: onnx.TensorProto | None = None, attribute: onnx.TensorProto | None = None
) -> onnx.ModelProto:
    nodes = [helper.make_node("Identity", ["x"], ["y"])]
    if attribute is not None:
        nodes.append(helper.make_node("Constant", [], ["c"], value=attribute))
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])],
        [initializer] if initializer is not None else [],
    )
    return helper.make_model(graph)


@pytest.mark.parametrize("location", ["../secret.bin", "/etc/passwd", "weights.bin"])
def test_weights_in_another_file_are_refused(location: str) -> None:
    data = model_with(initializer=external("w", location)).SerializeToString()
    with pytest.raises(ModelCorrupt, match="another file"):
        refuse_external_data(data)


def test_a_field_that_others_would_take_for_another_is_refused() -> None:
    """protobuf's C++ parser keeps 32 bits of a key: this field is an initializer to it."""
    tensor = external("w", "w.bin").SerializeToString()
    disguised = (1 << 32) | GRAPH_INITIALIZER << 3 | BYTES
    graph = encode_varint(disguised) + encode_varint(len(tensor)) + tensor
    with pytest.raises(ModelCorrupt, match="damaged"):
        refuse_external_data(encode_field(MODEL_GRAPH, BYTES, graph))


def test_weights_in_another_file_are_refused_inside_a_node() -> None:
    with pytest.raises(ModelCorrupt, match="another file"):
        refuse_external_data(model_with(attribute=external("w", "w.bin")).SerializeToString())


def test_weights_in_another_file_are_refused_inside_a_branch() -> None:
    inner = model_with(initializer=external("w", "w.bin")).graph
    model = model_with()
    model.graph.node.append(helper.make_node("If", ["x"], ["z"], then_branch=inner, else_branch=inner))
    with pytest.raises(ModelCorrupt, match="another file"):
        refuse_external_data(model.SerializeToString())


def test_weights_in_another_file_are_refused_inside_a_function() -> None:
    model = model_with()
    node = helper.make_node("Constant", [], ["c"], value=external("w", "w.bin"))
    model.functions.append(helper.make_function("d", "f", [], ["c"], [node], [helper.make_opsetid("", 13)]))
    with pytest.raises(ModelCorrupt, match="another file"):
        refuse_external_data(model.SerializeToString())


def test_a_location_without_the_external_flag_is_refused_too() -> None:
    tensor = external("w", "w.bin")
    tensor.ClearField("data_location")
    with pytest.raises(ModelCorrupt, match="another file"):
        refuse_external_data(model_with(initializer=tensor).SerializeToString())


def test_a_whole_file_passes() -> None:
    refuse_external_data(QUARTERS)


@given(st.integers(0, len(QUARTERS)), st.binary(max_size=8))
def test_damage_is_a_typed_error_or_harmless(at: int, junk: bytes) -> None:
    damaged = QUARTERS[:at] + junk
    try:
        refuse_external_data(damaged)
        free_sizes(damaged, ("n", 3, 8, 8))
    except ModelCorrupt:
        pass


@given(st.integers(0, 2**63 - 1))
def test_varints_round_trip(value: int) -> None:
    assert [v for _, _, v in fields(memoryview(b"\x08" + encode_varint(value)))] == [value]


def test_freed_sizes_run_batches_and_drop_inputs_that_are_stored() -> None:
    freed = free_sizes(QUARTERS, ("n", 3, "h", "w"))
    session = onnxruntime.InferenceSession(freed)
    assert [(i.name, i.shape) for i in session.get_inputs()] == [("x", ["n", 3, "h", "w"])]
    answer = session.run(None, {"x": np.ones((5, 3, 16, 8), np.float32)})[0]
    np.testing.assert_allclose(answer, np.full((5, 3, 4, 2), 2.0))
