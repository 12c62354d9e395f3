"""A small StyleGAN2 (Karras et al., CVPR 2020): noise becomes a style, and the style scales every layer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from mien.training.gan.dcgan import widths
from mien.training.gan.pair import Conditioned, Gan, Judge, minibatch_deviation
from mien.training.options import option


@dataclass(frozen=True, slots=True)
class Config:
    latent: int = option(64, "numbers of noise a picture", low=1)
    style: int = option(64, "numbers of a style", low=1)
    mapping: int = option(3, "layers from noise to style", low=1, high=16)
    width: int = option(16, "channels at full size; twice as many at each halving, up to eight times", low=2)
    embedded: int = option(32, "numbers that stand for a label", low=1)


def build(config: Config, *, size: int, channels: int, classes: int) -> Gan:
    generator = Generator(config, size, channels, classes)
    return Gan(generator, Discriminator(config, size, channels, classes), config.latent, classes)


class EqualLinear(nn.Module):
    """Weights drawn from N(0, 1) and scaled when used, so that all learn at one pace (Karras et al. 2018)."""

    def __init__(self, inputs: int, outputs: int, bias: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs))
        self.bias = nn.Parameter(torch.full((outputs,), bias))
        self.scale = inputs**-0.5

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, self.weight * self.scale, self.bias)


class EqualConv(nn.Module):
    """A convolution that keeps the size, scaled as `EqualLinear`."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.scale = (inputs * kernel**2) ** -0.5

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv2d(x, self.weight * self.scale, self.bias, padding="same")


class StyledConv(nn.Module):
    """Kernels scaled by the style and brought back to unit length (equations 1 to 3), noise, activation."""

    def __init__(
        self, inputs: int, outputs: int, style: int, kernel: int = 3, *, plain: bool = False
    ) -> None:
        super().__init__()
        self.plain = plain  # the layer to colours: no normalisation, noise or activation
        self.style = EqualLinear(style, inputs, bias=1.0)
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.noise = None if plain else nn.Parameter(torch.zeros(()))
        self.scale = (inputs * kernel**2) ** -0.5

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        scales = self.style(style)
        weight = self.weight * self.scale
        out = functional.conv2d(x * scales[:, :, None, None], weight, padding="same")
        if self.noise is None:
            return out + self.bias[:, None, None]
        length = torch.einsum("oikl,ni->no", weight.square(), scales.square())
        out = out * (length + 1e-8).rsqrt()[:, :, None, None]
        if self.training:
            out = out + self.noise * torch.randn_like(out[:, :1])
        return functional.leaky_relu(out + self.bias[:, None, None], 0.2) * math.sqrt(2)


class Generator(nn.Module):
    """From a learned 4 × 4 map upwards; every size adds its colours to those of the size before."""

    def __init__(self, config: Config, size: int, channels: int, classes: int) -> None:
        super().__init__()
        steps = [*widths(config.width, size)[::-1], config.width]
        self.known = Conditioned(config.latent, classes, config.embedded)
        layers: list[nn.Module] = []
        inputs = self.known.width
        for _ in range(config.mapping):
            layers += [EqualLinear(inputs, config.style), nn.LeakyReLU(0.2)]
            inputs = config.style
        self.mapping = nn.Sequential(*layers)
        self.start = nn.Parameter(torch.randn(1, steps[0], 4, 4))
        self.first = StyledConv(steps[0], steps[0], config.style)
        self.colours = nn.ModuleList(StyledConv(w, channels, config.style, 1, plain=True) for w in steps)
        pairs = list(pairwise(steps))
        self.up = nn.ModuleList(StyledConv(a, b, config.style) for a, b in pairs)
        self.same = nn.ModuleList(StyledConv(b, b, config.style) for _, b in pairs)

    def forward(self, noise: Tensor, labels: Tensor | None = None) -> Tensor:
        known = self.known(noise, labels)
        style = self.mapping(known * (known.square().mean(1, keepdim=True) + 1e-8).rsqrt())
        x = self.first(self.start.expand(len(noise), -1, -1, -1), style)
        drawn: Tensor = self.colours[0](x, style)
        for up, same, colours in zip(self.up, self.same, list(self.colours)[1:], strict=True):
            x = same(up(double(x), style), style)
            drawn = double(drawn) + colours(x, style)
        return drawn.tanh()


class Discriminator(nn.Module):
    """Residual blocks that halve (StyleGAN2, figure 7)."""

    def __init__(self, config: Config, size: int, channels: int, classes: int) -> None:
        super().__init__()
        steps = [config.width, *widths(config.width, size)]
        self.first = nn.Sequential(EqualConv(channels, steps[0], 1), nn.LeakyReLU(0.2))
        self.blocks = nn.ModuleList(Halving(a, b) for a, b in pairwise(steps))
        last = steps[-1]
        self.last = nn.Sequential(
            EqualConv(last + 1, last, 3),
            nn.LeakyReLU(0.2),
            nn.Flatten(),
            EqualLinear(last * 16, last),
            nn.LeakyReLU(0.2),
        )
        self.judge = Judge(last, classes)

    def forward(self, pictures: Tensor, labels: Tensor | None = None) -> Tensor:
        x = self.first(pictures)
        for block in self.blocks:
            x = block(x)
        logits: Tensor = self.judge(self.last(minibatch_deviation(x)), labels)
        return logits


class Halving(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            EqualConv(inputs, inputs, 3), nn.LeakyReLU(0.2), EqualConv(inputs, outputs, 3), nn.LeakyReLU(0.2)
        )
        self.shortcut = EqualConv(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        summed: Tensor = self.branch(x) + self.shortcut(x)
        return functional.avg_pool2d(summed, 2) / math.sqrt(2)


def double(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
