"""Teach a GAN: two losses, the R1 penalty, an averaged generator, and augmentation of what the judge sees."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from mien.core.errors import InputError, ShapeError, ThinData
from mien.core.types import Pixels
from mien.training.gan.pair import Gan
from mien.training.options import option


@dataclass(frozen=True, slots=True)
class GanRecipe:
    steps: int = option(2000, "steps of both nets", low=1)
    batch: int = option(32, "pictures a step", low=2)
    lr: float = option(2e-3, "learning rate of both", low=0)
    loss: str = option("nonsaturating", "what both play for", choices=("nonsaturating", "hinge"))
    r1: float = option(1.0, "weight of the R1 penalty; 0: none", low=0)
    r1_every: int = option(8, "steps from one penalty to the next, which is weighed the more", low=1)
    average: float = option(0.995, "share of the averaged generator kept each step", low=0, high=0.99999)
    differentiable: bool = option(True, "augment real and drawn alike: small data sets need it")


@dataclass(frozen=True, slots=True)
class Step:
    """What a step cost.    penalty: R1's mean squared slope, NaN where it was not taken."""

    number: int
    generator: float
    discriminator: float
    penalty: float


def train_gan(
    gan: Gan,
    pictures: Tensor,
    labels: Tensor | None,
    recipe: GanRecipe,
    seed: int,
    progress: Callable[[Step], None] | None = None,
) -> nn.Module:
    """Teach both nets in place; returns the averaged generator, ready to draw.

    pictures: (N, C, S, S) float32 in [-1, 1].    labels: (N,) int64, needed where the GAN has classes.
    The same seed, pictures and fresh nets give the same generator on a CPU.
    """
    _check(gan, pictures, labels)
    chance = torch.Generator().manual_seed(seed)
    averaged = copy.deepcopy(gan.generator)
    players = (gan.generator, gan.discriminator)
    play = [torch.optim.Adam(net.parameters(), recipe.lr, betas=(0.0, 0.99)) for net in players]
    with torch.random.fork_rng(devices=[]):  # the layers' own noise, without touching the caller's
        torch.manual_seed(seed)
        for number in range(recipe.steps):
            rows = torch.randint(len(pictures), (recipe.batch,), generator=chance)
            real, kinds = pictures[rows], None if labels is None else labels[rows]
            judged, penalty = _teach_discriminator(gan, play[1], real, kinds, recipe, number)
            drawn = _teach_generator(gan, play[0], kinds, recipe)
            _average(averaged, gan.generator, min(recipe.average, (1 + number) / (10 + number)))
            if progress is not None:
                progress(Step(number, drawn, judged, penalty))
    return averaged.eval().requires_grad_(False)


def draw(
    gan: Gan, generator: nn.Module, labels: Tensor | None, count: int, seed: int, spread: float = 1.0
) -> Tensor:
    """Draw pictures: (count, C, S, S) float32 in [-1, 1].

    labels: (count,), where the GAN has classes.    spread: of the noise; below 1 plainer and less varied.
    """
    noise = torch.randn(count, gan.latent, generator=torch.Generator().manual_seed(seed)) * spread
    with torch.no_grad():
        pieces = [
            generator(noise[start : start + 64], None if labels is None else labels[start : start + 64])
            for start in range(0, count, 64)
        ]
    return torch.cat(pieces)


