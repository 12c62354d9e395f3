"""Several losses over the same features, added up by given or learned weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from mien.core.errors import InputError, ShapeError
from mien.training.options import option


@dataclass(frozen=True, slots=True)
class Config:
    parts: tuple[str, ...] = option(("softmax", "triplet"), "the losses, by their names")
    weights: tuple[float, ...] = option((), "weight of each; empty: all 1", low=0)
    classes: tuple[int, ...] = option((), "classes of each, where labels have a column a part", low=1)
    options: Mapping[str, Any] | None = option(None, "options of a part, under its name")
    learned: bool = option(False, "learn the weights: how uncertain each task is (Kendall et al. 2018)")


def build(config: Config, *, dim: int, classes: int) -> nn.Module:
    return MultiTask(config, dim, classes)


class MultiTask(nn.Module):
    """``sum_i w_i L_i``, or, learned, ``sum_i w_i (exp(-s_i) L_i + s_i)`` with a log variance s_i a part.

    labels: (N,) for all parts alike, or (N, parts) int64, a column each.
    """

    def __init__(self, config: Config, dim: int, classes: int) -> None:
        super().__init__()
        from mien.training.losses import build_loss

        count = len(config.parts)
        _check(config)
        each = config.classes or (classes,) * count
        options = config.options or {}
        self.dim, self.weights = dim, config.weights or (1.0,) * count
        self.parts = nn.ModuleList(
            build_loss(name, dim=dim, classes=number, **options.get(name, {}))
            for name, number in zip(config.parts, each, strict=True)
        )
        self.log_variances = nn.Parameter(torch.zeros(count)) if config.learned else None

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        values = self.values(features, labels)
        weights = torch.tensor(self.weights, dtype=values.dtype, device=values.device)
        if self.log_variances is None:
            return (weights * values).sum()
        return (weights * ((-self.log_variances).exp() * values + self.log_variances)).sum()

    def values(self, features: Tensor, labels: Tensor) -> Tensor:
        """Every part's own loss: (parts,), for the log of a run."""
        if labels.ndim == 2 and labels.shape[1] != len(self.parts):
            raise ShapeError("labels", f"(N,) or (N, {len(self.parts)})", tuple(labels.shape))
        columns = labels.unbind(1) if labels.ndim == 2 else (labels,) * len(self.parts)
        parts = zip(self.parts, columns, strict=True)
        return torch.stack([part(features, column) for part, column in parts])


def _check(config: Config) -> None:
    if not config.parts or "multitask" in config.parts:
        raise InputError(
            "the loss multitask needs one part or more, none of them multitask: name some losses"
        )
    for what, given in (("weights", config.weights), ("classes", config.classes)):
        if given and len(given) != len(config.parts):
            raise InputError(f"{len(given)} {what} were given for {len(config.parts)} parts: give one each")
    strange = sorted(set(config.options or {}) - set(config.parts))
    if strange:
        raise InputError(
            f"options were given for {strange[0]}, which is no part of this loss: leave them out"
        )
