"""SphereFace (Liu et al., CVPR 2017): the angle between a face and its class, several times over."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from mien.training.losses.parts import check_batch, cosines
from mien.training.options import option


@dataclass(frozen=True, slots=True)
class Config:
    margin: int = option(4, "how many times the angle counts", low=1, high=6)
    lambda_start: float = option(1000.0, "weight of the plain cosine at the first step", low=0)
    lambda_end: float = option(5.0, "weight of the plain cosine in the end", low=0)
    lambda_pace: float = option(0.12, "how fast the one becomes the other", low=0)


def build(config: Config, *, dim: int, classes: int) -> nn.Module:
    return SphereFace(config, dim, classes)


class SphereFace(nn.Module):
    """Cross-entropy of ``|x| cos`` where the label has ``|x| (lambda cos + psi(angle)) / (1 + lambda)``.

    psi(angle) = (-1)^k cos(m angle) - 2 k on [k pi / m, (k + 1) pi / m] (equation 7), which falls all the
    way. Nothing is learned from psi alone at first, hence lambda = max(end, start / (1 + pace * step)), as
    the authors trained it.
    """

    steps: Tensor

    def __init__(self, config: Config, dim: int, classes: int) -> None:
        super().__init__()
        self.config, self.dim = config, dim
        self.centres = nn.Parameter(torch.empty(classes, dim))
        nn.init.normal_(self.centres, std=0.01)
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        check_batch(features, labels, self.dim)
        length = features.float().norm(dim=1, keepdim=True)
        cosine = cosines(features, self.centres)
        rows = labels[:, None]
        target = cosine.gather(1, rows)
        weight = self.plain_share()
        mixed = (weight * target + psi(target, self.config.margin)) / (1 + weight)
        if self.training:
            self.steps += 1
        return functional.cross_entropy(length * cosine.scatter(1, rows, mixed), labels)

    def logits(self, features: Tensor) -> Tensor:
        scores: Tensor = features.float().norm(dim=1, keepdim=True) * cosines(features, self.centres)
        return scores

    def plain_share(self) -> Tensor:
        """lambda at this step."""
        c = self.config
        share: Tensor = c.lambda_start / (1 + c.lambda_pace * self.steps.float())
        return share.clamp_min(c.lambda_end)


def psi(cosine: Tensor, margin: int) -> Tensor:
    """(-1)^k cos(m angle) - 2 k, from the angle's cosine.

    cos(m angle) is the Chebyshev polynomial of the cosine: unlike acos it has a slope everywhere.
    """
    turn = torch.acos(cosine.detach().clamp(-1, 1)) * margin / math.pi
    k = turn.floor().clamp(0, margin - 1)
    before, multiple = torch.ones_like(cosine), cosine
    for _ in range(margin - 1):
        before, multiple = multiple, 2 * cosine * multiple - before
    return (1 - 2 * (k % 2)) * multiple - 2 * k
