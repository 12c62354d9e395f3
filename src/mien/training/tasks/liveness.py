"""Liveness: a living face, or an attack; scored by the standard of presentation attack detection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from mien.alignment.templates import TEMPLATES, find_template
from mien.core.errors import InputError, ThinData
from mien.evaluation.metrics.liveness import bpcer, threshold_at_eer, worst_species
from mien.evaluation.metrics.verification import auc, eer
from mien.training.data import Listing
from mien.training.job import Example, Exportable, Findings, Job, Scores
from mien.training.options import option
from mien.training.recipe import Recipe
from mien.training.samplers import Pick
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
)


@dataclass(frozen=True, slots=True)
class Config:
    real: str = option("real", "the label of living faces; every other label is a kind of attack")
    balance: bool = option(
        True, "living faces and attacks weigh the same in the loss, however many there are"
    )
    template: str = option("", TEMPLATE, choices=("", *TEMPLATES))


def prepare(recipe: Recipe, config: Config) -> Job:
    if recipe.loss.name not in ("", "cross-entropy") or recipe.loss.options:
        raise InputError("liveness is learned by cross-entropy: leave [loss] out")
    parts = read_parts(recipe, classes=True)
    train = _Living(recipe, parts.train, config, "training", training=True)
    validation = _Living(recipe, parts.validation, config, "validation")
    test = _Living(recipe, parts.test, config, "test") if len(parts.test) else None
    share = float(train.labels.mean())
    return Job(
        net=net_of(recipe, 1),
        criterion=_Binary((1 - share) / share if config.balance else 1.0),
        train=train,
        labels=train.labels,
        files=parts.train.files,
        validate=lambda net, device: _measure(net, device, validation, None),
        test=(lambda net, device, before: _measure(net, device, test, before)) if test else None,
        monitor="eer",
        higher=False,
        facts={"pictures": len(train), "attacks": list(train.species), **parts.lost},
        mixable=False,
    )


def build(recipe: Recipe, config: Config, facts: Mapping[str, Any]) -> nn.Module:
    del config, facts
    return net_of(recipe, 1)


def export(recipe: Recipe, config: Config, facts: Mapping[str, Any], net: nn.Module) -> Exportable:
    template = template_of(recipe, config.template)
    return Exportable(
        module=_Chance(FromCard(net, recipe.data.size, recipe.data.channels)),
        outputs=("live",),
        task="liveness",
        preprocess=card_input(find_template(template).size),
        template=template,
        notes=f"Output: (N, 1), 0..1, higher is more alive. Trained by mien on {facts['pictures']} pictures; "
        f"attacks: {', '.join(facts['attacks'])} ({recipe.net.name}, crops: {recipe.data.align}).",
    )


class _Living:
    """Pictures with 1 for a living face and 0 for an attack.    kinds: (N,) labels of the data."""

    def __init__(
        self, recipe: Recipe, listing: Listing, config: Config, part: str, training: bool = False
    ) -> None:
        self.pictures = pictures(recipe, listing, training=training)
        self.kinds = np.array([sample.label for sample in listing.samples])
        self.labels: NDArray[np.int64] = (self.kinds == config.real).astype(np.int64)
        self.species = tuple(sorted(set(self.kinds.tolist()) - {config.real}))
        if not 0 < self.labels.sum() < len(self.labels):
            raise ThinData(
                f"the {part} part has {self.labels.sum()} living faces ({config.real!r}) among "
                f"{len(self.labels)} pictures: name the label of living faces in task.real, or add data"
            )

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, pick: int | Pick) -> tuple[Tensor, int]:
        row = pick.row if isinstance(pick, Pick) else pick
        return self.pictures[pick][0], int(self.labels[row])


class _Binary(nn.Module):
    """Cross-entropy of one logit; ``weight`` is that of a living face."""

    weight: Tensor

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.register_buffer("weight", torch.tensor([weight]))

    def forward(self, answers: Tensor, targets: Tensor) -> Tensor:
        wanted = targets.to(torch.float32)[:, None]
        return functional.binary_cross_entropy_with_logits(answers.float(), wanted, pos_weight=self.weight)


class _Chance(nn.Module):
    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, pictures: Tensor) -> Tensor:
        chances: Tensor = self.net(pictures).sigmoid()
        return chances


def _measure(net: nn.Module, device: torch.device, part: _Living, before: Findings | None) -> Findings:
    """The figures of one part; with ``before``, at the threshold that the validation part chose."""
    score = answers(net, part, device)[:, 0].double().sigmoid().numpy()
    live = part.labels == 1
    attacks = {kind: score[part.kinds == kind] for kind in part.species}
    metrics = {"eer": eer(score[live], score[~live]), "auc": auc(score[live], score[~live])}
    threshold = before.metrics["threshold"] if before else threshold_at_eer(score[live], attacks)
    metrics["threshold"] = threshold
    metrics["bpcer at the threshold"] = bpcer(score[live], threshold)
    metrics["worst apcer at the threshold"] = worst_species(attacks, threshold)[1]
    scores = Scores(score[live], score[~live], "living faces", "attacks")
    examples = _examples(part, score, threshold)
    return Findings(metrics, scores={"liveness": scores}, examples=examples, pictures=len(part))


def _examples(part: _Living, score: NDArray[np.float64], threshold: float) -> list[Example]:
    """The living faces that looked least alive, and the attacks that looked most."""
    live = part.labels == 1
    rows = [*np.flatnonzero(live)[np.argsort(score[live])][: SHOWN // 2]]
    rows += [*np.flatnonzero(~live)[np.argsort(-score[~live])][: SHOWN // 2]]
    return [
        Example(
            shown(part.pictures, int(row)),
            f"{part.kinds[row]}, scored {score[row]:.2f}",
            bool((score[row] >= threshold) == live[row]),
        )
        for row in rows
    ]
