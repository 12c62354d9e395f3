"""Attributes: one or several questions with a fixed choice of answers, over one net."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from mien.alignment.templates import TEMPLATES, find_template
from mien.core.errors import InputError, ThinData
from mien.core.modelcard import Task
from mien.evaluation.metrics.classification import accuracy, balanced_accuracy, confusion
from mien.training.data import Listing
from mien.training.data.dataset import PictureDataset
from mien.training.job import Example, Exportable, Findings, Job
from mien.training.options import option
from mien.training.recipe import Recipe
from mien.training.samplers import Pick, class_weights
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

_log = logging.getLogger(__name__)
LABEL = "label"  # the name of the one question of a data set that has only labels
IGNORED = -1  # the target of a question that a sample does not answer
CARD_TASKS = ("age", "sex", "expression")


@dataclass(frozen=True, slots=True)
class Config:
    questions: tuple[str, ...] = option((), "attributes of the data to learn; empty: its label alone")
    weights: tuple[float, ...] = option((), "weight of each question in the loss; empty: all 1", low=0)
    balance: float = option(
        0.0,
        "weigh classes by their number to the power of minus this: 1 all alike, 0 as they come",
        low=0,
        high=1,
    )
    smoothing: float = option(0.0, "share of the target given to all classes alike", low=0, high=0.99)
    card_task: str = option("attributes", "task on the model card", choices=("attributes", *CARD_TASKS))
    template: str = option("", TEMPLATE, choices=("", *TEMPLATES))


def prepare(recipe: Recipe, config: Config) -> Job:
    _check_loss(recipe)
    questions = config.questions or (LABEL,)
    parts = read_parts(recipe, classes=LABEL in questions)
    classes = {name: _classes(parts.train, name) for name in questions}
    train = Questioned(pictures(recipe, parts.train, training=True), classes)
    facts = {
        "classes": {name: list(labels) for name, labels in classes.items()},
        "pictures": len(parts.train),
        **parts.lost,
    }
    weights = config.weights or (1.0,) * len(questions)
    if len(weights) != len(questions):
        raise InputError(
            f"task.weights has {len(weights)} numbers for {len(questions)} questions: give one each"
        )
    validation = _Measured(recipe, parts.validation, classes)
    test = _Measured(recipe, parts.test, classes) if len(parts.test) else None
    return Job(
        net=build(recipe, config, facts),
        criterion=MultiTask(train.targets, classes, weights, config),
        train=train,
        labels=next(iter(train.targets.values())) - IGNORED,  # no answer is a label of its own
        files=parts.train.files,
        validate=validation.measure,
        test=(lambda net, device, _: test.measure(net, device)) if test else None,
        monitor="balanced accuracy",
        higher=True,
        facts=facts,
        mixable=False,
    )


def build(recipe: Recipe, config: Config, facts: Mapping[str, Any]) -> nn.Module:
    del config
    return Heads(
        net_of(recipe), recipe.net.dim, {name: len(labels) for name, labels in facts["classes"].items()}
    )


def export(recipe: Recipe, config: Config, facts: Mapping[str, Any], net: nn.Module) -> Exportable:
    template = template_of(recipe, config.template)
    said = "; ".join(f"{name}: {', '.join(labels)}" for name, labels in facts["classes"].items())
    return Exportable(
        module=_Probabilities(FromCard(net, recipe.data.size, recipe.data.channels)),
        outputs=tuple(facts["classes"]),
        task=cast(Task, config.card_task),
        preprocess=card_input(find_template(template).size),
        template=template,
        answers={name: tuple(labels) for name, labels in facts["classes"].items()},
        notes=f"Outputs: probabilities, in this order: {said}. Trained by mien on {facts['pictures']} "
        f"pictures ({recipe.net.name}, crops: {recipe.data.align}).",
    )


class Heads(nn.Module):
    """A net and one linear layer a question: (N, C, S, S) -> question -> (N, K) logits."""

    def __init__(self, net: nn.Module, dim: int, questions: Mapping[str, int]) -> None:
        super().__init__()
        self.net, self.names = net, tuple(questions)
        self.heads = nn.ModuleList(nn.Linear(dim, count) for count in questions.values())

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        features = self.net(pictures)
        return {name: head(features) for name, head in zip(self.names, self.heads, strict=True)}


class MultiTask(nn.Module):
    """The weighted sum of the questions' cross-entropies; a sample counts where it answers the question."""

    def __init__(
        self,
        targets: Mapping[str, NDArray[np.int64]],
        classes: Mapping[str, Sequence[str]],
        weights: Sequence[float],
        config: Config,
    ) -> None:
        super().__init__()
        self.weights, self.smoothing, self.names = tuple(weights), config.smoothing, tuple(classes)
        for number, (name, labels) in enumerate(classes.items()):
            known = targets[name][targets[name] != IGNORED]
            each = torch.tensor(class_weights(known, len(labels), config.balance), dtype=torch.float32)
            self.register_buffer(f"classes{number}", each)

    def forward(self, answers: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> Tensor:
        total = torch.zeros((), device=next(iter(answers.values())).device)
        for number, name in enumerate(self.names):
            known = targets[name] != IGNORED
            if not known.any():  # a slope of zero, and not none: every process waits for it
                total = total + answers[name].sum() * 0
                continue
            loss = functional.cross_entropy(
                answers[name][known].float(),
                targets[name][known],
                self.get_buffer(f"classes{number}"),
                label_smoothing=self.smoothing,
            )
            total = total + self.weights[number] * loss
        return total


class Questioned:
    """Pictures with the number of each question's answer, or `IGNORED`."""

    def __init__(self, dataset: PictureDataset, classes: Mapping[str, Sequence[str]]) -> None:
        self.dataset = dataset
        self.targets = {name: _numbers(dataset.listing, name, labels) for name, labels in classes.items()}

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, pick: int | Pick) -> tuple[Tensor, dict[str, int]]:
        row = pick.row if isinstance(pick, Pick) else pick
        picture, _ = self.dataset[pick]
        return picture, {name: int(values[row]) for name, values in self.targets.items()}


