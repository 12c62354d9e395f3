"""A small network with layers that are wide enough to be factored."""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

SIDE, CHANNELS = 16, 32


def build_wide(seed: int = 0, last: str = "PRelu") -> bytes:
    """Stem, a strided 3 × 3 and a 1 × 1 convolution, a depthwise one between, and a full layer of 16 answers.

    The weights have few strong directions, as those of trained networks do.
    """
    rng = np.random.default_rng(seed)

    def lean(rows: int, columns: int) -> NDArray[np.float32]:
        first, second = (np.linalg.qr(rng.normal(size=(side, side)))[0] for side in (rows, columns))
        rank = min(rows, columns)
        strong = 3 * np.geomspace(1, 0.01, rank)
        made: NDArray[np.float64] = (first[:, :rank] * strong) @ second[:rank]
        return made.astype(np.float32)

    weights: dict[str, NDArray[np.float32]] = {
        "gain": np.array([1 / 128], np.float32),
        "w0": rng.normal(0, 0.4, (CHANNELS, 3, 3, 3)).astype(np.float32),
        "w1": lean(CHANNELS, CHANNELS * 9).reshape(CHANNELS, CHANNELS, 3, 3),
        "b1": rng.normal(0, 0.1, CHANNELS).astype(np.float32),
        "w2": rng.normal(0, 0.5, (CHANNELS, 1, 3, 3)).astype(np.float32),
        "w3": lean(2 * CHANNELS, CHANNELS).reshape(2 * CHANNELS, CHANNELS, 1, 1),
        "slope": np.full((2 * CHANNELS, 1, 1), 0.2, np.float32),
        "w4": (lean(16, 2 * CHANNELS * 16) * 0.2).astype(np.float32),
        "b4": rng.normal(0, 0.1, 16).astype(np.float32),
    }
    half = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}
    nodes = [
        helper.make_node("Mul", ["data", "gain"], ["x"]),
        helper.make_node("Conv", ["x", "w0"], ["c0"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c0"], ["r0"]),
        helper.make_node("Conv", ["r0", "w1", "b1"], ["c1"], **half),
        helper.make_node("Relu", ["c1"], ["r1"]),
        helper.make_node("Conv", ["r1", "w2"], ["c2"], group=CHANNELS, **half),
        helper.make_node("Conv", ["c2", "w3"], ["c3"], kernel_shape=[1, 1]),
        helper.make_node(last, ["c3", "slope"] if last == "PRelu" else ["c3"], ["r3"]),
        helper.make_node("Flatten", ["r3"], ["flat"]),
        helper.make_node("Gemm", ["flat", "w4", "b4"], ["embedding"], transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "wide",
        [helper.make_tensor_value_info("data", TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [1, 16])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
