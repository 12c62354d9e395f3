"""What each layer of a network is worth: how much the embeddings suffer when it keeps only so much.

The variance that a layer loses with its least components is known from its answers alone. What that does to
the embedding is measured once a layer, with about a twentieth of the variance gone, and taken to grow in
proportion.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mien.compression.factor_graph import Layer, rewire
from mien.compression.flow import drawn, values_of
from mien.compression.graph import weights_of
from mien.compression.lowrank import Pair, channel_basis, principal, residuals
from mien.compression.quantize import embed_with, parity
from mien.compression.ranks import Offer
from mien.core.modelcard import ModelCard

if TYPE_CHECKING:
    import onnx

PROBED = 0.05  # share of a layer's variance


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A layer's components, the most important first.

    values: (K,) variance of each.    weight, bias: of the layer.    down: (K, I).    up: what lifts K values
        back: (O, K) of a convolution, (C, K) of a full layer.    mean: of the answers (O,), or of what a full
        layer reads (C, P).
    """

    layer: Layer
    values: NDArray[np.float64]
    weight: NDArray[np.float64]
    bias: NDArray[np.float64]
    down: NDArray[np.float64]
    up: NDArray[np.float64]
    mean: NDArray[np.float64]

    def pair(self, rank: int) -> Pair:
        """The layer with only so many components; the mean answer stays."""
        down, up = self.down[:rank], self.up[:, :rank]
        if not self.layer.full:
            return Pair(down, up, up @ up.T @ (self.bias - self.mean) + self.mean)
        lost = self.mean - up @ (down @ self.mean)
        bias = self.bias + np.einsum("ocp,cp->o", self.weight, lost)
        lifted = np.einsum("ocp,cr->orp", self.weight, up, optimize=True)
        return Pair(down, lifted.reshape(len(lifted), -1), bias)


def offers_of(
    model: onnx.ModelProto,
    layers: Sequence[Layer],
    card: ModelCard,
    crops: NDArray[np.uint8],
    probes: NDArray[np.uint8],
    done: Callable[[], object] = lambda: None,
) -> list[Offer]:
    """The sizes that each layer can have, and what each costs: mean of 1 - cosine to the true embeddings.

    crops: to see the layers' answers on.    probes: to see the embeddings on.
    """
    wanted = embed_with(card, model, probes)
    offers = []
    for view in views_of(model, layers, card, crops):
        layer, lost = view.layer, residuals(view.values)
        rank = int(np.clip(np.argmax(lost <= PROBED), 1, layer.ranks[-1]))
        found = embed_with(card, rewire(model, layer, view.pair(rank)), probes)
        unit = (1 - parity(wanted, found).mean) / max(float(lost[rank]), 1e-9)
        ranks = np.concatenate([layer.ranks, [0]])
        weights = np.array([layer.stored_at(int(one)) for one in ranks])
        offers.append(Offer(layer.name, ranks, weights, np.append(unit * lost[layer.ranks], 0.0)))
        done()
    return offers


def views_of(
    model: onnx.ModelProto, layers: Sequence[Layer], card: ModelCard, crops: NDArray[np.uint8]
) -> list[View]:
    """Look at all layers in one run over the crops."""
    stored = weights_of(model.graph)
    biases = {node.output[0]: node.input[2] for node in model.graph.node if len(node.input) > 2}
    looks = [_FullLook(layer) if layer.full else _ConvLook(layer) for layer in layers]
    names = [layer.reads if layer.full else layer.name for layer in layers]
    for number, seen in enumerate(values_of(model, card, names, crops)):
        for look, name in zip(looks, names, strict=True):
            look.add(seen[name], number)
    views = []
    for look, layer in zip(looks, layers, strict=True):
        weight = stored[layer.weight].astype(np.float64)
        held = biases.get(layer.name)
        bias = stored[held].astype(np.float64) if held else np.zeros(len(weight))
        views.append(look.view(weight, bias))
    return views


class _ConvLook:
    """Sums up a convolution's answers."""

    def __init__(self, layer: Layer) -> None:
        self.layer, self.count = layer, 0
        self.sum, self.squares = np.zeros(layer.outer), np.zeros((layer.outer, layer.outer))

    def add(self, answers: NDArray[np.float32], number: int) -> None:
        rows, columns = drawn(answers, number)
        y = answers[0][:, rows, columns].T.astype(np.float64)
        self.count += len(y)
        self.sum += y.sum(0)
        self.squares += y.T @ y

    def view(self, weight: NDArray[np.float64], bias: NDArray[np.float64]) -> View:
        mean = self.sum / self.count
        values, up = principal(self.squares / self.count - np.outer(mean, mean))
        flat = weight.reshape(len(weight), -1)
        return View(self.layer, values, weight, bias, up.T @ flat, up, mean)


class _FullLook:
    """Sums up what a fully connected layer reads, place by place."""

    def __init__(self, layer: Layer) -> None:
        self.layer, self.count = layer, 0
        self.sum, self.squares = np.zeros((layer.inner, 1)), np.zeros((layer.inner, layer.inner))

    def add(self, reads: NDArray[np.float32], number: int) -> None:
        del number
        x = reads.reshape(self.layer.inner, -1)
        self.count += 1
        self.sum = self.sum + x
        self.squares += x @ x.T

    def view(self, weight: NDArray[np.float64], bias: NDArray[np.float64]) -> View:
        mean = self.sum / self.count
        covariance = (self.squares / self.count - mean @ mean.T) / mean.shape[1]
        shaped = weight.reshape(len(weight), self.layer.inner, -1)
        values, down, lift = channel_basis(shaped, covariance)
        return View(self.layer, values, shaped, bias, down, lift, mean)
