"""Triplet loss (Schroff et al., CVPR 2015), mined within the batch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from mien.training.losses.parts import check_batch, pairwise_distances, same_and_other
from mien.training.options import option


@dataclass(frozen=True, slots=True)
class Config:
    margin: float = option(0.3, "how much farther others must be", low=0)
    mining: str = option(
        "hard",
        "hard: farthest own and nearest other (Hermans et al. 2017); semihard: nearest other beyond the own "
        "(FaceNet); all: every triplet that is still wrong",
        choices=("hard", "semihard", "all"),
    )
    normalise: bool = option(True, "compare directions: scale the features to unit length")
    soft: bool = option(False, "softplus in place of the hinge: no triplet is ever good enough")


def build(config: Config, *, dim: int, classes: int) -> nn.Module:
    return Triplet(config, dim)


class Triplet(nn.Module):
    """mean of ``max(0, d(anchor, own) - d(anchor, other) + margin)`` over the mined triplets.

    Needs batches in which labels occur twice or more (the sampler "balanced"); a batch without a triplet
    costs nothing.
    """

    def __init__(self, config: Config, dim: int) -> None:
        super().__init__()
        self.config, self.dim = config, dim

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        check_batch(features, labels, self.dim)
        rows = functional.normalize(features.float()) if self.config.normalise else features
        distances = pairwise_distances(rows)
        own, other = same_and_other(labels)
        gaps = {"hard": hard_gaps, "semihard": semihard_gaps, "all": all_gaps}[self.config.mining](
            distances, own, other
        )
        if len(gaps) == 0:
            return features.sum() * 0  # a scalar that backward() accepts
        lost = functional.softplus(gaps) if self.config.soft else (gaps + self.config.margin).relu()
        if self.config.mining == "all" and not self.config.soft:
            return lost.sum() / (lost > 0).sum().clamp_min(1)
        return lost.mean()


def hard_gaps(distances: Tensor, own: Tensor, other: Tensor) -> Tensor:
    """d(own) - d(other) of each anchor's farthest own and nearest other: (A,)."""
    anchors = own.any(1) & other.any(1)
    far = distances.masked_fill(~own, -torch.inf).amax(1)
    near = distances.masked_fill(~other, torch.inf).amin(1)
    return far[anchors] - near[anchors]


def semihard_gaps(distances: Tensor, own: Tensor, other: Tensor) -> Tensor:
    """For each pair of a label, the nearest other that is farther than its own; else the farthest other."""
    anchor, positive = torch.nonzero(own & other.any(1)[:, None], as_tuple=True)
    reach = distances[anchor, positive]
    rows, strangers = distances[anchor], other[anchor]
    beyond = rows.masked_fill(~(strangers & (rows > reach[:, None])), torch.inf).amin(1)
    farthest = rows.masked_fill(~strangers, -torch.inf).amax(1)
    return reach - torch.where(beyond.isfinite(), beyond, farthest)


def all_gaps(distances: Tensor, own: Tensor, other: Tensor) -> Tensor:
    """d(own) - d(other) of every triplet of the batch: (T,)."""
    gaps = distances[:, :, None] - distances[:, None, :]
    return gaps[own[:, :, None] & other[:, None, :]]
