"""The mean of the features that are there: what every other aggregator has to beat."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from mien.core.errors import ShapeError


@dataclass(frozen=True, slots=True)
class Config:
    pass


def build(config: Config, *, dim: int) -> nn.Module:
    return Mean(dim)


class Mean(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        check_frames(features, mask, self.dim)
        return masked_mean(features, mask)


def check_frames(features: Tensor, mask: Tensor, dim: int) -> None:
    """Raise `ShapeError` unless features are (N, T, dim) and the mask (N, T)."""
    if features.ndim != 3 or features.shape[2] != dim:
        raise ShapeError("features", f"(N, T, {dim})", tuple(features.shape))
    if mask.shape != features.shape[:2]:
        raise ShapeError("mask", f"{tuple(features.shape[:2])}", tuple(mask.shape))


def masked_mean(features: Tensor, mask: Tensor) -> Tensor:
    """(N, T, D) and (N, T) -> (N, D); zeros where nothing is there."""
    there = mask.to(features.dtype)[:, :, None]
    return (features * there).sum(1) / there.sum(1).clamp_min(1)
