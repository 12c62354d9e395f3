"""Landmarks: where the points of a face are, as coordinates in its crop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mien.alignment.templates import TEMPLATES
from mien.core.errors import InputError
from mien.core.types import Box, Pixels
from mien.evaluation.metrics.landmarks import failure_rate, point_errors
from mien.training.data import Listing, Sample
from mien.training.data.dataset import to_tensor
from mien.training.job import Example, Exportable, Findings, Job
from mien.training.options import option
from mien.training.recipe import Recipe
from mien.training.samplers import Pick
from mien.training.tasks.parts import (
    SHOWN,
    FromCard,
    Parts,
    answers,
    card_input,
    net_of,
    pictures,
    read_parts,
)
from mien.training.tasks.regression import regression_of

# Outer eye corners, whose distance an error is divided by: of iBUG's 68 points (300-W) and of five keypoints.
EYES = {68: (36, 45), 5: (0, 1)}
SCHEMES = {68: "ibug68", 5: "keypoints"}


@dataclass(frozen=True, slots=True)
class Config:
    margin: float = option(
        0.15,
        "align = box: room around the points, as a share of their box, where no box is listed",
        low=0,
        high=2,
    )
    scheme: str = option(
        "", "name of the point set, for the card; empty: ibug68 for 68 points, keypoints for 5, else pointsN"
    )
    failed: float = option(0.08, "normalised error above which a face counts as failed", low=0)


def prepare(recipe: Recipe, config: Config) -> Job:
    read = read_parts(recipe)
    boxed = [_with_boxes(part, config.margin) for part in (read.train, read.validation, read.test)]
    parts = Parts(boxed[0], boxed[1], boxed[2], read.lost)
    count = _points(parts.train)
    train = Pointed(recipe, parts.train, count, training=True)
    validation = Pointed(recipe, parts.validation, count)
    test = Pointed(recipe, parts.test, count) if len(parts.test) else None
    facts = {"points": count, "pictures": len(train), **parts.lost}
    return Job(
        net=build(recipe, config, facts),
        criterion=regression_of(recipe, "wing", torch.ones(2 * count)),
        train=train,
        labels=np.zeros(len(train), np.int64),
        files=parts.train.files,
        validate=lambda net, device: _measure(net, device, validation, config),
        test=(lambda net, device, _: _measure(net, device, test, config)) if test else None,
        monitor="nme",
        higher=False,
        facts=facts,
        mixable=False,
    )


def build(recipe: Recipe, config: Config, facts: Mapping[str, Any]) -> nn.Module:
    del config
    return net_of(recipe, 2 * facts["points"])


def export(recipe: Recipe, config: Config, facts: Mapping[str, Any], net: nn.Module) -> Exportable:
    count, size, align = facts["points"], recipe.data.size, recipe.data.align
    return Exportable(
        module=_Points(FromCard(net, size, recipe.data.channels), count),
        outputs=("points",),
        task="landmarks",
        preprocess=card_input(size),
        template=align if align in TEMPLATES else None,
        scheme=config.scheme or SCHEMES.get(count, f"points{count}"),
        notes=f"Output: (N, {count}, 2), x and y in shares of the crop's side, from its top-left corner. "
        f"Trained by mien on {facts['pictures']} pictures ({recipe.net.name}, crops: {recipe.data.align}).",
    )


class Pointed:
    """Pictures with their points as targets: (2 K,) float32, -1 and 1 at the edges of the crop."""

    def __init__(self, recipe: Recipe, listing: Listing, count: int, training: bool = False) -> None:
        self.pictures = pictures(recipe, listing, training=training)
        self.size, self.channels, self.count = recipe.data.size, recipe.data.channels, count

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, pick: int | Pick) -> tuple[Tensor, Tensor]:
        pixels, points = self.placed(pick)
        target = ((points + 0.5) / self.size * 2 - 1).astype(np.float32)
        return to_tensor(pixels, self.channels), torch.from_numpy(target.reshape(-1))

    def placed(self, pick: int | Pick) -> tuple[Pixels, NDArray[np.float64]]:
        """A crop, and its points (K, 2) in its pixels."""
        pixels, points = self.pictures.picture(pick)[:2]
        if points is None or len(points) != self.count:
            row = pick.row if isinstance(pick, Pick) else pick
            raise InputError(
                f"{self.pictures.listing.samples[row].path} has {0 if points is None else len(points)} "
                f"points, others have {self.count}: list the same ones everywhere"
            )
        return pixels, points


class _Points(nn.Module):
    def __init__(self, net: nn.Module, count: int) -> None:
        super().__init__()
        self.net, self.count = net, count

    def forward(self, pictures: Tensor) -> Tensor:
        shares: Tensor = (self.net(pictures) + 1) / 2
        return shares.reshape(-1, self.count, 2)


def _measure(net: nn.Module, device: torch.device, part: Pointed, config: Config) -> Findings:
    said = answers(net, part, device).numpy().reshape(len(part), part.count, 2)
    found = (said + 1) / 2 * part.size - 0.5
    truth = np.stack([part.placed(row)[1] for row in range(len(part))])
    errors = point_errors(found, truth, face_sizes(truth)).mean(axis=1)
    metrics = {"nme": float(errors.mean()), "failures": failure_rate(errors, config.failed)}
    rows = [*np.argsort(-errors)[: SHOWN // 2], *np.argsort(errors)[: SHOWN // 2]]
    examples = [
        Example(
            _drawn(part.placed(int(row))[0], truth[row], found[row]),
            f"error {100 * errors[row]:.1f} %",
            bool(errors[row] <= config.failed),
        )
        for row in rows
    ]
    return Findings(metrics, errors=errors, examples=examples, pictures=len(part))


def face_sizes(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """What errors are divided by: the distance of the outer eye corners, or of other point sets the root of
    their box's area.    points: (N, K, 2).    returns: (N,)."""
    eyes = EYES.get(points.shape[1])
    if eyes is not None:
        return np.asarray(np.linalg.norm(points[:, eyes[0]] - points[:, eyes[1]], axis=1), np.float64)
    spread = points.max(axis=1) - points.min(axis=1)
    return np.asarray(np.sqrt(spread[:, 0] * spread[:, 1]), np.float64)


def _drawn(pixels: Pixels, truth: NDArray[np.float64], found: NDArray[np.float64]) -> Pixels:
    """A crop with true points in green and found ones in red."""
    drawn = pixels.copy()
    for points, colour in ((truth, (40, 220, 90)), (found, (255, 60, 60))):
        places = np.clip(np.round(points), 0, len(drawn) - 1).astype(int)
        drawn[places[:, 1], places[:, 0]] = colour
    return drawn


def _points(listing: Listing) -> int:
    first = listing.samples[0].points
    if first is None:
        raise InputError("this data has no points: choose a source that lists them")
    return len(first)


def _with_boxes(listing: Listing, margin: float) -> Listing:
    return Listing(tuple(_with_box(sample, margin) for sample in listing.samples))


def _with_box(sample: Sample, margin: float) -> Sample:
    if sample.box is not None or sample.points is None:
        return sample
    (left, top), (right, bottom) = sample.points.min(axis=0), sample.points.max(axis=0)
    wide, high = margin * (right - left), margin * (bottom - top)
    return replace(
        sample,
        box=Box(float(left - wide), float(top - high), float(right + wide), float(bottom + high)),
    )
