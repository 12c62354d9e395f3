"""A job so small that hundreds of its steps take a second: coloured squares to be told apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from mien.training.job import Findings, Job
from mien.training.losses import build_loss
from mien.training.nets import build_net
from mien.training.recipe import Recipe
from mien.training.recipefile import parse_recipe
from mien.training.samplers import Pick

CLASSES, EACH, SIZE = 4, 8, 16
TINY = """
name = "tiny"
[data]
size = 16
[net]
name = "cnn"
dim = 8
width = 4
blocks = 2
hidden = 16
norm = false
[loss]
name = "softmax"
[optimiser]
name = "adamw"
lr = 0.01
[run]
epochs = 2
batch = 8
device = "cpu"
tensorboard = false
"""


def tiny_recipe(*sets: str) -> Recipe:
    return parse_recipe(TINY, "tiny.toml", sets)


class Squares:
    """Pictures of one colour each with noise that depends on the pick, as a varied picture does."""

    def __init__(self) -> None:
        rng = np.random.default_rng(7)
        self.labels = np.repeat(np.arange(CLASSES), EACH)
        self.colours = rng.uniform(-0.5, 0.5, (CLASSES, 3, 1, 1))

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, pick: Pick) -> tuple[Tensor, int]:
        label = int(self.labels[pick.row])
        noise = np.random.default_rng((pick.row, pick.draw)).normal(0, 0.3, (3, SIZE, SIZE))
        return torch.from_numpy((self.colours[label] + noise).astype(np.float32)), label


def tiny_job(recipe: Recipe) -> Job:
    torch.manual_seed(recipe.run.seed)
    squares = Squares()
    part = recipe.net
    net = build_net(part.name, size=SIZE, channels=3, dim=part.dim, **part.options)
    criterion = build_loss(recipe.loss.name, dim=part.dim, classes=CLASSES, **recipe.loss.options)
    return Job(
        net=net,
        criterion=criterion,
        train=squares,
        labels=squares.labels,
        validate=lambda net, device: _measured(net, criterion, squares),
        monitor="right",
        higher=True,
        facts={"classes": CLASSES},
    )


@torch.no_grad()
def _measured(net: nn.Module, criterion: Any, squares: Squares) -> Findings:
    rows = [squares[Pick(index, 10**6)] for index in range(len(squares))]
    said = criterion.logits(net(torch.stack([picture for picture, _ in rows]))).argmax(1)
    return Findings({"right": float((said == torch.tensor(squares.labels)).float().mean())})


def same_bits(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def draw_people(folder: Path, people: Sequence[str], each: int, size: int = 24) -> Path:
    """A folder a person with pictures of them: their own pattern, lit and shifted anew."""
    for number, name in enumerate(people):
        own = np.random.default_rng(number).uniform(0, 255, (6, 6, 3))
        (folder / name).mkdir(parents=True, exist_ok=True)
        for shot in range(each):
            rng = np.random.default_rng((number, shot))
            noisy = np.clip(own * rng.uniform(0.7, 1.2) + rng.normal(0, 12, own.shape), 0, 255)
            picture = Image.fromarray(noisy.astype(np.uint8)).resize((size, size), Image.Resampling.BICUBIC)
            picture.save(folder / name / f"{shot}.png")
    return folder
