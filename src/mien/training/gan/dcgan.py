"""DCGAN (Radford et al., ICLR 2016): strided convolutions, batch normalisation, no pooling."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn

from mien.training.gan.pair import Conditioned, Gan, Judge, minibatch_deviation
from mien.training.options import option


@dataclass(frozen=True, slots=True)
class Config:
    latent: int = option(64, "numbers of noise a picture", low=1)
    width: int = option(32, "channels at full size; twice as many at each halving, up to eight times", low=2)
    embedded: int = option(32, "numbers that stand for a label", low=1)


def build(config: Config, *, size: int, channels: int, classes: int) -> Gan:
    generator = Generator(config, size, channels, classes)
    return Gan(generator, Discriminator(config, size, channels, classes), config.latent, classes)


def widths(width: int, size: int) -> list[int]:
    """Channels from full size down to 4 × 4.

    >>> widths(32, 64)
    [32, 64, 128, 256]
    """
    return [width * min(2**step, 8) for step in range(int(math.log2(size)) - 2)]


class Generator(nn.Module):
    def __init__(self, config: Config, size: int, channels: int, classes: int) -> None:
        super().__init__()
        steps = widths(config.width, size)[::-1]
        self.known = Conditioned(config.latent, classes, config.embedded)
        layers: list[nn.Module] = [
            nn.Unflatten(1, (self.known.width, 1, 1)),
            nn.ConvTranspose2d(self.known.width, steps[0], 4, bias=False),
            nn.BatchNorm2d(steps[0]),
            nn.ReLU(inplace=True),
        ]
        for inputs, outputs in pairwise(steps):
            layers += [
                nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=False),
                nn.BatchNorm2d(outputs),
                nn.ReLU(inplace=True),
            ]
        layers += [nn.ConvTranspose2d(steps[-1], channels, 4, 2, 1), nn.Tanh()]
        self.layers = nn.Sequential(*layers)
        self.apply(initialise)

    def forward(self, noise: Tensor, labels: Tensor | None = None) -> Tensor:
        drawn: Tensor = self.layers(self.known(noise, labels))
        return drawn


class Discriminator(nn.Module):
    """Without batch normalisation: the R1 penalty wants each picture judged for itself."""

    def __init__(self, config: Config, size: int, channels: int, classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = channels
        for outputs in widths(config.width, size):
            layers += [nn.Conv2d(inputs, outputs, 4, 2, 1), nn.LeakyReLU(0.2, inplace=True)]
            inputs = outputs
        self.layers = nn.Sequential(*layers)
        self.last = nn.Sequential(
            nn.Conv2d(inputs + 1, inputs, 4), nn.LeakyReLU(0.2, inplace=True), nn.Flatten()
        )
        self.judge = Judge(inputs, classes)
        self.apply(initialise)

    def forward(self, pictures: Tensor, labels: Tensor | None = None) -> Tensor:
        features = self.last(minibatch_deviation(self.layers(pictures)))
        logits: Tensor = self.judge(features, labels)
        return logits


def initialise(module: nn.Module) -> None:
    """The paper's start: kernels of deviation 0.02."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
