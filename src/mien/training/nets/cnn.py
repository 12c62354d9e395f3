"""The classical convolutional net (LeCun et al. 1998, with today's activations)."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from torch import nn

from mien.training.nets.parts import DropConnect, halved
from mien.training.options import option


@dataclass(frozen=True, slots=True)
class Config:
    width: int = option(32, "channels of the first convolution; each further one has twice as many", low=1)
    blocks: int = option(3, "times that the picture is convolved and halved", low=1, high=6)
    hidden: int = option(256, "units of the layer between the convolutions and the features", low=1)
    norm: bool = option(True, "normalise each convolution over the batch")
    dropout: float = option(0.0, "share of the hidden units forgotten at each step", low=0, high=0.95)
    drop_connect: float = option(
        0.0, "share of the last layers' weights forgotten at each step", low=0, high=0.95
    )


def build(config: Config, *, size: int, channels: int, dim: int) -> nn.Module:
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    inputs = channels
    for number in range(config.blocks):
        outputs = config.width * 2**number
        layers[f"block{number + 1}"] = _block(inputs, outputs, config.norm)
        inputs = outputs
    side = halved(size, config.blocks)
    layers["flatten"] = nn.Flatten()
    layers["hidden"] = DropConnect(inputs * side * side, config.hidden, config.drop_connect)
    layers["act"] = nn.ReLU(inplace=True)
    layers["dropout"] = nn.Dropout(config.dropout)
    layers["features"] = DropConnect(config.hidden, dim, config.drop_connect)
    return nn.Sequential(layers)


def _block(inputs: int, outputs: int, norm: bool) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=not norm),
        *([nn.BatchNorm2d(outputs)] if norm else []),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2, ceil_mode=True),
    )
