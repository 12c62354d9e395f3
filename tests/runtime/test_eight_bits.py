"""Layers that the card has ranges for are computed in whole numbers, and still say what they said."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from tests.runtime.conftest import CardFor

from mien.core.errors import ModelError
from mien.runtime import onnxruntime_engine, openvino_engine
from mien.runtime.eight_bits import STEPS, with_zero
from mien.runtime.engine import Choice

INT8 = Choice("openvino", "int8")
PIXELS = np.random.default_rng(7).integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)
RANGES = {"x": (0.0, 255.0), "a": (-300.0, 300.0), "flat": (-300.0, 300.0)}


def build_three_kinds() -> bytes:
    """A convolution, a depthwise one and a product: a mix of colours, a gain a channel, a sum of pixels."""
    mix = np.array([[0.5, -0.25, 0.125], [0.0, 1.0, 0.0], [-1.0, 0.5, 0.25]], np.float32)
    weights = {
        "mix": mix.reshape(3, 3, 1, 1),
        "gain": np.array([1.0, 0.5, -0.5], np.float32).reshape(3, 1, 1, 1),
        "sum": np.linspace(-1, 1, 192 * 4, dtype=np.float32).reshape(192, 4) / 64,
    }
    nodes = [
        helper.make_node("Conv", ["x", "mix"], ["a"], kernel_shape=[1, 1]),
        helper.make_node("Conv", ["a", "gain"], ["b"], kernel_shape=[1, 1], group=3),
        helper.make_node("Flatten", ["b"], ["flat"]),
        helper.make_node("MatMul", ["flat", "sum"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "three",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


@pytest.fixture(scope="module")
def three() -> bytes:
    return build_three_kinds()


def needs_int8(data: bytes, card_for: CardFor) -> None:
    if INT8 not in openvino_engine.offers(
        card_for(data, quick_precisions=("int8",), ranges=RANGES).hurried()
    ):
        pytest.skip("no arithmetic in 8 bits here")


def test_the_answer_stays_within_the_rounding(three: bytes, card_for: CardFor) -> None:
    needs_int8(three, card_for)
    card = card_for(three, ranges=RANGES)
    exact = openvino_engine.compile(card, three, Choice("openvino"), 1).run(PIXELS)["y"]
    rounded = openvino_engine.compile(card, three, INT8, 1).run(PIXELS)["y"]
    assert 0 < np.abs(rounded - exact).max() < 0.02 * np.abs(exact).max()


def test_every_layer_that_has_a_range_runs_in_whole_numbers(three: bytes, card_for: CardFor) -> None:
    needs_int8(three, card_for)
    network = openvino_engine.compile(card_for(three, ranges=RANGES), three, INT8, 1)
    ran = {
        str(node.get_rt_info()["layerType"].astype(str)): str(
            node.get_rt_info()["runtimePrecision"].astype(str)
        )
        for node in network.compiled.get_runtime_model().get_ordered_ops()
    }
    assert ran["Convolution"] in ("u8", "i8")
    assert ran["FullyConnected"] in ("u8", "i8")


def test_a_range_that_nothing_reads_is_a_mistake_on_the_card(three: bytes, card_for: CardFor) -> None:
    card = card_for(three, ranges={**RANGES, "conv_77": (0.0, 1.0)})
    with pytest.raises(ModelError, match="the card of quarters has a range for 'conv_77'"):
        openvino_engine.compile(card, three, INT8, 1)


def test_only_who_asks_for_speed_is_offered_it(three: bytes, card_for: CardFor) -> None:
    needs_int8(three, card_for)
    card = card_for(three, quick_precisions=("int8",), ranges=RANGES)
    assert INT8 not in openvino_engine.offers(card)
    assert INT8 in openvino_engine.offers(card.hurried())
    assert [way.precision for way in onnxruntime_engine.offers(card.hurried()) if way.provider == "CPU"] == [
        "fp32"
    ]


@given(st.floats(-1e4, 0), st.floats(1e-3, 1e4))
def test_nothing_stays_nothing(low: float, high: float) -> None:
    moved_low, moved_high = with_zero(low, high)
    step = (high - low) / STEPS
    assert abs(moved_low - low) <= 0.51 * step
    assert abs(moved_high - high) <= 0.51 * step
    assert abs(moved_low / step - round(moved_low / step)) < 1e-6
