"""An ONNX network as a PyTorch module, so that a model whose training nobody has can be trained on.

What is not known in `mien.training.torchgraph` is refused by name.
Batch normalisation keeps the statistics of the file, also in training.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mien.compression.graph import import_onnx, set_weights
from mien.core.errors import InputError
from mien.training.torchgraph import TorchGraph

if TYPE_CHECKING:
    import onnx

# Which inputs of an operator are weights that learn; all other stored values are constants.
LEARNING = {
    "BatchNormalization": (1, 2),
    "Conv": (1, 2),
    "Gemm": (1, 2),
    "LayerNormalization": (1, 2),
    "MatMul": (1,),
    "PRelu": (1,),
}


class OnnxNet(TorchGraph):
    """(N, …) float32, as the file's input -> its output.

    raises: InputError for a graph with several inputs or outputs, `ModelError` for an operator that is not
        known.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        graph = model.graph
        if len(graph.input) != 1 or len(graph.output) != 1:
            raise InputError(
                f"a network with {len(graph.input)} inputs and {len(graph.output)} outputs is not trained "
                "here: give one with a single input and output"
            )
        super().__init__(graph, _learning(graph))
        self.model = model

    def to_model(self) -> onnx.ModelProto:
        """The file again, with the weights as they are now."""
        onnx = import_onnx()
        changed = onnx.ModelProto.FromString(self.model.SerializeToString())
        stored = [tensor.name for tensor in changed.graph.initializer]
        held = {name: getattr(self, self.slots[name]).detach().cpu().numpy() for name in stored}
        set_weights(changed.graph, held)
        return changed


def _learning(graph: onnx.GraphProto) -> set[str]:
    return {
        node.input[place]
        for node in graph.node
        for place in LEARNING.get(node.op_type, ())
        if place < len(node.input)
    }
