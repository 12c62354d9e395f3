"""A tiny embedding network in the manner of files in the wild, and crops for it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from mien.core.modelcard import ModelCard, Preprocess

SIDE = 16
CardFor = Callable[..., ModelCard]


def build_embedder(seed: int = 0) -> bytes:
    """Conv, depthwise Conv and Gemm, each with batch norm; old opset, weights listed as inputs, a Dropout."""
    rng = np.random.default_rng(seed)
    weights: dict[str, NDArray[np.float32]] = {
        "shift": np.array([127.5], np.float32),
        "gain": np.array([1 / 128], np.float32),
        "w1": rng.normal(0, 0.4, (8, 3, 3, 3)).astype(np.float32),
        "w2": rng.normal(0, 0.5, (8, 1, 3, 3)).astype(np.float32),
        "slope": np.full((8, 1, 1), 0.2, np.float32),
        "w3": rng.normal(0, 0.1, (16, 8 * 4 * 4)).astype(np.float32),
        "b3": rng.normal(0, 0.1, 16).astype(np.float32),
    }
    for name, size in (("n1", 8), ("n2", 8), ("n3", 16)):
        for part, low, high in (("g", 0.5, 1.5), ("b", -0.3, 0.3), ("m", -0.3, 0.3), ("v", 0.5, 2.0)):
            weights[f"{name}{part}"] = rng.uniform(low, high, size).astype(np.float32)

    def norm(name: str, source: str, target: str) -> onnx.NodeProto:
        return helper.make_node("BatchNormalization", [source, *(name + p for p in "gbmv")], [target])

    half = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}
    nodes = [
        helper.make_node("Sub", ["data", "shift"], ["centred"]),
        helper.make_node("Mul", ["centred", "gain"], ["x"]),
        helper.make_node("Conv", ["x", "w1"], ["c1"], **half),
        norm("n1", "c1", "h1"),
        helper.make_node("PRelu", ["h1", "slope"], ["r1"]),
        helper.make_node("Conv", ["r1", "w2"], ["c2"], group=8, **half),
        norm("n2", "c2", "h2"),
        helper.make_node("Relu", ["h2"], ["r2"]),
        helper.make_node("Dropout", ["r2"], ["d2"], ratio=0.4),
        helper.make_node("Flatten", ["d2"], ["flat"]),
        helper.make_node("Gemm", ["flat", "w3", "b3"], ["e"], transB=1),
        norm("n3", "e", "embedding"),
    ]
    stored = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    inputs = [helper.make_tensor_value_info("data", TensorProto.FLOAT, [1, 3, SIDE, SIDE])]
    inputs += [helper.make_tensor_value_info(t.name, TensorProto.FLOAT, list(t.dims)) for t in stored]
    outputs = [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [1, 16])]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=6)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


@pytest.fixture(scope="session")
def embedder() -> bytes:
    return build_embedder()


@pytest.fixture(scope="session")
def card_for() -> CardFor:
    """Make the card of some bytes."""

    def make(data: bytes, *, name: str = "tiny", side: int = SIDE) -> ModelCard:
        return ModelCard(
            name=name,
            task="embed",
            file=f"{name}.onnx",
            format="onnx",
            sha256=hashlib.sha256(data).hexdigest(),
            size=len(data),
            licence="CC0-1.0",
            commercial=True,
            origin="made in a test",
            sources=(),
            preprocess=Preprocess(side, side),
            credit="nobody",
            dimension=16,
            template="arcface",
        )

    return make


@pytest.fixture(scope="session")
def crops() -> NDArray[np.uint8]:
    """12 people × 4 crops: (48, 16, 16, 3)."""
    rng = np.random.default_rng(5)
    people = rng.integers(30, 225, (12, SIDE, SIDE, 3))
    noisy = np.repeat(people, 4, axis=0) + rng.normal(0, 20, (48, SIDE, SIDE, 3))
    return np.clip(noisy, 0, 255).astype(np.uint8)


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Tiny nets lose more to threads that wait for each other than they gain."""
    import torch

    torch.set_num_threads(1)
