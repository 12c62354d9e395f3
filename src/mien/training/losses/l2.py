"""Squared error: of numbers to be told (points, coefficients), or of classes as one-hot rows (Brier 1950)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

from mien.core.errors import ShapeError
from mien.training.losses.parts import check_batch
from mien.training.options import option


@dataclass(frozen=True, slots=True)
class Config:
    bias: bool = option(True, "the linear layer from features to answers has a bias")


def build(config: Config, *, dim: int, classes: int) -> nn.Module:
    return Squared(config, dim, classes)


class Squared(nn.Module):
    """mean of ``(W x + b - target)²``; the target is the label's one-hot row, or the floats given as labels.

    labels: (N,) int64, or (N, classes) float targets, where ``classes`` is how many numbers are told.
    """

    def __init__(self, config: Config, dim: int, classes: int) -> None:
        super().__init__()
        self.dim, self.classes = dim, classes
        self.answers = nn.Linear(dim, classes, bias=config.bias)

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        if labels.is_floating_point():
            check_batch(features, labels[:, 0] if labels.ndim == 2 else labels, self.dim)
            if labels.shape != (len(features), self.classes):
                raise ShapeError("targets", f"(N, {self.classes})", tuple(labels.shape))
            target = labels.float()
        else:
            check_batch(features, labels, self.dim)
            target = functional.one_hot(labels, self.classes).float()
        return functional.mse_loss(self.logits(features).float(), target)

    def logits(self, features: Tensor) -> Tensor:
        """(N, dim) features -> (N, classes) answers."""
        answers: Tensor = self.answers(features)
        return answers
