"""Coefficients: identity and expression of the 3D head out of one picture, learned from heads that we render.

No picture of a person is used: heads are drawn from the head model's own population, with a random
expression, turn, distance, skin tone and light, and rendered in shaded clay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mien.core.mesh import Camera, Coefficients, Mesh, Placement
from mien.core.types import Pixels
from mien.face3d.model.basis import HeadModel, load_head_model
from mien.face3d.model.shape import vertices_of
from mien.face3d.render.light import harmonics
from mien.face3d.render.rasterize import rasterize
from mien.geometry.projection import place
from mien.geometry.rotation import rotation_from_vector
from mien.geometry.triangles import vertex_normals
from mien.training.augment import build_augment
from mien.training.data.dataset import to_tensor
from mien.training.job import Example, Exportable, Findings, Job
from mien.training.options import option
from mien.training.recipe import Recipe
from mien.training.samplers import Pick
from mien.training.tasks.parts import SHOWN, FromCard, answers, card_input, net_of
from mien.training.tasks.regression import regression_of

_FLIP = np.diag([1.0, -1.0, -1.0])  # head frame (y up, z out) to camera frame (y down, z in)

_DARK, _LIGHT = np.array([80.0, 52.0, 42.0]), np.array([250.0, 215.0, 195.0])  # skin, from end to end


@dataclass(frozen=True, slots=True)
class Config:
    heads: int = option(2000, "heads rendered for training", low=1)
    validation: int = option(200, "heads rendered for validation", low=2)
    identity: int = option(20, "identity coefficients to tell, the first of the model", low=1, high=100)
    expressions: int = option(3, "blendshapes that a random expression moves", low=0, high=52)
    yaw: float = option(
        0.5, "largest turn to either side, in radians; half of it up and down", low=0, high=1.5
    )
    level: int = option(2, "detail of the rendered mesh; 0 is the finest", low=0, high=2)


def prepare(recipe: Recipe, config: Config) -> Job:
    model = load_head_model()
    # Heads are drawn by number: training and validation share none.
    train = Heads(recipe, config, model, 0, config.heads, training=True)
    validation = Heads(recipe, config, model, config.heads, config.validation)
    facts = {"identity": config.identity, "expressions": list(model.names)}
    # One unit of an expression is its whole range, one of identity a standard deviation.
    weights = torch.cat([torch.ones(config.identity), torch.full((len(model.names),), 3.0)])
    return Job(
        net=build(recipe, config, facts),
        criterion=regression_of(recipe, "l2", weights),
        train=train,
        labels=np.zeros(config.heads, np.int64),
        validate=lambda net, device: _measure(net, device, validation),
        monitor="mm",
        higher=False,
        facts=facts,
        mixable=False,
    )


def build(recipe: Recipe, config: Config, facts: Mapping[str, Any]) -> nn.Module:
    del config
    return net_of(recipe, facts["identity"] + len(facts["expressions"]))


def export(recipe: Recipe, config: Config, facts: Mapping[str, Any], net: nn.Module) -> Exportable:
    del config
    count = facts["identity"]
    return Exportable(
        module=_Split(FromCard(net, recipe.data.size, recipe.data.channels), count),
        outputs=("identity", "expression"),
        task="coefficients",
        preprocess=card_input(recipe.data.size),
        notes=f"Outputs: identity (N, {count}) in standard deviations; expression (N, "
        f"{len(facts['expressions'])}), 0..1, in the order of the head model. Trained by mien on rendered "
        f"heads ({recipe.net.name}).",
    )


class Heads:
    """Rendered heads with their coefficients: (identity, expression) as one row of float32.

    first: number of the first head; a head's number and the recipe's seed say all about it.
    """

    def __init__(
        self, recipe: Recipe, config: Config, model: HeadModel, first: int, count: int, training: bool = False
    ) -> None:
        self.model, self.config, self.first, self.count = model, config, first, count
        self.size, self.channels, self.seed = recipe.data.size, recipe.data.channels, recipe.run.seed
        self.augment = build_augment(recipe.augment.options) if training else None
        self._kept: dict[int, tuple[Pixels, NDArray[np.float32]]] = {}

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, pick: int | Pick) -> tuple[Tensor, Tensor]:
        row, draw = (pick.row, pick.draw) if isinstance(pick, Pick) else (pick, 0)
        pixels, numbers = self.head(row)
        if self.augment is not None:
            pixels = self.augment(pixels, np.random.default_rng((self.seed, row, draw)))
        return to_tensor(pixels, self.channels), torch.from_numpy(numbers)

    def head(self, row: int) -> tuple[Pixels, NDArray[np.float32]]:
        """A head's picture and its coefficients; rendered once."""
        if row not in self._kept:
            rng = np.random.default_rng((self.seed, self.first + row, 3))
            coefficients = draw_coefficients(self.model, self.config, rng)
            numbers = np.concatenate([coefficients.identity, coefficients.expression]).astype(np.float32)
            self._kept[row] = (render_head(self.model, coefficients, self.config, self.size, rng), numbers)
        return self._kept[row]

    def coefficients(self, numbers: NDArray[np.floating]) -> Coefficients:
        """A row as coefficients; expressions are kept within 0..1."""
        split = self.config.identity
        return Coefficients(numbers[:split], np.clip(numbers[split:], 0, 1))


