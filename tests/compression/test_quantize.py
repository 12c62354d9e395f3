"""Whole networks in int8 and with halved weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper

from mien.compression.calibrate import compile_for
from mien.compression.graph import prepare
from mien.compression.half import store_half
from mien.compression.quantize import embed_with, parity, to_bytes, to_float16, to_int8
from mien.core.errors import InputError
from mien.core.modelcard import ModelCard
from mien.runtime.session import open_network

CardFor = Callable[..., ModelCard]
Method = str


@pytest.mark.parametrize("method", ["mse", "minmax", "percentile"])
def test_int8_answers_nearly_the_same_in_a_smaller_file(
    embedder: bytes, card_for: CardFor, crops: NDArray[np.uint8], method: Method
) -> None:
    made = to_int8(embedder, card_for(embedder), crops, method=method)  # type: ignore[arg-type]  # parametrised
    assert made.layers == 3
    assert made.parity.mean > 0.999
    assert made.parity.least > 0.99
    assert len(made.data) < 0.7 * len(embedder)


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_every_engine_runs_an_int8_card(
    engine: str,
    embedder: bytes,
    card_for: CardFor,
    crops: NDArray[np.uint8],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MIEN_ENGINE", engine)
    made = to_int8(embedder, card_for(embedder), crops)
    network = open_network(replace(card_for(made.data), precisions=("int8",)), made.data)
    assert network.decision.choice.precision == "int8"
    found = network.run(crops[:6])["embedding"]
    wanted = compile_for(card_for(embedder), embedder).run(crops[:6])["embedding"]
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (found, wanted)]
    assert np.einsum("ij,ij->i", *unit).min() > 0.98


def _with_outlier(data: bytes) -> bytes:
    """One weight of the first layer's channel 0 so large that int8 loses all the others of that channel."""
    model = onnx.load_model_from_string(data)
    tensor = next(t for t in model.graph.initializer if t.name == "w1")
    weight = numpy_helper.to_array(tensor).copy()
    weight[:, 0, 0, 0] = 60.0
    tensor.CopyFrom(numpy_helper.from_array(weight, "w1"))
    return bytes(model.SerializeToString())


def test_the_most_sensitive_layer_is_found_and_left_in_float(
    embedder: bytes, card_for: CardFor, crops: NDArray[np.uint8]
) -> None:
    data = _with_outlier(embedder)
    plain = to_int8(data, card_for(data), crops)
    kept = to_int8(data, card_for(data), crops, keep_float=1)
    assert kept.kept_float == ("h1",)
    assert kept.layers == 2
    assert kept.parity.mean > plain.parity.mean
    assert set(kept.sensitivity) == {"h1", "h2", "embedding"}


def test_all_layers_in_float_is_no_quantisation(
    embedder: bytes, card_for: CardFor, crops: NDArray[np.uint8]
) -> None:
    with pytest.raises(InputError, match="has 3 layers"):
        to_int8(embedder, card_for(embedder), crops, keep_float=3)


def test_halved_weights_keep_the_answers_in_little_more_than_half_the_file(
    embedder: bytes, card_for: CardFor, crops: NDArray[np.uint8]
) -> None:
    made = to_float16(embedder, card_for(embedder), crops)
    assert made.parity.least > 0.99999
    weights = prepare(embedder).graph.initializer
    assert len(made.data) < len(embedder) - 0.4 * sum(4 * numpy_helper.to_array(t).size for t in weights)


def test_a_weight_beyond_float16_stays_as_it_is(embedder: bytes, card_for: CardFor) -> None:
    model = prepare(embedder)
    big = next(t for t in model.graph.initializer if t.name.startswith("w3"))
    values = numpy_helper.to_array(big).copy()
    values[0, 0] = 1e6
    big.CopyFrom(numpy_helper.from_array(values, big.name))
    stored = {t.name: t.data_type for t in store_half(model).graph.initializer}
    assert stored[big.name] == onnx.TensorProto.FLOAT
    assert onnx.TensorProto.FLOAT16 in stored.values()


def test_parity_of_a_network_with_itself_is_one(
    embedder: bytes, card_for: CardFor, crops: NDArray[np.uint8]
) -> None:
    rows = embed_with(card_for(embedder), prepare(embedder), crops[:4])
    assert parity(rows, rows).least == pytest.approx(1)
    assert to_bytes(prepare(embedder))
