"""Pieces that several nets are made of."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class DropConnect(nn.Linear):
    """A linear layer that forgets a random share of its weights at each training step.

    Wan et al., "Regularization of Neural Networks using DropConnect", ICML 2013, with the kept weights scaled
    by 1 / (1 - drop) so that the mean answer is that of inference.
    """

    def __init__(self, inputs: int, outputs: int, drop: float = 0.0, bias: bool = True) -> None:
        super().__init__(inputs, outputs, bias)
        self.drop = drop

    def forward(self, input: Tensor) -> Tensor:
        if not self.training or self.drop == 0:
            return functional.linear(input, self.weight, self.bias)
        return functional.linear(input, functional.dropout(self.weight, self.drop), self.bias)


class DropPath(nn.Module):
    """Skips a residual branch for a random share of the pictures ("stochastic depth", Huang et al. 2016)."""

    def __init__(self, drop: float) -> None:
        super().__init__()
        self.drop = drop

    def forward(self, branch: Tensor) -> Tensor:
        if not self.training or self.drop == 0:
            return branch
        shape = (branch.shape[0],) + (1,) * (branch.ndim - 1)
        kept = torch.rand(shape, dtype=branch.dtype, device=branch.device) >= self.drop
        return branch * kept / (1 - self.drop)


class SqueezeExcite(nn.Module):
    """Weighs channels by what the whole picture says (Hu et al., CVPR 2018)."""

    def __init__(self, channels: int, ratio: int = 16) -> None:
        super().__init__()
        inner = max(channels // ratio, 4)
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, inner, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(inner, channels, 1),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        weighted: Tensor = x * self.gate(x)
        return weighted


def conv_norm(
    inputs: int,
    outputs: int,
    kernel: int | tuple[int, int],
    stride: int = 1,
    *,
    groups: int = 1,
    act: nn.Module | None = None,
    pad: bool = True,
) -> nn.Sequential:
    """Convolution, batch normalisation and, where given, an activation; padded to keep the size."""
    sides = (kernel, kernel) if isinstance(kernel, int) else kernel
    padding = (sides[0] // 2, sides[1] // 2) if pad else (0, 0)
    layers: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, sides, stride, padding, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
    ]
    return nn.Sequential(*layers, *([act] if act is not None else []))


def embedding_head(
    channels: int, side: int, dim: int, *, dropout: float = 0.0, drop_connect: float = 0.0
) -> nn.Sequential:
    """From the last feature map to features, as ArcFace does it ("option E", Deng et al. 2019, section 3.1).

    Batch normalisation, dropout, one linear layer over all positions, batch normalisation. Every place of
    the map keeps its own weights: in an aligned crop it is a place of the face.
    """
    return nn.Sequential(
        nn.BatchNorm2d(channels),
        nn.Dropout(dropout),
        nn.Flatten(),
        DropConnect(channels * side * side, dim, drop_connect, bias=False),
        nn.BatchNorm1d(dim),
    )


def halved(size: int, times: int) -> int:
    """Side of a feature map after strides of two with padding.

    >>> halved(112, 4), halved(37, 2)
    (7, 10)
    """
    for _ in range(times):
        size = (size + 1) // 2
    return size
