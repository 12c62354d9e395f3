"""Mixup (Zhang et al., ICLR 2018): pictures laid over each other, learned as both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Mixed:
    """A mixed batch.    share: of the first labels, 0.5..1."""

    pictures: Tensor
    first: Tensor
    second: Tensor
    share: float

    def loss(self, loss: Callable[[Tensor, Tensor], Tensor], features: Tensor) -> Tensor:
        """The loss of both labels, each by its share."""
        return self.share * loss(features, self.first) + (1 - self.share) * loss(features, self.second)


@dataclass(frozen=True, slots=True)
class BatchMix:
    """alpha: of the Beta distribution that the share is drawn from."""

    alpha: float

    def __call__(self, pictures: Tensor, labels: Tensor, rng: np.random.Generator) -> Mixed:
        """(N, C, H, W) and (N,) -> every picture mixed with another one of the batch, all by one share."""
        share = float(rng.beta(self.alpha, self.alpha))
        share = max(share, 1 - share)  # the first label stays the main one
        order = torch.from_numpy(rng.permutation(len(labels))).to(labels.device)
        mixed = share * pictures + (1 - share) * pictures[order]
        return Mixed(mixed, labels, labels[order], share)
