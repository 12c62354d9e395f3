"""Softmax cross-entropy over a linear classifier, with label smoothing and class weights."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from mien.core.errors import InputError
from mien.training.losses.parts import check_batch
from mien.training.options import option


@dataclass(frozen=True, slots=True)
class Config:
    smoothing: float = option(0.0, "share of the target given to all classes alike", low=0, high=0.99)
    class_weights: tuple[float, ...] = option((), "weight of each class, in label order; empty: all 1", low=0)
    bias: bool = option(True, "the classifier has a bias")


def build(config: Config, *, dim: int, classes: int) -> nn.Module:
    return Softmax(config, dim, classes)


class Softmax(nn.Module):
    """``-log softmax(W x + b)`` of the label, averaged with the class weights.

    Smoothing as Szegedy et al. 2016 (section 7): the target is 1 - s + s / K for the label, s / K elsewhere.
    """

    weights: Tensor | None

    def __init__(self, config: Config, dim: int, classes: int) -> None:
        super().__init__()
        if config.class_weights and len(config.class_weights) != classes:
            raise InputError(
                f"{len(config.class_weights)} class weights were given for {classes} classes: give one each"
            )
        self.dim, self.smoothing = dim, config.smoothing
        self.classifier = nn.Linear(dim, classes, bias=config.bias)
        weights = torch.tensor(config.class_weights, dtype=torch.float32) if config.class_weights else None
        self.register_buffer("weights", weights)

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        check_batch(features, labels, self.dim)
        return functional.cross_entropy(
            self.logits(features).float(), labels, self.weights, label_smoothing=self.smoothing
        )

    def logits(self, features: Tensor) -> Tensor:
        """(N, dim) features -> (N, classes) scores; the largest is the class that the net says."""
        scores: Tensor = self.classifier(features)
        return scores
