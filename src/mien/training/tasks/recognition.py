"""Recognition: a direction a face, near for one person and far for others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from mien.alignment.templates import TEMPLATES, find_template
from mien.core.errors import InputError, ThinData
from mien.evaluation.metrics.verification import auc, eer, fmr_at, threshold_at_fmr, tmr_at_fmr
from mien.training.data import Listing
from mien.training.job import Example, Exportable, Findings, Job, Scores
from mien.training.losses import LOSSES, build_loss
from mien.training.options import option
from mien.training.recipe import Recipe
from mien.training.tasks.parts import (
    SHOWN,
    TEMPLATE,
    FromCard,
    answers,
    card_input,
    net_of,
    pictures,
    read_parts,
    shown,
    template_of,
    unit,
)
from mien.training.tasks.regression import REGRESSIONS


@dataclass(frozen=True, slots=True)
class Config:
    monitor: str = option("eer", "which figure says what is best", choices=("eer", "auc", "tmr"))
    fmr: float = option(1e-2, "error rate at which tmr is measured", low=1e-6, high=0.5)
    most: int = option(2000, "validation pictures that are compared, each with every other", low=4)
    template: str = option("", TEMPLATE, choices=("", *TEMPLATES))


def prepare(recipe: Recipe, config: Config) -> Job:
    parts = read_parts(recipe)
    train = parts.train.with_at_least(recipe.data.per_class)
    if len(train.classes) < 2:
        raise ThinData(
            f"{len(train.classes)} people are left to train on: add people, or lower data.per_class "
            f"({recipe.data.per_class} pictures each)"
        )
    if recipe.loss.options.get("sharded"):
        raise InputError(
            "mien train keeps all class centres in each process: leave loss.sharded out, or use "
            "run.parallel = fsdp"
        )
    if recipe.loss.name in REGRESSIONS and recipe.loss.name not in LOSSES:
        raise InputError(
            f"the loss {recipe.loss.name} is for landmarks and coefficients, not for recognition: choose out "
            f"of {', '.join(LOSSES)}"
        )
    criterion = build_loss(
        recipe.loss.name or "arcface", dim=recipe.net.dim, classes=len(train.classes), **recipe.loss.options
    )
    dataset = pictures(recipe, train, training=True)
    validation = _Measured(recipe, config, parts.validation, "validation")
    test = _Measured(recipe, config, parts.test, "test") if len(parts.test) else None
    return Job(
        net=net_of(recipe),
        criterion=criterion,
        train=dataset,
        labels=dataset.labels,
        files=train.files,
        validate=validation.measure,
        test=test.measure_at if test else None,
        monitor=config.monitor,
        higher=config.monitor != "eer",
        facts={"people": len(train.classes), "pictures": len(train), **parts.lost},
    )


def build(recipe: Recipe, config: Config, facts: Mapping[str, Any]) -> nn.Module:
    del config, facts
    return net_of(recipe)


def export(recipe: Recipe, config: Config, facts: Mapping[str, Any], net: nn.Module) -> Exportable:
    template = template_of(recipe, config.template)
    size = find_template(template).size
    return Exportable(
        module=FromCard(net, recipe.data.size, recipe.data.channels),
        outputs=("embedding",),
        task="embed",
        preprocess=card_input(size),
        dimension=recipe.net.dim,
        template=template,
        notes=f"Trained by mien on {facts['pictures']} pictures of {facts['people']} people "
        f"({recipe.net.name}, {recipe.loss.name or 'arcface'}, crops: {recipe.data.align}).",
    )


class Pairs(NamedTuple):
    """Every pair of N pictures.    rows: (P, 2).    same: (P,) whether one person is on both."""

    rows: NDArray[np.int64]
    same: NDArray[np.bool_]


def all_pairs(people: NDArray[np.int64]) -> Pairs:
    """
    >>> all_pairs(np.array([0, 0, 1])).same.tolist()
    [True, False, False]
    """
    first, second = np.triu_indices(len(people), 1)
    return Pairs(np.stack([first, second], axis=1), people[first] == people[second])


class _Measured:
    """One part of the data, and how well a net tells its people apart."""

    def __init__(self, recipe: Recipe, config: Config, listing: Listing, name: str) -> None:
        self.config = config
        listing = _thinned(listing, config.most, recipe.data.split_seed)
        self.dataset = pictures(recipe, listing)
        self.people = self.dataset.labels
        self.pairs = all_pairs(self.people)
        if not self.pairs.same.any() or self.pairs.same.all():
            raise ThinData(
                f"the {name} part has no two pictures of one person, or no two people: give it a larger "
                "share (data.fractions) or more data"
            )

    def measure(self, net: nn.Module, device: torch.device) -> Findings:
        """The figures of verification over every pair."""
        scores = self._scores(net, device)
        genuine, impostor = scores.genuine, scores.impostor
        metrics = {
            "eer": eer(genuine, impostor),
            "auc": auc(genuine, impostor),
            "tmr": tmr_at_fmr(genuine, impostor, self.config.fmr).tmr,
        }
        return self._findings(scores, metrics)

    def measure_at(self, net: nn.Module, device: torch.device, validation: Findings) -> Findings:
        """The same, and what the threshold of the validation part does here, where nothing was chosen."""
        found = self.measure(net, device)
        scores = found.scores["verification"]
        threshold = threshold_at_fmr(validation.scores["verification"].impostor, self.config.fmr)
        at = {
            "threshold": threshold,
            "fmr at the threshold": fmr_at(scores.impostor, threshold),
            "tmr at the threshold": float(np.mean(scores.genuine >= threshold)),
        }
        return self._findings(scores, {**found.metrics, **at})

    def _scores(self, net: nn.Module, device: torch.device) -> Scores:
        features = unit(answers(net, self.dataset, device))
        table = features @ features.T
        values = table[self.pairs.rows[:, 0], self.pairs.rows[:, 1]]
        return Scores(values[self.pairs.same], values[~self.pairs.same])

    def _findings(self, scores: Scores, metrics: Mapping[str, float]) -> Findings:
        return Findings(
            metrics=metrics,
            scores={"verification": scores},
            examples=self._examples(scores),
            people=self.people[self.pairs.rows[~self.pairs.same]],
            pictures=len(self.people),
            subjects=len(np.unique(self.people)),
        )

    def _examples(self, scores: Scores) -> list[Example]:
        """The pairs of one person that looked least alike, and the strangers that looked most alike."""
        mates, others = self.pairs.rows[self.pairs.same], self.pairs.rows[~self.pairs.same]
        worst = [
            (mates[i], scores.genuine[i], "same person") for i in np.argsort(scores.genuine)[: SHOWN // 2]
        ]
        worst += [
            (others[i], scores.impostor[i], "strangers") for i in np.argsort(-scores.impostor)[: SHOWN // 2]
        ]
        return [
            Example(
                np.concatenate([shown(self.dataset, int(a)), shown(self.dataset, int(b))], axis=1),
                f"{said}, similarity {value:.3f}",
                False,
            )
            for (a, b), value, said in worst
        ]


def _thinned(listing: Listing, most: int, seed: int) -> Listing:
    """At most so many pictures; people are left out whole, at random."""
    if len(listing) <= most:
        return listing
    groups = np.random.default_rng(seed).permutation(list(listing.groups)).tolist()
    kept: set[str] = set()
    sizes = {group: 0 for group in groups}
    for sample in listing.samples:
        sizes[sample.group] += 1
    count = 0
    for group in groups:
        if count + sizes[group] <= most:
            kept.add(group)
            count += sizes[group]
    return listing.where(lambda sample: sample.group in kept)
