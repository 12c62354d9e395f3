"""Whole numbers stay within the bound that rounding allows, and only where they were asked for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from mien.compression.calibrate import Range, Samples, choose_range, compile_for, observe, rounding_error
from mien.compression.graph import prepare, weights_of
from mien.compression.qdq import find_layers, insert_qdq, quantise_weight
from mien.compression.quantize import to_bytes
from mien.core.errors import InputError, ThinData
from mien.core.modelcard import ModelCard

CardFor = Callable[..., ModelCard]


@given(st.floats(-1e4, 0), st.floats(0, 1e4))
def test_zero_is_always_exact(low: float, high: float) -> None:
    within = Range(low, high)
    assert 0 <= within.zero <= 255
    assert rounding_error(np.zeros(3, np.float32), within) == 0


def test_values_inside_the_range_move_by_half_a_step_at_most() -> None:
    within = Range(-1.0, 3.0)
    values = np.linspace(-1, 3, 1000, dtype=np.float32)
    codes = np.clip(np.round(values / within.scale) + within.zero, 0, 255)
    assert np.abs((codes - within.zero) * within.scale - values).max() <= within.scale * 0.501 + 1e-6


def test_a_lone_outlier_is_cut_off_by_mse_and_percentile_but_not_by_minmax() -> None:
    rng = np.random.default_rng(0)
    values = np.append(rng.normal(0, 1, 200_000), 100.0).astype(np.float32)
    samples = Samples(values, float(values.min()), float(values.max()))
    assert choose_range(samples, "minmax").high == 100
    assert choose_range(samples, "percentile").high < 10
    mse, minmax = choose_range(samples, "mse"), choose_range(samples, "minmax")
    assert rounding_error(values, mse) <= rounding_error(values, minmax)
    with pytest.raises(InputError, match="choose minmax, percentile, mse"):
        choose_range(samples, "guess")  # type: ignore[arg-type]  # what a caller may pass


def test_each_channels_weights_use_the_whole_of_int8() -> None:
    weight = np.random.default_rng(1).normal(size=(4, 3, 2)).astype(np.float32)
    weight *= np.array([1e-3, 1, 10, 0], np.float32).reshape(4, 1, 1)
    codes, scales = quantise_weight(weight, 0)
    assert np.abs(codes).reshape(4, -1).max(axis=1).tolist() == [127, 127, 127, 0]
    restored = codes * scales.reshape(4, 1, 1)
    assert (np.abs(restored - weight) <= scales.reshape(4, 1, 1) * 0.501).all()


def linear(rows: NDArray[np.float32]) -> bytes:
    """y = rows @ x, as a MatMul on the flattened picture."""
    nodes = [
        helper.make_node("Flatten", ["data"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info("data", TensorProto.FLOAT, [1, 3, 4, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, len(rows)])],
        [numpy_helper.from_array(np.ascontiguousarray(rows.T), "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return bytes(model.SerializeToString())


def test_the_error_of_a_layer_stays_within_what_rounding_allows(card_for: CardFor) -> None:
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(5, 48)).astype(np.float32)
    pictures = rng.integers(0, 256, (8, 4, 4, 3), np.uint8)
    data = linear(rows)
    card = card_for(data, side=4)
    model = prepare(data)
    (layer,) = find_layers(model.graph)
    assert layer.axis == 1
    within = choose_range(observe(model, card, [layer.input], pictures)[layer.input], "minmax")
    exact = compile_for(card, data).run(pictures)["y"]
    found = compile_for(card, to_bytes(insert_qdq(model, {layer.input: within}, [layer]))).run(pictures)["y"]
    values = pictures.transpose(0, 3, 1, 2).reshape(8, -1).astype(np.float64)
    scales = np.abs(rows).max(axis=1) / 127
    # |ŵx̂ - wx| <= |w||x̂ - x| + |ŵ - w||x̂|, each difference at most half a step.
    bound = np.abs(rows).sum(axis=1) * within.scale / 2
    bound = bound + (values + within.scale / 2).sum(axis=1)[:, None] * scales / 2
    assert (np.abs(found - exact) <= bound * 1.01).all()
    assert np.abs(found - exact).max() > 0


def test_only_the_chosen_layers_change(embedder: bytes, card_for: CardFor, crops: NDArray[np.uint8]) -> None:
    model = prepare(embedder)
    layers = find_layers(model.graph)
    assert [layer.input for layer in layers] == ["x", "r1", "flat"]
    seen = observe(model, card_for(embedder), [layer.input for layer in layers], crops[:8])
    chosen = {name: choose_range(samples, "minmax") for name, samples in seen.items()}
    changed = weights_of(insert_qdq(model, chosen, layers[1:2]).graph)
    assert changed[f"{layers[1].weight}_int8"].dtype == np.int8
    assert layers[0].weight in changed
    assert layers[1].weight not in changed
    assert not any(name.startswith(layers[2].weight) and name.endswith("_int8") for name in changed)


def test_too_few_crops_show_no_ranges(embedder: bytes, card_for: CardFor, crops: NDArray[np.uint8]) -> None:
    with pytest.raises(ThinData, match="8 pictures or more"):
        observe(prepare(embedder), card_for(embedder), ["x"], crops[:3])
