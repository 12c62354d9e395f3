"""MobileFaceNet (Chen et al., CCBR 2018): a small net for phones, of inverted residuals."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from mien.training.nets.parts import DropConnect, conv_norm, halved
from mien.training.options import option

# Table 1 of the paper: expansion, channels, blocks, stride of the first.
_STAGES = ((2, 64, 5, 2), (4, 128, 1, 2), (2, 128, 6, 1), (4, 128, 1, 2), (2, 128, 2, 1))


@dataclass(frozen=True, slots=True)
class Config:
    width: float = option(1.0, "factor on every stage's channels", low=0.1, high=4)
    last: int = option(512, "channels before the last map is folded up", low=8)
    dropout: float = option(0.0, "share of the folded features forgotten at each step", low=0, high=0.95)
    drop_connect: float = option(
        0.0, "share of the last layer's weights forgotten at each step", low=0, high=0.95
    )


class Bottleneck(nn.Module):
    """Widen, filter each channel, narrow without an activation; with a shortcut where nothing is halved."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = inputs * expansion
        self.branch = nn.Sequential(
            conv_norm(inputs, inner, 1, act=nn.PReLU(inner)),
            conv_norm(inner, inner, 3, stride, groups=inner, act=nn.PReLU(inner)),
            conv_norm(inner, outputs, 1),
        )
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        branch: Tensor = self.branch(x)
        return x + branch if self.residual else branch


def build(config: Config, *, size: int, channels: int, dim: int) -> nn.Module:
    def wide(count: int) -> int:
        return max(round(count * config.width / 8) * 8, 8)

    first = wide(64)
    layers: list[nn.Module] = [
        conv_norm(channels, first, 3, 2, act=nn.PReLU(first)),
        conv_norm(first, first, 3, groups=first, act=nn.PReLU(first)),
    ]
    inputs = first
    for expansion, outputs, count, stride in _STAGES:
        for number in range(count):
            layers.append(Bottleneck(inputs, wide(outputs), stride if number == 0 else 1, expansion))
            inputs = wide(outputs)
    side = halved(size, 4)
    return nn.Sequential(
        *layers,
        conv_norm(inputs, config.last, 1, act=nn.PReLU(config.last)),
        # The "global depthwise convolution": each channel weighs the places of the face for itself.
        conv_norm(config.last, config.last, side, groups=config.last, pad=False),
        nn.Flatten(),
        nn.Dropout(config.dropout),
        DropConnect(config.last, dim, config.drop_connect, bias=False),
        nn.BatchNorm1d(dim),
    )
