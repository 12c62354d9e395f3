"""Same or not, as a learned weighing of differences (Koch, Zemel and Salakhutdinov 2015)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from mien.training.losses.contrastive import mean_where
from mien.training.losses.parts import check_batch, same_and_other
from mien.training.options import option


@dataclass(frozen=True, slots=True)
class Config:
    start: float = option(
        -1.0, "weight of each feature's difference at first; negative: different, less alike"
    )


def build(config: Config, *, dim: int, classes: int) -> nn.Module:
    return Twins(config, dim)


class Twins(nn.Module):
    """Logistic loss of ``sum_j w_j |a_j - b_j| + b`` over every pair of a batch, both kinds weighed alike."""

    def __init__(self, config: Config, dim: int) -> None:
        super().__init__()
        self.dim = dim
        self.weights = nn.Parameter(torch.full((dim,), config.start / dim))
        self.bias = nn.Parameter(torch.zeros(()))

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        check_batch(features, labels, self.dim)
        scores = self.compare(features[:, None, :], features[None, :, :])
        own, other = same_and_other(labels)
        return (
            mean_where(functional.softplus(-scores), own) + mean_where(functional.softplus(scores), other)
        ) / 2

    def compare(self, first: Tensor, second: Tensor) -> Tensor:
        """(..., dim) each -> (...) log odds that they are the same."""
        return ((first - second).abs() * self.weights).sum(-1) + self.bias
