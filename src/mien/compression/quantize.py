"""A network in int8, or with its weights in 16 bits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from mien.compression.calibrate import Method, Range, compile_for, observe, ranges
from mien.compression.graph import prepare
from mien.compression.half import store_half
from mien.compression.qdq import Layer, find_layers, insert_qdq
from mien.core.errors import InputError
from mien.core.modelcard import ModelCard
from mien.embedding.embedder import unit_rows

if TYPE_CHECKING:
    import onnx

Kind = Literal["int8", "float16"]
MOST_CROPS = 256
PROBES = 24  # crops that sensitivity and parity are measured on


@dataclass(frozen=True, slots=True)
class Parity:
    """How near the new network's answers are to the old ones, as directions: cosines over some crops."""

    mean: float
    least: float
    crops: int

    def to_dict(self) -> dict[str, Any]:
        return {"cosine_mean": self.mean, "cosine_least": self.least, "crops": self.crops}


@dataclass(frozen=True, slots=True)
class Quantised:
    """data: the new file.    kept_float: layers that stay float, the most sensitive first.

    sensitivity: layer -> mean of 1 - cosine when it alone is int8.
    """

    data: bytes
    parity: Parity
    layers: int = 0
    kept_float: tuple[str, ...] = ()
    sensitivity: dict[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        return {
            "parity": self.parity.to_dict(),
            "layers": self.layers,
            "kept_float": list(self.kept_float),
            "sensitivity": self.sensitivity,
        }


def to_float16(data: bytes, card: ModelCard, crops: NDArray[np.uint8]) -> Quantised:
    """Keep weights in 16 bits.

    data: an ONNX file.    crops: (N, S, S, 3) uint8 RGB, to measure parity on.
    """
    model = prepare(data)
    changed = store_half(model)
    wanted = embed_with(card, model, crops[:PROBES])
    return Quantised(to_bytes(changed), parity(wanted, embed_with(card, changed, crops[:PROBES])))


def to_int8(
    data: bytes,
    card: ModelCard,
    crops: NDArray[np.uint8],
    *,
    method: Method = "mse",
    keep_float: int = 0,
    layer_done: Callable[[], object] = lambda: None,
) -> Quantised:
    """Static int8, calibrated on crops.

    crops: (N, S, S, 3) uint8 RGB, N >= 8; the first 256 calibrate.
    keep_float: how many layers to leave in float: those that cost most when each alone is int8.
    layer_done: called after each layer whose sensitivity was measured.
    """
    model = prepare(data)
    layers = find_layers(model.graph)
    if not layers or not 0 <= keep_float < len(layers):
        raise InputError(
            f"{card.name} has {len(layers)} layers that can be int8, so {keep_float} of them cannot stay "
            "float: keep fewer, or give a network with convolutions"
        )
    inputs = sorted({layer.input for layer in layers})
    chosen = ranges(observe(model, card, inputs, crops[:MOST_CROPS]), method)
    wanted = embed_with(card, model, crops[:PROBES])
    cost: dict[str, float] = {}
    if keep_float:
        for layer in layers:
            cost[layer.name] = cost_of(layer, model, card, chosen, wanted, crops[:PROBES])
            layer_done()
    kept = tuple(sorted(cost, key=lambda name: -cost[name])[:keep_float])
    changed = insert_qdq(model, chosen, [layer for layer in layers if layer.name not in kept])
    found = parity(wanted, embed_with(card, changed, crops[:PROBES]))
    return Quantised(to_bytes(changed), found, len(layers) - len(kept), kept, cost)


def cost_of(
    layer: Layer,
    model: onnx.ModelProto,
    card: ModelCard,
    chosen: Mapping[str, Range],
    wanted: NDArray[np.float32],
    crops: NDArray[np.uint8],
) -> float:
    """What int8 in this layer alone costs: the mean of 1 - cosine to the float embeddings ``wanted``."""
    return 1 - parity(wanted, embed_with(card, insert_qdq(model, chosen, [layer]), crops)).mean


def parity(wanted: NDArray[np.float32], found: NDArray[np.float32]) -> Parity:
    """(N, D) unit rows each."""
    cosines = np.einsum("ij,ij->i", wanted.astype(np.float64), found.astype(np.float64))
    return Parity(float(cosines.mean()), float(cosines.min()), len(cosines))


def embed_with(card: ModelCard, model: onnx.ModelProto, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(N, S, S, 3) uint8 RGB -> (N, D) float32 of unit length: all outputs of one crop at a time."""
    network = compile_for(card, to_bytes(model))
    rows = [np.concatenate([one.ravel() for one in network.run(crop[None]).values()]) for crop in crops]
    return unit_rows(np.stack(rows))


def to_bytes(model: onnx.ModelProto) -> bytes:
    return bytes(model.SerializeToString())
