"""Pieces that several losses are made of."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from mien.core.errors import ShapeError


def check_batch(features: Tensor, labels: Tensor, dim: int) -> None:
    """Raise `ShapeError` unless features are (N, dim) and labels (N,)."""
    if features.ndim != 2 or features.shape[1] != dim:
        raise ShapeError("features", f"(N, {dim})", tuple(features.shape))
    if labels.shape != features.shape[:1]:
        raise ShapeError("labels", f"({features.shape[0]},)", tuple(labels.shape))


def cosines(features: Tensor, centres: Tensor) -> Tensor:
    """Cosine of each feature row with each centre: (N, D) and (K, D) -> (N, K) float32, also in autocast.

    In half precision the steps between cosines near 1 are as wide as the margins that are trained there.
    """
    with torch.autocast(features.device.type, enabled=False):
        unit = functional.normalize(features.float())
        return functional.linear(unit, functional.normalize(centres.float())).clamp(-1, 1)


def pairwise_distances(features: Tensor) -> Tensor:
    """Euclidean distance of every row to every row: (N, D) -> (N, N) float32, zero on the diagonal.

    The root is taken of at least 1e-12: at zero its gradient is infinite.
    """
    with torch.autocast(features.device.type, enabled=False):
        rows = features.float() if features.dtype in (torch.float16, torch.bfloat16) else features
        squares = (rows[:, None, :] - rows[None, :, :]).square().sum(-1)
        return squares.clamp_min(1e-12).sqrt() * (1 - torch.eye(len(rows), device=rows.device))


def same_and_other(labels: Tensor) -> tuple[Tensor, Tensor]:
    """(N,) labels -> (N, N) masks: another picture of the same label; a picture of another label."""
    equal = labels[:, None] == labels[None, :]
    itself = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    return equal & ~itself, ~equal
