"""Contrastive loss (Hadsell, Chopra and LeCun, CVPR 2006) over every pair of a batch."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

from mien.training.losses.parts import check_batch, pairwise_distances, same_and_other
from mien.training.options import option


@dataclass(frozen=True, slots=True)
class Config:
    margin: float = option(1.0, "how far apart others must be", low=0)
    normalise: bool = option(True, "compare directions: scale the features to unit length")


def build(config: Config, *, dim: int, classes: int) -> nn.Module:
    return Contrastive(config, dim)


class Contrastive(nn.Module):
    """Half of: the mean of ``d²`` over own pairs, plus the mean of ``max(0, margin - d)²`` over others.

    The paper's loss of a pair, with both kinds weighed alike however many of each a batch has.
    """

    def __init__(self, config: Config, dim: int) -> None:
        super().__init__()
        self.config, self.dim = config, dim

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        check_batch(features, labels, self.dim)
        rows = functional.normalize(features.float()) if self.config.normalise else features
        distances = pairwise_distances(rows)
        own, other = same_and_other(labels)
        pull = mean_where(distances.square(), own)
        push = mean_where((self.config.margin - distances).relu().square(), other)
        return (pull + push) / 2


def mean_where(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of the values that the mask names; 0 where it names none."""
    return (values * mask).sum() / mask.sum().clamp_min(1)
