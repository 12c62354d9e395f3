"""What flows through one layer of a network: samples of what it reads and of what it answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mien.compression.calibrate import compile_for, with_outputs
from mien.compression.factor_graph import Layer
from mien.compression.graph import import_onnx
from mien.core.modelcard import ModelCard
from mien.runtime.preprocess import to_network_input

if TYPE_CHECKING:
    import onnx

Values = NDArray[np.float32]
POSITIONS = 64  # of one crop's picture of values


def values_of(
    model: onnx.ModelProto, card: ModelCard, names: Sequence[str], crops: NDArray[np.uint8]
) -> Iterator[dict[str, Values]]:
    """The named values of each crop; what only others need is not computed.

    crops: (N, H, W, 3) uint8 RGB.
    """
    inputs = {value.name for value in model.graph.input}
    inner = [name for name in names if name not in inputs]
    network = compile_for(card, _only(model, inner)) if inner else None
    for crop in crops:
        seen = dict(network.run(crop[None])) if network else {}
        seen |= {name: to_network_input(crop[None], card.preprocess) for name in inputs.intersection(names)}
        yield seen


def samples(layer: Layer, reads: Values, answers: Values, number: int) -> tuple[Values, Values]:
    """What a convolution reads and answers at some places of one crop, always the same of the same crop.

    reads: (1, C, H, W).    answers: (1, O, H', W').    number: of the crop.
    returns: (n, C·k·k) and (n, O).
    """
    rows, columns = drawn(answers, number)
    return patches(layer, reads, rows, columns), answers[0][:, rows, columns].T


def drawn(answers: Values, number: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of some places of (1, O, H, W)."""
    height, width = answers.shape[2:]
    chosen = np.random.default_rng(number).permutation(height * width)[:POSITIONS]
    rows, columns = np.divmod(chosen, width)
    return rows, columns


def patches(layer: Layer, reads: Values, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> Values:
    """(1, C, H, W) -> (n, C·k·k): what a convolution reads at these places of its answer."""
    top, left, bottom, right = layer.pads
    padded = np.pad(reads[0], ((0, 0), (top, bottom), (left, right)))
    (down, along), (high, wide) = layer.strides, layer.kernel
    windows = np.lib.stride_tricks.sliding_window_view(padded, (high, wide), axis=(1, 2))
    taken = windows[:, rows * down, columns * along]
    return np.ascontiguousarray(taken.transpose(1, 0, 2, 3)).reshape(len(rows), -1)


def _only(model: onnx.ModelProto, names: Sequence[str]) -> bytes:
    onnx = import_onnx()
    cut = onnx.ModelProto.FromString(with_outputs(model, names))
    kept = [out for out in cut.graph.output if out.name in names]
    del cut.graph.output[:]
    cut.graph.output.extend(kept)
    return bytes(cut.SerializeToString())
