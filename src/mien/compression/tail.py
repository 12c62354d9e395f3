"""A network in two parts: the trunk, which stays as it is, and the tail, which is trained on.

What the trunk makes of a face never changes then, so it is computed once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mien.compression.factor_graph import drop_unread, shapes_of
from mien.compression.graph import import_onnx, set_weights, weights_of

if TYPE_CHECKING:
    import onnx


def find_cut(whole: onnx.ModelProto, model: onnx.ModelProto) -> str:
    """Where ``model`` begins to differ from ``whole``: the value that its trunk should end with.

    All that follows depends on the picture through this value alone. Of such values before the first new
    node it is the last one that is no larger than the input, which itself always qualifies.
    """
    old = {node.SerializeToString() for node in whole.graph.node}
    graph = model.graph
    stored = set(weights_of(graph))
    sizes = {name: int(np.prod(shape[1:])) for name, shape in shapes_of(model).items()}
    last_read = {name: place for place, node in enumerate(graph.node) for name in node.input}
    cut: str = graph.input[0].name
    largest = sizes.get(cut) or np.inf
    open_values = {cut}
    for place, node in enumerate(graph.node):
        if node.SerializeToString() not in old:
            return cut
        open_values |= set(node.output) - stored
        open_values = {name for name in open_values if last_read.get(name, -1) > place}
        if len(open_values) == 1:
            (name,) = open_values
            cut = name if 0 < sizes.get(name, 0) <= largest else cut
    return cut


def split_at(model: onnx.ModelProto, cut: str) -> tuple[onnx.ModelProto, onnx.ModelProto]:
    """Trunk and tail as networks of their own; the trunk of a cut at the input has no nodes."""
    onnx = import_onnx()
    shape = shapes_of(model).get(cut) or None
    value = onnx.helper.make_tensor_value_info(cut, onnx.TensorProto.FLOAT, shape)
    trunk, tail = (onnx.ModelProto.FromString(model.SerializeToString()) for _ in range(2))
    del trunk.graph.output[:]
    trunk.graph.output.append(value)
    drop_unread(trunk.graph)
    before = {name for node in trunk.graph.node for name in node.output}
    del tail.graph.input[:]
    tail.graph.input.append(value)
    for place in reversed(range(len(tail.graph.node))):
        if before.issuperset(tail.graph.node[place].output):
            del tail.graph.node[place]
    for part in (trunk, tail):
        set_weights(part.graph, weights_of(part.graph))
    return trunk, tail


def with_weights(model: onnx.ModelProto, taught: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of ``model`` with the weights of a part of it, by name."""
    onnx = import_onnx()
    changed = onnx.ModelProto.FromString(model.SerializeToString())
    set_weights(changed.graph, weights_of(model.graph) | weights_of(taught.graph))
    return changed
