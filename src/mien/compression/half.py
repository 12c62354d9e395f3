"""Weights kept in 16 bits: half the file, the same arithmetic.

Every float32 weight of more than a few numbers is stored as float16, and a Cast widens it, which the engine
folds away when it loads the network: it then runs as before. (Float16 arithmetic is for GPUs, whose engines
switch to it on their own; processors would only convert back and forth.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mien.compression.graph import import_onnx, set_weights, weights_of

if TYPE_CHECKING:
    import onnx

LEAST = 32  # numbers: below it nothing is saved
LARGEST = 65504.0  # of float16


def store_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of ``model`` with float16 weights; weights beyond float16's range stay as they are."""
    onnx = import_onnx()
    changed = onnx.ModelProto.FromString(model.SerializeToString())
    graph = changed.graph
    weights = weights_of(graph)
    casts = []
    instead = {}
    for name, value in list(weights.items()):
        if value.dtype != np.float32 or value.size < LEAST or np.abs(value).max() > LARGEST:
            continue
        weights[f"{name}_half"] = value.astype(np.float16)
        instead[name] = f"{name}_wide"
        casts.append(
            onnx.helper.make_node("Cast", [f"{name}_half"], [f"{name}_wide"], to=onnx.TensorProto.FLOAT)
        )
    for node in graph.node:
        node.input[:] = [instead.get(name, name) for name in node.input]
    nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in graph.node]
    del graph.node[:]
    graph.node.extend([*casts, *nodes])
    set_weights(graph, weights)
    return changed
