"""Where the similarity of two faces comes from, by the gradient of the networks that the product runs.

Integrated gradients (Sundararajan, Taly & Yan, ICML 2017, eq. 1-2) on the way from a face that is blurred
away to the sharp one: what the pixels get adds up to the similarity that sharpness wins.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mien.core.errors import DependencyMissing, ModelError
from mien.core.modelcard import Preprocess
from mien.core.types import AlignedFace, Embedding
from mien.embedding.saliency import Heat, hide
from mien.pipeline.analyze import Analyzer
from mien.pipeline.explain import Done, HiddenFace
from mien.runtime.session import readable
from mien.training.torchgraph import TorchGraph
from mien.zoo.registry import card
from mien.zoo.store import fetch

STEPS, BATCH = 32, 8
SIGMA = 0.03  # of the map's smoothing, in crop sides: single pixels of a gradient are noise
AGREE = 1e-3  # by which PyTorch's similarity to the engine's own answer may miss 1


class Gradients:
    """Gives `mien.pipeline.explain.explain` its ``gradient``: opens each network once in PyTorch."""

    def __init__(self, analyzer: Analyzer, steps: int = STEPS) -> None:
        self._analyzer, self._steps = analyzer, steps
        self._nets: dict[str, TorchGraph] = {}

    def __call__(self, face: HiddenFace, other: Embedding, done: Done = lambda count: None) -> Heat:
        """(S, S) of ``face.shown``: what each pixel adds to the similarity with ``other``.

        raises: `ModelError` for a network of which there is no gradient.
        """
        heat = np.zeros(face.shown.pixels.shape[:2])
        fusion = face.embedder.fusion
        scales = fusion.scales if fusion else np.ones(1)
        start = 0
        for part, crops, scale in zip(face.embedder.parts, face.crops, scales, strict=True):
            net = self._net(part.name, crops, part.network.card.preprocess)
            size = part.network.card.dimension or len(other.vector)
            wanted = torch.from_numpy(other.vector[start : start + size] * np.float32(scale))
            start += size
            each = self._integrate(net, part.network.card.preprocess, crops, wanted, done)
            for crop, contribution in zip(crops, each, strict=True):
                heat += onto_shown(contribution, crop, face.shown)
        return smoothed(heat)

    def _net(self, name: str, crops: list[AlignedFace], preprocess: Preprocess) -> TorchGraph:
        if name not in self._nets:
            wanted = card(name)
            data = fetch(wanted, allow_noncommercial=self._analyzer.config.allow_noncommercial)
            if wanted.format == "tflite":
                raise ModelError(f"{name} is a tflite file, of which there is no gradient: use --method rise")
            plain = bytes(readable(wanted, data))
            try:
                net = TorchGraph.from_bytes(plain)
                alike = self._agreement(net, name, crops[0], preprocess)
            except DependencyMissing:
                raise
            except ModelError as error:
                raise ModelError(f"{name} has no gradient: {error}, or use --method rise") from error
            if not alike > 1 - AGREE:
                raise ModelError(f"{name} answers otherwise in PyTorch than here: use --method rise")
            self._nets[name] = net
        return self._nets[name]

    def _agreement(self, net: TorchGraph, name: str, crop: AlignedFace, preprocess: Preprocess) -> float:
        """The cosine of what PyTorch and the engine answer; 1 where they answer the same."""
        (engine,) = self._analyzer.networks.get(name).run(crop.pixels[None]).values()
        with torch.no_grad():
            torchs = net(fed(torch.from_numpy(crop.pixels[None].astype(np.float32)), preprocess)).reshape(-1)
        return float(torch.cosine_similarity(torchs, torch.from_numpy(engine.reshape(-1).copy()), dim=0))

    def _integrate(
        self, net: TorchGraph, preprocess: Preprocess, crops: list[AlignedFace], wanted: Tensor, done: Done
    ) -> NDArray[np.float64]:
        """(V, S, S) what the pixels of each view add.    wanted: the direction compared with, scaled."""
        sharp = torch.from_numpy(np.stack([crop.pixels for crop in crops]).astype(np.float32))
        blurred = torch.from_numpy(np.stack([_blurred(crop) for crop in crops]).astype(np.float32))
        places = (torch.arange(self._steps) + 0.5) / self._steps  # midpoints
        total = torch.zeros_like(sharp)
        for batch in torch.split(places, BATCH):
            share = batch.view(-1, 1, 1, 1, 1)
            way = (blurred + share * (sharp - blurred)).requires_grad_()
            answers = net(fed(way.flatten(0, 1), preprocess)).reshape(len(batch), len(crops), -1)
            pooled = _unit(_unit(answers).sum(dim=1))
            (gradient,) = torch.autograd.grad((pooled @ wanted).sum(), way)
            total += gradient.sum(dim=0)
            done(len(batch))
        return np.asarray(((sharp - blurred) * total / self._steps).sum(dim=-1).double().numpy())


def fed(pixels: Tensor, preprocess: Preprocess) -> Tensor:
    """(N, H, W, 3) RGB, 0..255, as the network wants them (`mien.runtime.preprocess`)."""
    channels = pixels.flip(-1) if preprocess.colour == "bgr" else pixels
    scaled = (channels - torch.tensor(preprocess.mean)) / torch.tensor(preprocess.std)
    return scaled.permute(0, 3, 1, 2) if preprocess.layout == "nchw" else scaled


def onto_shown(contribution: NDArray[Any], crop: AlignedFace, shown: AlignedFace) -> Heat:
    """Move what the pixels of one crop got onto the pixels of another crop of the face; the sum stays.

    What lies outside goes to the nearest edge.
    """
    if crop is shown:
        return np.asarray(contribution, np.float64)
    onto = np.vstack([shown.matrix, [0, 0, 1]]) @ np.linalg.inv(np.vstack([crop.matrix, [0, 0, 1]]))
    rows, columns = np.mgrid[: contribution.shape[0], : contribution.shape[1]]
    x, y = np.einsum("ij,jhw->ihw", onto[:2], np.stack([columns, rows, np.ones_like(rows)]))
    side = shown.pixels.shape[0]
    right, down = (np.clip(np.rint(axis), 0, side - 1).astype(int) for axis in (x, y))
    heat = np.zeros((side, side))
    np.add.at(heat, (down, right), contribution)
    return heat


def smoothed(heat: Heat, sigma: float = SIGMA) -> Heat:
    """Blur a map; its sum stays.

    >>> round(float(smoothed(np.eye(20)).sum()), 6)
    20.0
    """
    width = sigma * len(heat)
    away = np.subtract.outer(np.arange(len(heat)), np.arange(len(heat)))
    weights = np.exp(-0.5 * (away / width) ** 2)
    weights /= weights.sum(axis=0)  # what leaves a pixel is all that it had
    return np.asarray(weights @ heat @ weights.T)


def _blurred(crop: AlignedFace) -> NDArray[np.uint8]:
    """What stands where the other methods hide a face."""
    return np.asarray(hide(crop.pixels, np.zeros((1, *crop.pixels.shape[:2]), np.float32))[0], np.uint8)


def _unit(rows: Tensor) -> Tensor:
    unit: Tensor = rows / rows.norm(dim=-1, keepdim=True).clamp_min(1e-12)
    return unit
