"""Center loss (Wen et al., ECCV 2016): softmax, and every face near the centre of its class."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn

from mien.training.losses.parts import check_batch
from mien.training.losses.softmax import Config as SoftmaxConfig
from mien.training.losses.softmax import Softmax
from mien.training.options import option


@dataclass(frozen=True, slots=True)
class Config:
    weight: float = option(0.01, "of the centre term beside the softmax (the paper's lambda)", low=0)
    alpha: float = option(0.5, "how far centres move towards their faces each step", low=0, high=1)
    smoothing: float = option(0.0, "share of the target given to all classes alike", low=0, high=0.99)


def build(config: Config, *, dim: int, classes: int) -> nn.Module:
    return Center(config, dim, classes)


class Center(nn.Module):
    """``softmax + weight / 2 * mean |x - centre|²``; the term alone would draw all to one point.

    The centres are not learned by the gradient but moved after each step of training (equation 4).
    """

    centres: Tensor

    def __init__(self, config: Config, dim: int, classes: int) -> None:
        super().__init__()
        self.config, self.dim = config, dim
        self.softmax = Softmax(SoftmaxConfig(smoothing=config.smoothing), dim, classes)
        self.register_buffer("centres", torch.zeros(classes, dim))

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        check_batch(features, labels, self.dim)
        offset = features.float() - self.centres[labels]
        loss: Tensor = self.softmax(features, labels) + self.config.weight / 2 * offset.square().sum(1).mean()
        if self.training:
            self._move(offset.detach(), labels)
        return loss

    def logits(self, features: Tensor) -> Tensor:
        return self.softmax.logits(features)

    @torch.no_grad()
    def _move(self, offset: Tensor, labels: Tensor) -> None:
        """centre += alpha * sum(x - centre) / (1 + count), for the classes of all processes' batches."""
        sums = torch.zeros_like(self.centres).index_add_(0, labels, offset)
        counts = torch.bincount(labels, minlength=len(self.centres))[:, None]
        if distributed.is_available() and distributed.is_initialized():
            distributed.all_reduce(sums)
            distributed.all_reduce(counts)
        # A new tensor, not in place: the gradient of this step still needs the old one.
        self.centres = self.centres + self.config.alpha * sums / (1 + counts)