def draw_coefficients(model: HeadModel, config: Config, rng: np.random.Generator) -> Coefficients:
    """A random head: identity of the population, a few blendshapes, eyes straight on."""
    expression = np.zeros(len(model.names))
    moved = rng.choice(len(model.names), size=min(config.expressions, len(model.names)), replace=False)
    expression[moved] = rng.uniform(0.2, 1.0, len(moved))
    return Coefficients(rng.standard_normal(config.identity), expression)


def render_head(
    model: HeadModel, coefficients: Coefficients, config: Config, size: int, rng: np.random.Generator
) -> Pixels:
    """A picture (size, size, 3) of a head in random light, place and tone before a plain ground."""
    mesh = model.mesh(vertices_of(model, coefficients), config.level)
    turn = rng.uniform(-1, 1, 3) * (config.yaw / 2, config.yaw, config.yaw / 4)
    distance = rng.uniform(550.0, 750.0)
    shift = np.array([*rng.uniform(-12, 12, 2), distance])
    placement = Placement(_FLIP @ rotation_from_vector(turn), shift)
    focal = 2.8 * size  # the head fills most of the picture
    camera = Camera(focal, focal, (size - 1) / 2, (size - 1) / 2)
    return _shaded(mesh, placement, camera, size, rng)


def _shaded(mesh: Mesh, placement: Placement, camera: Camera, size: int, rng: np.random.Generator) -> Pixels:
    points = place(mesh.vertices, placement)
    fragments = rasterize(points, mesh.triangles, camera, size, size)
    normals = fragments.interpolate(vertex_normals(points, mesh.triangles), mesh.triangles).astype(np.float64)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    light = np.concatenate([[rng.uniform(0.7, 1.0)], rng.uniform(-0.4, 0.4, 3), rng.uniform(-0.1, 0.1, 5)])
    tone = _DARK + rng.uniform() * (_LIGHT - _DARK)
    shade = np.clip(harmonics(normals) @ light, 0, 1.4)
    picture = np.full((size, size, 3), rng.uniform(20, 235, 3), np.float64)
    picture[fragments.covered] = shade[:, None] * tone
    return np.clip(picture + rng.normal(0, 3, picture.shape), 0, 255).astype(np.uint8)


class _Split(nn.Module):
    def __init__(self, net: nn.Module, identity: int) -> None:
        super().__init__()
        self.net, self.identity = net, identity

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        row = self.net(pictures)
        return row[:, : self.identity], row[:, self.identity :].clamp(0, 1)


def _measure(net: nn.Module, device: torch.device, part: Heads) -> Findings:
    """Mean distance of vertices to where they truly are, beside that of the mean head."""
    said = answers(net, part, device).numpy()
    errors, plain = np.empty(len(part)), np.empty(len(part))
    rows = part.model.rows("face")
    for row in range(len(part)):
        truth = vertices_of(part.model, part.coefficients(part.head(row)[1]))
        found = vertices_of(part.model, part.coefficients(said[row]))
        errors[row] = float(np.linalg.norm((found - truth)[rows], axis=1).mean())
        plain[row] = float(np.linalg.norm((part.model.mean - truth)[rows], axis=1).mean())
    metrics = {"mm": float(errors.mean()), "mm of the mean head": float(plain.mean())}
    order = [*np.argsort(-errors)[: SHOWN // 2], *np.argsort(errors)[: SHOWN // 2]]
    examples = [
        Example(part.head(int(row))[0], f"{errors[row]:.2f} mm", bool(errors[row] < plain[row]))
        for row in order
    ]
    return Findings(metrics, errors=errors, examples=examples, pictures=len(part))