def to_pixels(pictures: Tensor) -> Pixels:
    """(N, C, S, S) in [-1, 1] -> (N, S, S, 3) uint8 RGB; grey is repeated."""
    planes = ((pictures.float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    return np.ascontiguousarray(np.broadcast_to(planes, (*planes.shape[:3], 3)))


def _teach_discriminator(
    gan: Gan, steps: torch.optim.Optimizer, real: Tensor, kinds: Tensor | None, recipe: GanRecipe, number: int
) -> tuple[float, float]:
    noise = torch.randn(len(real), gan.latent)
    with torch.no_grad():
        drawn = gan.generator(noise, kinds)
    vary = vary_alike if recipe.differentiable else _as_it_is
    on_real, on_drawn = gan.discriminator(vary(real), kinds), gan.discriminator(vary(drawn), kinds)
    loss = discriminator_loss(on_real, on_drawn, recipe.loss)
    penalty = float("nan")
    if recipe.r1 and number % recipe.r1_every == 0:
        slope = r1_penalty(gan.discriminator, vary(real), kinds)
        penalty = float(slope.detach())
        loss = loss + recipe.r1 / 2 * recipe.r1_every * slope
    steps.zero_grad()
    torch.autograd.backward(loss)
    steps.step()
    return float(loss.detach()), penalty


def _teach_generator(
    gan: Gan, steps: torch.optim.Optimizer, kinds: Tensor | None, recipe: GanRecipe
) -> float:
    noise = torch.randn(recipe.batch, gan.latent)
    vary = vary_alike if recipe.differentiable else _as_it_is
    gan.discriminator.requires_grad_(False)
    loss = generator_loss(gan.discriminator(vary(gan.generator(noise, kinds)), kinds), recipe.loss)
    steps.zero_grad()
    torch.autograd.backward(loss)
    steps.step()
    gan.discriminator.requires_grad_(True)
    return float(loss.detach())


def discriminator_loss(on_real: Tensor, on_drawn: Tensor, kind: str) -> Tensor:
    """Logits -> scalar.    nonsaturating: Goodfellow et al. 2014; hinge: Lim and Ye 2017."""
    if kind == "hinge":
        return (1 - on_real).relu().mean() + (1 + on_drawn).relu().mean()
    return functional.softplus(-on_real).mean() + functional.softplus(on_drawn).mean()


def generator_loss(on_drawn: Tensor, kind: str) -> Tensor:
    return -on_drawn.mean() if kind == "hinge" else functional.softplus(-on_drawn).mean()


def r1_penalty(discriminator: nn.Module, real: Tensor, kinds: Tensor | None) -> Tensor:
    """Mean over real pictures of |d logit / d picture|² (Mescheder et al., ICML 2018, equation 9)."""
    real = real.detach().requires_grad_()
    (slope,) = torch.autograd.grad(discriminator(real, kinds).sum(), real, create_graph=True)
    mean: Tensor = slope.square().flatten(1).sum(1).mean()
    return mean


def vary_alike(pictures: Tensor) -> Tensor:
    """Differentiable augmentation (Zhao et al., NeurIPS 2020): brightness, contrast, shift and a hole."""
    count, _, height, width = pictures.shape
    shape = (count, 1, 1, 1)
    pictures = pictures + torch.rand(shape) - 0.5
    mean = pictures.mean((1, 2, 3), keepdim=True)
    pictures = (pictures - mean) * (torch.rand(shape) + 0.5) + mean
    rim = max(height // 8, 1)
    padded = functional.pad(pictures, (rim, rim, rim, rim))
    down, right = torch.randint(0, 2 * rim + 1, (2, count))
    rows = (down[:, None] + torch.arange(height))[:, None, :, None]
    columns = (right[:, None] + torch.arange(width))[:, None, None, :]
    pictures = padded.gather(2, rows.expand(-1, pictures.shape[1], -1, padded.shape[3]))
    pictures = pictures.gather(3, columns.expand(-1, pictures.shape[1], height, -1))
    return pictures * _holes(count, height, width)


def _holes(count: int, height: int, width: int) -> Tensor:
    """1 but for a square of half the side, anywhere: (count, 1, height, width)."""
    top, left = torch.randint(0, height, (count,)), torch.randint(0, width, (count,))
    rows = (torch.arange(height)[None] - top[:, None]).abs() < height // 4
    columns = (torch.arange(width)[None] - left[:, None]).abs() < width // 4
    return 1 - (rows[:, :, None] & columns[:, None, :]).float()[:, None]


def _as_it_is(pictures: Tensor) -> Tensor:
    return pictures


@torch.no_grad()
def _average(averaged: nn.Module, current: nn.Module, keep: float) -> None:
    for old, new in zip(averaged.parameters(), current.parameters(), strict=True):
        old.lerp_(new, 1 - keep)
    for held, fresh in zip(averaged.buffers(), current.buffers(), strict=True):
        held.copy_(fresh)


def _check(gan: Gan, pictures: Tensor, labels: Tensor | None) -> None:
    if pictures.ndim != 4:
        raise ShapeError("pictures", "(N, C, S, S)", tuple(pictures.shape))
    if len(pictures) < 2:
        raise ThinData("a GAN cannot learn from fewer than two pictures: add some")
    if gan.classes and (labels is None or labels.shape != pictures.shape[:1]):
        raise InputError(
            f"this GAN draws by label: give {len(pictures)} labels, or build it with classes = 0"
        )
