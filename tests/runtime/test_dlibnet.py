from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from tests.runtime.dlibfile import Array, Writer, evaluate

from mien.core.errors import ModelCorrupt
from mien.pipeline.analyze import Analyzer
from mien.runtime.dlibnet import dlib_face_net_to_onnx
from mien.zoo.registry import card
from mien.zoo.store import fetch


@cache
def made() -> tuple[bytes, list[tuple[Array, ...]]]:
    writer = Writer()
    return writer.file(), writer.weights


def answer(model: bytes, x: NDArray[np.float32]) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    (out,) = session.run(None, {"input": x})
    return np.asarray(out, np.float32)


def test_computes_what_the_layers_say_one_after_the_other() -> None:
    data, weights = made()
    x = np.random.default_rng(3).normal(size=(2, 3, 150, 150)).astype(np.float32)
    wanted = np.stack([evaluate(weights, one) for one in x])
    np.testing.assert_allclose(answer(dlib_face_net_to_onnx(data), x), wanted, rtol=1e-4, atol=1e-4)


def test_writes_valid_onnx_with_a_free_batch() -> None:
    model = onnx.load_from_string(dlib_face_net_to_onnx(made()[0]))
    onnx.checker.check_model(model, full_check=True)
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    assert {n.op_type for n in model.graph.node}.isdisjoint({"BatchNormalization"})


@pytest.mark.parametrize("cut", [0, 1, 100, 5000, -1])
def test_a_cut_file_is_corrupt(cut: int) -> None:
    with pytest.raises(ModelCorrupt, match=r"byte \d+ is not .*mien models pull"):
        dlib_face_net_to_onnx(made()[0][:cut])


def test_a_byte_too_many_is_corrupt() -> None:
    with pytest.raises(ModelCorrupt, match="the end of the file"):
        dlib_face_net_to_onnx(made()[0] + b"\0")


def test_a_weight_that_is_no_number_is_corrupt() -> None:
    data = bytearray(made()[0])
    start = data.index(b"con_4") + 40
    data[start : start + 80] = b"\xff" * 80
    with pytest.raises(ModelCorrupt, match="finite"):
        dlib_face_net_to_onnx(bytes(data))


def test_any_changed_byte_outside_the_weights_is_corrupt_or_harmless() -> None:
    data = made()[0]
    rng = np.random.default_rng(0)
    for at in rng.integers(0, 350, 40):
        bad = bytearray(data)
        bad[at] ^= 1 << int(rng.integers(0, 8))
        try:
            dlib_face_net_to_onnx(bytes(bad))
        except ModelCorrupt:
            continue
        assert at < 35 or 296 < at < 340, f"byte {at} was read and not checked"


@pytest.mark.peer
@pytest.mark.weights
def test_agrees_with_dlib_on_the_same_chip(analyzer: Analyzer, tmp_path: Path) -> None:
    dlib = pytest.importorskip("dlib")
    path = tmp_path / "resnet.dat"  # the fixture has skipped where weights cannot be had
    path.write_bytes(fetch(card("dlib_resnet")))
    model = dlib_face_net_to_onnx(path.read_bytes())
    peer = dlib.face_recognition_model_v1(str(path))
    chips = np.random.default_rng(1).integers(0, 255, (4, 10, 10, 3)).astype(np.uint8)
    chips = np.ascontiguousarray(chips.repeat(15, axis=1).repeat(15, axis=2))
    x = ((chips - np.array([122.782, 117.001, 104.298])) / 256).transpose(0, 3, 1, 2).astype(np.float32)
    ours = answer(model, x)
    theirs = np.stack([np.array(peer.compute_face_descriptor(chip)) for chip in chips])
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
