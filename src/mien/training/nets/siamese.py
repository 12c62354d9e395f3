"""Siamese net (Bromley et al. 1993): twins of one net, whose answers are directions to be compared.

Trained by a loss over pairs or triplets (``contrastive``, ``triplet``, ``twins``): every picture of a batch
goes through the one tower, and the loss pairs them up, so n pictures give n (n - 1) / 2 pairs for the price
of n.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from mien.core.errors import InputError
from mien.training.options import option


@dataclass(frozen=True, slots=True)
class Config:
    tower: str = option("cnn", "the net that both twins are; any but siamese itself")
    options: Mapping[str, Any] | None = option(None, "options of that net")
    unit: bool = option(True, "scale answers to unit length, so that distances are of directions")


class Siamese(nn.Module):
    """Two pictures through the same weights."""

    def __init__(self, tower: nn.Module, unit: bool) -> None:
        super().__init__()
        self.tower, self.unit = tower, unit

    def forward(self, x: Tensor) -> Tensor:
        answers: Tensor = self.tower(x)
        return functional.normalize(answers) if self.unit else answers

    def distance(self, first: Tensor, second: Tensor) -> Tensor:
        """Two batches of pictures -> (N,) Euclidean distances of their answers."""
        return functional.pairwise_distance(self(first), self(second), eps=0.0)


def build(config: Config, *, size: int, channels: int, dim: int) -> nn.Module:
    from mien.training.nets import build_net

    if config.tower == "siamese":
        raise InputError("a siamese net cannot be its own tower: choose another net")
    tower = build_net(config.tower, size=size, channels=channels, dim=dim, **(config.options or {}))
    return Siamese(tower, config.unit)