class _Probabilities(nn.Module):
    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, pictures: Tensor) -> tuple[Tensor, ...]:
        return tuple(logits.softmax(1) for logits in self.net(pictures).values())


class _Measured:
    """One part of the data, and how often a net answers rightly."""

    def __init__(self, recipe: Recipe, listing: Listing, classes: Mapping[str, Sequence[str]]) -> None:
        self.pictures = pictures(recipe, listing)
        self.classes = classes
        self.dataset = Questioned(self.pictures, classes)
        for name, labels in classes.items():
            unseen = sum(answer not in {*labels, ""} for answer in _answers(listing, name))
            if unseen:
                said = "%d pictures with an answer to %r that no training picture has are not measured"
                _log.warning(said, unseen, name)

    def measure(self, net: nn.Module, device: torch.device) -> Findings:
        logits = answers(net, self.dataset, device)
        metrics: dict[str, float] = {}
        tables, balanced = {}, []
        for name, labels in self.classes.items():
            truth, said = self.dataset.targets[name], logits[name].argmax(1).numpy()
            known = truth != IGNORED
            if not known.any():
                raise ThinData(f"no validation picture answers {name!r}: give validation a larger share")
            table = confusion([labels[k] for k in truth[known]], [labels[k] for k in said[known]])
            tables[name] = table
            metrics[f"{name} accuracy"] = accuracy(table)
            metrics[f"{name} balanced accuracy"] = balanced_accuracy(table)
            balanced.append(balanced_accuracy(table))
        metrics = {"balanced accuracy": float(np.mean(balanced)), **metrics}
        examples = self._examples(logits)
        return Findings(metrics, tables=tables, examples=examples, pictures=len(self.pictures))

    def _examples(self, logits: Mapping[str, Tensor]) -> list[Example]:
        """The pictures of which the net was most sure, and wrong, and some at random."""
        name, labels = next(iter(self.classes.items()))
        chances = logits[name].softmax(1)
        sure, said = (value.numpy() for value in chances.max(1))
        truth = self.dataset.targets[name]
        wrong = np.flatnonzero((said != truth) & (truth != IGNORED))
        rows = [*wrong[np.argsort(-sure[wrong])][: SHOWN // 2], *range(min(SHOWN // 2, len(truth)))]
        return [
            Example(
                shown(self.pictures, int(row)),
                f"{labels[said[row]]} ({100 * sure[row]:.0f} %), truly {labels[truth[row]]}",
                bool(said[row] == truth[row]),
            )
            for row in rows
            if truth[row] != IGNORED
        ]


def _classes(listing: Listing, question: str) -> tuple[str, ...]:
    found = sorted({answer for answer in _answers(listing, question) if answer})
    if len(found) < 2:
        known = sorted({key for sample in listing.samples for key in sample.attributes})
        cure = f"ask for others out of {', '.join(known)}" if known else "name a source that has attributes"
        raise InputError(f"the question {question!r} has {len(found)} answers in the data: {cure}")
    return tuple(found)


def _answers(listing: Listing, question: str) -> list[str]:
    if question == LABEL:
        return [sample.label for sample in listing.samples]
    return [str(sample.attributes.get(question, "")) for sample in listing.samples]


def _numbers(listing: Listing, question: str, labels: Sequence[str]) -> NDArray[np.int64]:
    place = {label: number for number, label in enumerate(labels)}
    return np.array([place.get(answer, IGNORED) for answer in _answers(listing, question)], np.int64)


def _check_loss(recipe: Recipe) -> None:
    if recipe.loss.name not in ("", "cross-entropy") or recipe.loss.options:
        raise InputError(
            "attributes are learned by cross-entropy: leave [loss] out, and weigh with task.weights and "
            "task.balance"
        )
