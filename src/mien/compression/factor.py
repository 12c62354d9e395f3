"""A network whose large layers become pairs of thin ones, fitted on what really flows through it.

Nothing is trained here: every layer is solved by least squares, from the first to the last, against what the
whole network answers at that place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mien.compression.calibrate import LEAST_CROPS
from mien.compression.factor_graph import Layer, find_factorable, rewire
from mien.compression.factored import Factored
from mien.compression.flow import samples, values_of
from mien.compression.graph import prepare, weights_of
from mien.compression.lowrank import (
    Affine,
    Moments,
    Pair,
    channel_basis,
    channel_covariance,
    corrected,
    corrected_by,
    halved,
    moments,
    summed,
)
from mien.compression.quantize import PROBES, embed_with, parity, to_bytes
from mien.compression.ranks import choose_ranks
from mien.compression.worth import offers_of
from mien.core.errors import InputError, ThinData
from mien.core.modelcard import ModelCard

if TYPE_CHECKING:
    import onnx

MOST_CROPS = 512  # a convolution sees many places of each
FULL_CROPS = 2048  # a full layer sees each once
PARTS = 4  # of the crops; the last checks what the others taught
NODE = 512  # bytes that a further node takes in the file


def factorise(
    data: bytes,
    card: ModelCard,
    crops: NDArray[np.uint8],
    *,
    times: float = 4.0,
    ranks: Mapping[str, int] | None = None,
    done: Callable[[], object] = lambda: None,
) -> Factored:
    """Make a network so many times smaller, at least cost to its embeddings.

    data: an ONNX file.    crops: (N, S, S, 3) uint8 RGB, N >= 8; at most 2,048 teach, an eighth checks.
    times: bytes of the old file over those of the new.    ranks: of layers, instead of choosing them.
    done: called after each layer that was looked at or solved.
    raises: InputError for a network without layers to factor, or one that cannot become so small.
    """
    if len(crops) < LEAST_CROPS:
        raise ThinData(f"{len(crops)} crops do not show what flows: give {LEAST_CROPS} pictures or more")
    model = prepare(data)
    layers = find_factorable(model)
    if not layers:
        raise InputError(
            f"{card.name} has no layer that could be factored: give a network with convolutions of many "
            "channels"
        )
    crops, probes = crops[: -len(crops) // 8][:FULL_CROPS], crops[-len(crops) // 8 :][-PROBES:]
    if ranks is None:
        offers = offers_of(model, layers, card, crops[:MOST_CROPS], probes, done)
        ranks = choose_ranks(offers, room_for(model, layers, len(data) / times))
    made = model
    for layer in layers:
        rank = ranks.get(layer.name, 0)
        if rank or made is not model:
            made = rewire(made, layer, solve(layer, rank, model, made, card, crops))
        done()
    wanted, found = (embed_with(card, one, probes) for one in (model, made))
    chosen = {layer.name: int(ranks.get(layer.name, 0)) for layer in layers}
    return Factored(to_bytes(made), parity(wanted, found), chosen, (stored(model), stored(made)))


def stored(model: onnx.ModelProto) -> int:
    """Numbers that a network stores."""
    return sum(value.size for value in weights_of(model.graph).values())


def room_for(model: onnx.ModelProto, layers: list[Layer], size: float) -> int:
    """Numbers that the layers may store, where the file may have ``size`` bytes."""
    rest = len(to_bytes(model)) - 4 * sum(layer.stored for layer in layers) + NODE * len(layers)
    return int((size - rest) // 4)


def solve(
    layer: Layer,
    rank: int,
    whole: onnx.ModelProto,
    made: onnx.ModelProto,
    card: ModelCard,
    crops: NDArray[np.uint8],
) -> Affine | Pair:
    """One layer of ``made``, fitted to answer like ``whole`` on what reaches it in ``made``.

    rank: of the pair; 0: a single layer, corrected for what came before it.
    """
    weight = weights_of(whole.graph)[layer.weight].astype(np.float64)
    if layer.full:
        return _solve_full(layer, rank, weight, whole, made, card, crops)
    parts = _watch(layer, whole, made, card, crops[:MOST_CROPS])
    fitted = corrected(weight.reshape(len(weight), -1), parts)
    return halved(fitted.weight, summed(parts), rank) if rank else fitted


def _watch(
    layer: Layer,
    whole: onnx.ModelProto,
    made: onnx.ModelProto,
    card: ModelCard,
    crops: NDArray[np.uint8],
) -> list[Moments]:
    parts: list[Moments] = []
    for block in np.array_split(np.arange(len(crops)), PARTS):
        pairs = zip(
            values_of(made, card, [layer.reads], crops[block]),
            values_of(whole, card, [layer.name], crops[block]),
            strict=True,
        )
        drawn = [
            samples(layer, read[layer.reads], said[layer.name], int(number))
            for number, (read, said) in zip(block, pairs, strict=True)
        ]
        x, y = (np.concatenate(side) for side in zip(*drawn, strict=True))
        parts.append(moments(x, y))
    return parts


def _solve_full(
    layer: Layer,
    rank: int,
    weight: NDArray[np.float64],
    whole: onnx.ModelProto,
    made: onnx.ModelProto,
    card: ModelCard,
    crops: NDArray[np.uint8],
) -> Affine | Pair:
    said = [one[layer.name].reshape(-1) for one in values_of(whole, card, [layer.name], crops)]
    y = np.stack(said).astype(np.float64)
    few = np.stack([*_pictures(layer, made, card, crops[:MOST_CROPS])])
    if not rank:
        return corrected_by(weight, few.reshape(len(few), -1), y[: len(few)])
    shaped = weight.reshape(len(weight), layer.inner, -1)
    _, down, lift = channel_basis(shaped, channel_covariance(few))
    first = down[:rank].astype(np.float32)
    thin = np.stack([(first @ one).ravel() for one in _pictures(layer, made, card, crops)])
    start = np.einsum("ocp,cr->orp", shaped, lift[:, :rank], optimize=True)
    fitted = corrected_by(start.reshape(len(start), -1), thin, y)
    return Pair(down[:rank], fitted.weight, fitted.bias)


def _pictures(
    layer: Layer, made: onnx.ModelProto, card: ModelCard, crops: NDArray[np.uint8]
) -> Iterator[NDArray[np.float32]]:
    """What a full layer reads of each crop: (C, H·W)."""
    for seen in values_of(made, card, [layer.reads], crops):
        yield seen[layer.reads].reshape(layer.inner, -1)
