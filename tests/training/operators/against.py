"""ONNX Runtime as the reference of an operator."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from mien.training.torchgraph import TorchGraph

X, Y = "x", "y"


def check(given: NDArray[np.float32], nodes: list[Any], weights: dict[str, Any] | None = None) -> None:
    """PyTorch must answer what ONNX Runtime does.    nodes: from X to Y, which is float32."""
    import onnxruntime

    stored = [numpy_helper.from_array(np.asarray(value), name) for name, value in (weights or {}).items()]
    ports = (
        [helper.make_tensor_value_info(X, TensorProto.FLOAT, given.shape)],
        [helper.make_tensor_value_info(Y, TensorProto.FLOAT, None)],
    )
    model = helper.make_model(
        helper.make_graph(nodes, "one", *ports, stored),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    data = model.SerializeToString()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    (wanted,) = session.run(None, {X: given})
    found = TorchGraph.from_bytes(data)(torch.from_numpy(given)).numpy()
    np.testing.assert_allclose(found, wanted, atol=1e-5, rtol=1e-5)


def picture(*shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)
