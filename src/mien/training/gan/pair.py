"""A generator with its discriminator, and what both kinds share."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True, slots=True, eq=False)
class Gan:
    """latent: numbers of noise a picture.    classes: labels to draw by; 0: none."""

    generator: nn.Module
    discriminator: nn.Module
    latent: int
    classes: int


class Conditioned(nn.Module):
    """Noise, with a learned vector a label beside it: (N, latent) and (N,) -> (N, width)."""

    def __init__(self, latent: int, classes: int, embedded: int) -> None:
        super().__init__()
        self.labels = nn.Embedding(classes, embedded) if classes else None
        self.width = latent + (embedded if classes else 0)

    def forward(self, noise: Tensor, labels: Tensor | None) -> Tensor:
        if self.labels is None:
            return noise
        # Both parts of one length, so that neither drowns the other.
        known = nn.functional.normalize(self.labels(labels)) * self.labels.embedding_dim**0.5
        return torch.cat([noise, known], 1)


class Judge(nn.Module):
    """Features to a logit, with a projection for the label (Miyato and Koyama, ICLR 2018)."""

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.real = nn.Linear(features, 1)
        self.labels = nn.Embedding(classes, features) if classes else None
        if self.labels is not None:
            nn.init.normal_(self.labels.weight, std=features**-0.5)

    def forward(self, features: Tensor, labels: Tensor | None) -> Tensor:
        logits: Tensor = self.real(features).squeeze(1)
        if self.labels is None:
            return logits
        towards: Tensor = (self.labels(labels) * features).sum(1)
        return logits + towards


def minibatch_deviation(features: Tensor) -> Tensor:
    """Append a channel with the batch's mean deviation (Karras et al. 2018, section 3): sameness shows."""
    deviation = (features.var(0, correction=0) + 1e-8).sqrt().mean()
    count, _, height, width = features.shape
    return torch.cat([features, deviation.expand(count, 1, height, width)], 1)
