"""Neural aggregation network (Yang et al., CVPR 2017): attention, and again knowing its answer."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mien.training.aggregators.mean import check_frames
from mien.training.options import option


@dataclass(frozen=True, slots=True)
class Config:
    passes: int = option(2, "1: one fixed query; 2: a second one, made of what the first saw", choices=(1, 2))


def build(config: Config, *, dim: int) -> nn.Module:
    return Attention(config, dim)


class Attention(nn.Module):
    """Weights softmax(query . feature) over the frames that are there, then their weighted mean.

    Queries start at zero, so that what is not yet trained is the mean. The answer is a convex combination of
    the frames and does not depend on their order.
    """

    def __init__(self, config: Config, dim: int) -> None:
        super().__init__()
        self.dim = dim
        self.query = nn.Parameter(torch.zeros(dim))
        self.second = nn.Linear(dim, dim) if config.passes == 2 else None
        if self.second is not None:
            nn.init.zeros_(self.second.weight)
            nn.init.zeros_(self.second.bias)

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        check_frames(features, mask, self.dim)
        first = attend(features, self.query.expand(len(features), -1), mask)
        if self.second is None:
            return first
        # The first query stays in, so that the second pass adds to what was learned and has a slope at zero.
        return attend(features, self.query + torch.tanh(self.second(first)), mask)


def attend(features: Tensor, query: Tensor, mask: Tensor) -> Tensor:
    """(N, T, D), (N, D), (N, T) -> (N, D); zeros where nothing is there."""
    scores = torch.einsum("ntd,nd->nt", features, query).masked_fill(~mask, -1e9)
    weights = scores.softmax(1) * mask.to(features.dtype)
    return torch.einsum("nt,ntd->nd", weights, features)
