"""An ONNX file made ready to be changed: plain inputs, no training leftovers, batch normalisation folded.

The arithmetic stays that of the file, up to rounding. The only part of this room that knows how files in the
wild differ.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import DependencyMissing, ModelCorrupt
from mien.runtime.onnxwire import refuse_external_data

if TYPE_CHECKING:
    import onnx

OPSET = 13  # the first in which QuantizeLinear takes a scale a channel
IR_VERSION = 8
IDLE = ("Dropout", "Identity")  # at inference


def import_onnx() -> Any:
    """The onnx package; raises `DependencyMissing` where it is not installed."""
    try:
        import onnx
        import onnx.version_converter
    except ModuleNotFoundError as error:
        raise DependencyMissing(
            "changing a network needs onnx, which is not installed: pip install 'mien[train]'"
        ) from error
    return onnx


def prepare(data: bytes) -> onnx.ModelProto:
    """Read a file and tidy its graph.

    raises: `ModelCorrupt` for bytes that are no ONNX file, or one that keeps weights elsewhere.
    """
    onnx = import_onnx()
    refuse_external_data(data)
    try:
        model = onnx.load_model_from_string(data)
        _only_true_inputs(model.graph)
        _constants_to_initializers(model.graph)
        _drop_idle(model.graph)
        if max(o.version for o in model.opset_import if o.domain in ("", "ai.onnx")) < OPSET:
            model = onnx.version_converter.convert_version(model, OPSET)
    except Exception as error:
        reason = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
        raise ModelCorrupt(f"the ONNX file cannot be read ({reason}): export it again") from error
    model.ir_version = max(model.ir_version, IR_VERSION)
    fold_batch_norm(model.graph)
    return model


def weights_of(graph: onnx.GraphProto) -> dict[str, NDArray[Any]]:
    """Initializer name -> array."""
    onnx = import_onnx()
    return {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}


def set_weights(graph: onnx.GraphProto, weights: dict[str, NDArray[Any]]) -> None:
    """Write back those of ``weights`` that the graph uses, and drop all others."""
    onnx = import_onnx()
    used = {name for node in graph.node for name in node.input} | {out.name for out in graph.output}
    del graph.initializer[:]
    graph.initializer.extend(
        onnx.numpy_helper.from_array(np.ascontiguousarray(value), name)
        for name, value in weights.items()
        if name in used
    )


def attribute(node: onnx.NodeProto, name: str, default: Any) -> Any:
    onnx = import_onnx()
    return next((onnx.helper.get_attribute_value(a) for a in node.attribute if a.name == name), default)


def readers(graph: onnx.GraphProto) -> Counter[str]:
    """How often each value is read; a graph's output counts as one reader."""
    return Counter([name for node in graph.node for name in node.input] + [o.name for o in graph.output])


def _only_true_inputs(graph: onnx.GraphProto) -> None:
    # Old exporters list every weight among the inputs.
    stored = {tensor.name for tensor in graph.initializer}
    _keep(graph.input, (value for value in graph.input if value.name not in stored))


def _constants_to_initializers(graph: onnx.GraphProto) -> None:
    onnx = import_onnx()
    kept = []
    for node in graph.node:
        value = attribute(node, "value", None) if node.op_type == "Constant" else None
        if value is None:
            kept.append(node)
            continue
        graph.initializer.append(
            onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(value), node.output[0])
        )
    _keep(graph.node, kept)


def _drop_idle(graph: onnx.GraphProto) -> None:
    outputs = {out.name for out in graph.output}
    instead: dict[str, str] = {}
    kept = []
    for node in graph.node:
        node.input[:] = [instead.get(name, name) for name in node.input]
        if node.op_type in IDLE and node.output[0] not in outputs:
            instead[node.output[0]] = node.input[0]
        else:
            kept.append(node)
    _keep(graph.node, kept)


def fold_batch_norm(graph: onnx.GraphProto) -> None:
    """Fold each BatchNormalization into the Conv or Gemm that alone feeds it: exact up to rounding."""
    weights = weights_of(graph)
    counts = readers(graph)
    makers = {node.output[0]: node for node in graph.node}
    kept = []
    for node in graph.node:
        maker = makers.get(node.input[0]) if node.op_type == "BatchNormalization" else None
        if maker is None or not _foldable(maker, node, counts, weights):
            kept.append(node)
            continue
        _fold(maker, node, weights)
        maker.output[0] = node.output[0]
        makers[node.output[0]] = maker
    _keep(graph.node, kept)
    set_weights(graph, weights)


def _foldable(
    maker: onnx.NodeProto, norm: onnx.NodeProto, counts: Counter[str], weights: dict[str, NDArray[Any]]
) -> bool:
    known = all(name in weights for name in [*maker.input[1:], *norm.input[1:]])
    plain = maker.op_type == "Conv" or (
        maker.op_type == "Gemm"
        and attribute(maker, "transB", 0) == 1
        and attribute(maker, "alpha", 1.0) == attribute(maker, "beta", 1.0) == 1.0
    )
    # A weight that two nodes share must not change for one of them.
    return bool(known and plain and counts[norm.input[0]] == 1 and counts[maker.input[1]] == 1)


def _fold(maker: onnx.NodeProto, norm: onnx.NodeProto, weights: dict[str, NDArray[Any]]) -> None:
    gamma, beta, mean, variance = (weights[name].astype(np.float64) for name in norm.input[1:5])
    gain = gamma / np.sqrt(variance + attribute(norm, "epsilon", 1e-5))
    weight = weights[maker.input[1]]
    bias = weights[maker.input[2]].astype(np.float64) if len(maker.input) > 2 else 0.0
    name = f"{maker.input[1]}_folded"
    weights[name] = (weight * gain.reshape(-1, *[1] * (weight.ndim - 1))).astype(np.float32)
    weights[f"{name}_bias"] = ((bias - mean) * gain + beta).astype(np.float32)
    maker.input[:] = [maker.input[0], name, f"{name}_bias"]


def _keep(field: Any, kept: Iterable[Any]) -> None:
    """Replace a repeated field of a protobuf message by some of its own items."""
    items = [type(item).FromString(item.SerializeToString()) for item in kept]
    del field[:]
    field.extend(items)
