"""Losses of tasks that tell numbers: differences in, one number to be made small out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from mien.core.errors import InputError
from mien.training.recipe import Recipe

WING_WIDTH, WING_CURVE = 0.1, 0.02  # of the half side of a crop


def wing(difference: Tensor) -> Tensor:
    """Wing loss, which weighs small differences more than L1 does (Feng et al., CVPR 2018, eq. 5)."""
    size = difference.abs()
    offset = WING_WIDTH - WING_WIDTH * math.log1p(WING_WIDTH / WING_CURVE)
    near = WING_WIDTH * torch.log1p(size / WING_CURVE)
    return torch.where(size < WING_WIDTH, near, size - offset).mean()


REGRESSIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "l2": lambda difference: difference.square().mean(),
    "l1": lambda difference: difference.abs().mean(),
    "smooth_l1": lambda difference: functional.smooth_l1_loss(
        difference, torch.zeros_like(difference), beta=0.05
    ),
    "wing": wing,
}


class Regression(nn.Module):
    """(N, K) answers and targets to a scalar.    weights: (K,) of each number."""

    weights: Tensor

    def __init__(self, name: str, weights: Tensor) -> None:
        super().__init__()
        self.kind = REGRESSIONS[name]
        self.register_buffer("weights", weights)

    def forward(self, answers: Tensor, targets: Tensor) -> Tensor:
        return self.kind((answers.float() - targets) * self.weights)


def regression_of(recipe: Recipe, default: str, weights: Tensor) -> Regression:
    """The loss that a recipe of numbers names; raises InputError for one that is none of them."""
    name = recipe.loss.name or default
    if name not in REGRESSIONS or recipe.loss.options:
        raise InputError(
            f"[loss] {name} does not fit the task {recipe.task.name}: choose {', '.join(REGRESSIONS)}, "
            "without options"
        )
    return Regression(name, weights)
