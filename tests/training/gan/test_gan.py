"""GANs: the formulas of their losses, what nets give and take, and that one learns a world of two colours."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from mien.core.errors import InputError, ModelCorrupt, ShapeError, ThinData
from mien.training.gan import GANS, build_gan, gan_config
from mien.training.gan.frechet import frechet_distance
from mien.training.gan.store import load_generator, save_generator
from mien.training.gan.train import (
    GanRecipe,
    Step,
    discriminator_loss,
    draw,
    generator_loss,
    r1_penalty,
    to_pixels,
    train_gan,
    vary_alike,
)
from mien.training.options import describe_options

SMALL = {"latent": 8, "width": 4, "embedded": 4}


@pytest.mark.parametrize("name", GANS)
@pytest.mark.parametrize(("size", "channels", "classes"), [(16, 1, 0), (64, 3, 5)])
def test_draws_and_judges(name: str, size: int, channels: int, classes: int) -> None:
    torch.manual_seed(0)
    gan = build_gan(name, size=size, channels=channels, classes=classes, **SMALL)
    labels = torch.arange(3) % classes if classes else None
    drawn = draw(gan, gan.generator.eval(), labels, 3, seed=1)
    assert drawn.shape == (3, channels, size, size)
    assert drawn.abs().max() <= 1
    assert torch.equal(drawn, draw(gan, gan.generator, labels, 3, seed=1))
    assert gan.discriminator(drawn, labels).shape == (3,)
    assert to_pixels(drawn).shape == (3, size, size, 3)


@pytest.mark.parametrize("name", GANS)
def test_every_weight_of_both_learns(name: str) -> None:
    torch.manual_seed(0)
    gan = build_gan(name, size=16, channels=1, classes=2, **SMALL)
    labels = torch.tensor([0, 1, 0, 1])
    gan.discriminator(gan.generator(torch.randn(4, 8), labels), labels).square().sum().backward()
    for net in (gan.generator, gan.discriminator):
        assert [label for label, weights in net.named_parameters() if weights.grad is None] == []


@pytest.mark.parametrize("name", GANS)
def test_the_label_changes_what_is_drawn(name: str) -> None:
    torch.manual_seed(0)
    gan = build_gan(name, size=16, channels=1, classes=2, **SMALL)
    first, second = (draw(gan, gan.generator.eval(), torch.tensor([label]), 1, seed=0) for label in (0, 1))
    assert not torch.allclose(first, second)


@pytest.mark.parametrize("name", GANS)
def test_every_option_of_a_gan_is_documented(name: str) -> None:
    assert [doc.name for doc in describe_options(gan_config(name)) if not doc.doc] == []


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_losses_equal_their_formulas() -> None:
    real, drawn = torch.tensor([2.0, -0.5]), torch.tensor([0.3, -3.0])
    hinge = (0 + 1.5) / 2 + (1.3 + 0) / 2
    assert discriminator_loss(real, drawn, "hinge").item() == pytest.approx(hinge)
    assert generator_loss(drawn, "hinge").item() == pytest.approx(1.35)
    goodfellow = -np.mean([math.log(sigmoid(2)), math.log(sigmoid(-0.5))])
    goodfellow -= np.mean([math.log(1 - sigmoid(0.3)), math.log(1 - sigmoid(-3))])
    assert discriminator_loss(real, drawn, "nonsaturating").item() == pytest.approx(goodfellow, rel=1e-5)
    wanted = -np.mean([math.log(sigmoid(0.3)), math.log(sigmoid(-3))])
    assert generator_loss(drawn, "nonsaturating").item() == pytest.approx(wanted, rel=1e-5)


def test_r1_is_the_squared_slope() -> None:
    class Plane(nn.Module):
        def forward(self, x: torch.Tensor, kinds: torch.Tensor | None) -> torch.Tensor:
            return x.flatten(1) @ torch.tensor([3.0, 4.0])

    assert r1_penalty(Plane(), torch.randn(5, 1, 1, 2), None).item() == pytest.approx(25)


def test_varied_pictures_keep_their_shape_and_their_gradient() -> None:
    torch.manual_seed(0)
    pictures = torch.rand(6, 2, 16, 16, requires_grad=True)
    varied = vary_alike(pictures)
    assert varied.shape == pictures.shape
    torch.autograd.backward(varied.sum())
    assert pictures.grad is not None
    assert pictures.grad.abs().sum() > 0
    assert not torch.equal(varied[0], pictures[0])


def two_colours() -> tuple[torch.Tensor, torch.Tensor]:
    """Dark pictures of label 0, bright ones of label 1."""
    labels = torch.arange(32) % 2
    noise = torch.randn(32, 1, 16, 16, generator=torch.Generator().manual_seed(2)) * 0.05
    return (labels.float() * 1.2 - 0.6)[:, None, None, None] + noise, labels


@pytest.mark.parametrize(("name", "loss"), [("dcgan", "hinge"), ("stylegan", "nonsaturating")])
def test_learns_to_draw_by_label(name: str, loss: str) -> None:
    torch.manual_seed(3)
    pictures, labels = two_colours()
    gan = build_gan(name, size=16, channels=1, classes=2, **SMALL)
    recipe = GanRecipe(steps=70, batch=16, loss=loss, differentiable=False, average=0.95, lr=8e-3)
    seen: list[Step] = []
    generator = train_gan(gan, pictures, labels, recipe, seed=0, progress=seen.append)
    drawn = draw(gan, generator, labels, 32, seed=5).mean((1, 2, 3))
    assert drawn[labels == 1].mean() - drawn[labels == 0].mean() > 0.5
    assert len(seen) == 70


def test_the_same_seed_learns_the_same() -> None:
    pictures, labels = two_colours()
    weights: list[torch.Tensor] = []
    for _ in range(2):
        torch.manual_seed(4)
        gan = build_gan("stylegan", size=16, channels=1, classes=2, **SMALL)
        torch.manual_seed(len(weights))  # the caller's own chance has no say
        generator = train_gan(gan, pictures, labels, GanRecipe(steps=3, batch=8), seed=7)
        weights.append(torch.cat([value.flatten() for value in generator.state_dict().values()]))
    assert torch.equal(*weights)


def test_a_generator_is_written_and_read_back(tmp_path: Path) -> None:
    gan, other = (build_gan("dcgan", size=16, channels=1, **SMALL) for _ in range(2))
    save_generator(gan.generator, tmp_path / "g.safetensors")
    read = load_generator(other.generator, tmp_path / "g.safetensors")
    first = draw(gan, gan.generator.eval(), None, 2, seed=0)
    assert torch.equal(first, draw(gan, read, None, 2, seed=0))
    wide = build_gan("dcgan", size=16, channels=1, latent=8, width=8)
    with pytest.raises(ModelCorrupt, match="does not fit this generator: build it as it was trained"):
        load_generator(wide.generator, tmp_path / "g.safetensors")


def test_frechet_distance_of_gaussians_is_the_closed_form() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(0, 1, (20_000, 2)), rng.normal(0, 1, (20_000, 2)) * (2, 3) + (1, 5)
    # Independent axes: squared distance of the means plus that of the deviations.
    assert frechet_distance(first, second) == pytest.approx(1 + 25 + 1 + 4, rel=0.03)
    assert frechet_distance(first, first) == pytest.approx(0, abs=1e-9)
    turn = np.linalg.qr(rng.normal(size=(2, 2)))[0]
    assert frechet_distance(first @ turn, second @ turn) == pytest.approx(frechet_distance(first, second))
    with pytest.raises(ThinData, match="a cloud needs two rows"):
        frechet_distance(first[:1], second)


def test_says_what_is_wrong() -> None:
    with pytest.raises(InputError, match="no GAN is called 'vae': choose one of dcgan, stylegan"):
        build_gan("vae", size=16, channels=1)
    with pytest.raises(InputError, match="a GAN cannot draw 1 channels of 20 pixels: use 16, 32, 64 or 128"):
        build_gan("dcgan", size=20, channels=1)
    gan = build_gan("dcgan", size=16, channels=1, classes=2, **SMALL)
    with pytest.raises(InputError, match="this GAN draws by label: give 4 labels"):
        train_gan(gan, torch.zeros(4, 1, 16, 16), None, GanRecipe(steps=1), seed=0)
    with pytest.raises(ShapeError, match=r"pictures must have shape \(N, C, S, S\)"):
        train_gan(gan, torch.zeros(4, 16, 16), None, GanRecipe(steps=1), seed=0)
    with pytest.raises(ThinData, match="fewer than two pictures"):
        train_gan(gan, torch.zeros(1, 1, 16, 16), torch.zeros(1), GanRecipe(steps=1), seed=0)
