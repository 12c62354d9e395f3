"""VGG (Simonyan and Zisserman, ICLR 2015), with batch normalisation and one linear layer for the features."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from mien.core.errors import InputError
from mien.training.nets.parts import conv_norm, embedding_head, halved
from mien.training.options import option

# Convolutions in each of the five stages, by the depth that the paper counts (three linear layers included).
_STAGES = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}


@dataclass(frozen=True, slots=True)
class Config:
    depth: int = option(16, "layers as the paper counts them", choices=tuple(_STAGES))
    width: int = option(64, "channels of the first stage; the others have up to 8 times as many", low=1)
    dropout: float = option(0.0, "share of the last map forgotten at each step", low=0, high=0.95)
    drop_connect: float = option(
        0.0, "share of the last layer's weights forgotten at each step", low=0, high=0.95
    )


def build(config: Config, *, size: int, channels: int, dim: int) -> nn.Module:
    if size < 32:
        raise InputError(f"VGG halves its input five times, which {size} pixels do not allow: use 32 or more")
    layers: list[nn.Module] = []
    inputs = channels
    for stage, convolutions in enumerate(_STAGES[config.depth]):
        outputs = config.width * min(2**stage, 8)
        for _ in range(convolutions):
            layers.append(conv_norm(inputs, outputs, 3, act=nn.ReLU(inplace=True)))
            inputs = outputs
        layers.append(nn.MaxPool2d(2, ceil_mode=True))
    head = embedding_head(
        inputs, halved(size, 5), dim, dropout=config.dropout, drop_connect=config.drop_connect
    )
    return nn.Sequential(nn.Sequential(*layers), head)
