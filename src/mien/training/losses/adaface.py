"""AdaFace (Kim et al., CVPR 2022): a margin that trusts clear pictures and forgives blurred ones."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mien.training.losses.margin import margin_cross_entropy
from mien.training.losses.parts import check_batch, cosines
from mien.training.options import option


@dataclass(frozen=True, slots=True)
class Config:
    margin: float = option(0.4, "the largest margin, in radians and in cosine", low=0, high=1)
    scale: float = option(64.0, "radius of the sphere that the features lie on", low=1)
    h: float = option(0.333, "how many deviations of the length make the whole range", low=1e-3)
    memory: float = option(
        0.99, "share of the lengths' mean and deviation kept from step to step", low=0, high=1
    )


def build(config: Config, *, dim: int, classes: int) -> nn.Module:
    return AdaFace(config, dim, classes)


class AdaFace(nn.Module):
    """The label's angle gets ``-m z`` and its cosine ``-(m + m z)``, z being how long the features are.

    z = (length - mean) * h / deviation, cut to [-1, 1]: the length of features tells how clear a picture is
    (section 3.3). Mean and deviation are remembered from batch to batch.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, config: Config, dim: int, classes: int) -> None:
        super().__init__()
        self.config, self.dim = config, dim
        self.centres = nn.Parameter(torch.empty(classes, dim))
        nn.init.normal_(self.centres, std=0.01)
        self.register_buffer("mean", torch.tensor(20.0))
        self.register_buffer("deviation", torch.tensor(100.0))

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        check_batch(features, labels, self.dim)
        if self.training:
            self._remember(features.detach().float())
        cosine = cosines(features, self.centres)
        return margin_cross_entropy(cosine, features, labels, self._harder, self.config.scale)

    def logits(self, features: Tensor) -> Tensor:
        return self.config.scale * cosines(features, self.centres)

    def clarity(self, features: Tensor) -> Tensor:
        """(N, D) -> (N,) in [-1, 1]; no gradient flows through it."""
        length = features.detach().float().norm(dim=1).clamp(1e-3, 100)
        clear: Tensor = (length - self.mean) * self.config.h / (self.deviation + 1e-3)
        return clear.clamp(-1, 1)

    def _harder(self, target: Tensor, features: Tensor) -> Tensor:
        margin, clear = self.config.margin, self.clarity(features)
        angle = torch.acos(target.clamp(-1 + 1e-6, 1 - 1e-6)) - margin * clear
        harder: Tensor = angle.clamp(1e-3, math.pi - 1e-3).cos() - (margin + margin * clear)
        return harder

    @torch.no_grad()
    def _remember(self, features: Tensor) -> None:
        if len(features) < 2:
            return
        length, keep = features.norm(dim=1).clamp(1e-3, 100), self.config.memory
        self.mean = keep * self.mean + (1 - keep) * length.mean()
        self.deviation = keep * self.deviation + (1 - keep) * length.std()
