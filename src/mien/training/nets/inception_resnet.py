"""Inception-ResNet-v1 (Szegedy et al., AAAI 2017), the net of FaceNet's best-known open weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mien.core.errors import InputError
from mien.training.nets.parts import DropConnect
from mien.training.options import option

_SMALLEST = 75  # below it the unpadded convolutions of the stem leave nothing


@dataclass(frozen=True, slots=True)
class Config:
    width: float = option(1.0, "factor on every layer's channels", low=0.05, high=2)
    blocks: tuple[int, ...] = option((5, 10, 5), "blocks on the 35 × 35, 17 × 17 and 8 × 8 grids", low=0)
    padded: bool = option(False, f"pad the unpadded convolutions, for pictures below {_SMALLEST} pixels")
    dropout: float = option(0.2, "share of the pooled features forgotten at each step", low=0, high=0.95)
    drop_connect: float = option(
        0.0, "share of the last layer's weights forgotten at each step", low=0, high=0.95
    )


@dataclass(frozen=True, slots=True)
class _Maker:
    """Makes convolutions of scaled width."""

    config: Config

    def wide(self, channels: int) -> int:
        return max(round(channels * self.config.width), 2)

    def conv(
        self, inputs: int, outputs: int, kernel: int | tuple[int, int], stride: int = 1, *, pad: bool = True
    ) -> nn.Sequential:
        """Convolution, batch normalisation, ReLU; ``inputs`` and ``outputs`` are already scaled."""
        sides = (kernel, kernel) if isinstance(kernel, int) else kernel
        padding = (sides[0] // 2, sides[1] // 2) if pad or self.config.padded else (0, 0)
        return nn.Sequential(
            nn.Conv2d(inputs, outputs, sides, stride, padding, bias=False),
            nn.BatchNorm2d(outputs, eps=1e-3),
            nn.ReLU(inplace=True),
        )

    def chain(self, inputs: int, steps: Sequence[tuple[int, int | tuple[int, int]]]) -> nn.Sequential:
        """Convolutions one after the other: (channels, kernel) each."""
        layers: list[nn.Module] = []
        for channels, kernel in steps:
            layers.append(self.conv(inputs, self.wide(channels), kernel))
            inputs = self.wide(channels)
        return nn.Sequential(*layers)

    def pool(self) -> nn.Module:
        return nn.MaxPool2d(3, stride=2, padding=1 if self.config.padded else 0)


class Branches(nn.Module):
    """Several ways through, their channels side by side."""

    def __init__(self, *ways: nn.Module) -> None:
        super().__init__()
        self.ways = nn.ModuleList(ways)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([way(x) for way in self.ways], 1)


class Residual(nn.Module):
    """Branches, brought back to the input's channels, scaled down and added (section 3.3 of the paper)."""

    def __init__(self, ways: Branches, channels: int, joined: int, scale: float, act: bool = True) -> None:
        super().__init__()
        self.ways, self.scale = ways, scale
        self.back = nn.Conv2d(joined, channels, 1)
        self.act: nn.Module = nn.ReLU(inplace=True) if act else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        summed: Tensor = self.act(x + self.scale * self.back(self.ways(x)))
        return summed


def build(config: Config, *, size: int, channels: int, dim: int) -> nn.Module:
    if len(config.blocks) != 3:
        raise InputError("Inception-ResNet has three kinds of blocks: give three numbers, such as 5, 10, 5")
    if size < _SMALLEST and not config.padded:
        raise InputError(
            f"Inception-ResNet needs {_SMALLEST} pixels or more, not {size}: set padded = true for smaller"
        )
    make = _Maker(config)
    return nn.Sequential(
        _stem(make, channels),
        *[_block35(make) for _ in range(config.blocks[0])],
        _to17(make),
        *[_block17(make) for _ in range(config.blocks[1])],
        _to8(make),
        *[_block8(make, 0.2) for _ in range(config.blocks[2])],
        _block8(make, 1.0, act=False),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(config.dropout),
        DropConnect(make.wide(1792), dim, config.drop_connect, bias=False),
        nn.BatchNorm1d(dim, eps=1e-3),
    )


def _stem(make: _Maker, channels: int) -> nn.Module:
    w = make.wide
    return nn.Sequential(
        make.conv(channels, w(32), 3, 2, pad=False),
        make.conv(w(32), w(32), 3, pad=False),
        make.conv(w(32), w(64), 3),
        make.pool(),
        make.conv(w(64), w(80), 1),
        make.conv(w(80), w(192), 3, pad=False),
        make.conv(w(192), w(256), 3, 2, pad=False),
    )


def _block35(make: _Maker) -> nn.Module:
    w, inputs = make.wide, make.wide(256)
    ways = Branches(
        make.chain(inputs, [(32, 1)]),
        make.chain(inputs, [(32, 1), (32, 3)]),
        make.chain(inputs, [(32, 1), (32, 3), (32, 3)]),
    )
    return Residual(ways, inputs, 3 * w(32), 0.17)


def _to17(make: _Maker) -> nn.Module:
    w, inputs = make.wide, make.wide(256)
    return Branches(
        make.conv(inputs, w(384), 3, 2, pad=False),
        nn.Sequential(make.chain(inputs, [(192, 1), (192, 3)]), make.conv(w(192), w(256), 3, 2, pad=False)),
        make.pool(),
    )


def _block17(make: _Maker) -> nn.Module:
    w = make.wide
    inputs = w(384) + 2 * w(256)
    ways = Branches(
        make.chain(inputs, [(128, 1)]), make.chain(inputs, [(128, 1), (128, (1, 7)), (128, (7, 1))])
    )
    return Residual(ways, inputs, 2 * w(128), 0.10)


def _to8(make: _Maker) -> nn.Module:
    w = make.wide
    inputs = w(384) + 2 * w(256)
    left = w(1792) - inputs - 2 * w(256)  # what makes the sum 1792 at any width

    def reduce(channels: int) -> nn.Module:
        return make.conv(w(256), channels, 3, 2, pad=False)

    return Branches(
        nn.Sequential(make.chain(inputs, [(256, 1)]), reduce(left)),
        nn.Sequential(make.chain(inputs, [(256, 1)]), reduce(w(256))),
        nn.Sequential(make.chain(inputs, [(256, 1), (256, 3)]), reduce(w(256))),
        make.pool(),
    )


def _block8(make: _Maker, scale: float, act: bool = True) -> nn.Module:
    w, inputs = make.wide, make.wide(1792)
    ways = Branches(
        make.chain(inputs, [(192, 1)]), make.chain(inputs, [(192, 1), (192, (1, 3)), (192, (3, 1))])
    )
    return Residual(ways, inputs, 2 * w(192), scale, act)
