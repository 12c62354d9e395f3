"""What a task makes of a recipe: all that the loop, the report and the export need to know.

A task is one file in `mien.training.tasks`, with a frozen ``Config`` of its options and three functions::

    prepare(recipe, config) -> Job                       reads the data
    build(recipe, config, facts) -> nn.Module            the net again, without the data
    export(recipe, config, facts, net) -> Exportable     what goes into ONNX, and onto its card
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mien.core.modelcard import Preprocess, Task
from mien.core.types import Pixels
from mien.evaluation.metrics.classification import Confusion
from mien.training.samplers import Pick

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


class TrainingSet(Protocol):
    """Pictures with their targets; how a picture is varied depends on the pick and the recipe's seed alone.

    It is then the same in any process, in any order and after a resume.
    """

    def __len__(self) -> int: ...

    def __getitem__(self, pick: Pick, /) -> tuple[Tensor, Any]:
        """(C, S, S) float32 in [-1, 1] and the target: a tensor or number, or a tuple or dict of them."""


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """A validation picture and what the net made of it."""

    pixels: Pixels
    said: str
    right: bool


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Similarities (or scores for "yes") of pairs that belong together and of those that do not."""

    genuine: NDArray[np.float64]
    impostor: NDArray[np.float64]
    yes: str = "same person"
    no: str = "strangers"


@dataclass(frozen=True, slots=True, eq=False)
class Findings:
    """One validation.

    metrics: name -> value, finite.    The rest is what the report draws; empty where it does not apply.
    people: (N, 2) numbers of the two people of each impostor pair of ``scores``, for a calibration.
    errors: one normalised error a picture (landmarks) or a head (coefficients).
    """

    metrics: Mapping[str, float]
    scores: Mapping[str, Scores] = field(default_factory=dict)
    tables: Mapping[str, Confusion] = field(default_factory=dict)
    errors: NDArray[np.float64] | None = None
    examples: Sequence[Example] = ()
    people: NDArray[np.int64] | None = None
    pictures: int = 0
    subjects: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A run, ready to start.

    net: (N, C, S, S) float32 in [-1, 1] -> answers: one tensor, or a dict of them.
    criterion: (answers, targets) -> scalar; its own weights are trained with the net's.
    labels: (N,) of the training pictures, for the sampler.    files: (N,) the tar shard each lies in.
    facts: JSON, what ``build`` and ``export`` need besides the recipe.
    validate: measures a net on the validation part.    test: measures it, at last, on the test part with the
        thresholds of a validation; None where the recipe keeps no test part.
    monitor: the metric that says which weights are best.    higher: whether more of it is better.
    mixable: whether targets may be mixed (mixup, cutmix).
    """

    net: nn.Module
    criterion: nn.Module
    train: TrainingSet
    labels: NDArray[np.int64]
    validate: Callable[[nn.Module, torch.device], Findings]
    monitor: str
    higher: bool
    facts: Mapping[str, Any]
    test: Callable[[nn.Module, torch.device, Findings], Findings] | None = None
    files: NDArray[np.int64] | None = None
    mixable: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Exportable:
    """What becomes a model file.

    module: takes pixels as the card's ``preprocess`` makes them, (N, 3, H, W) float32.
    outputs: names of its answers, in order.
    task, dimension, template, answers, scheme, notes: as on a model card.
    tolerance: largest difference to PyTorch's answers that is let pass.
    """

    module: nn.Module
    outputs: tuple[str, ...]
    task: Task
    preprocess: Preprocess
    dimension: int | None = None
    template: str | None = None
    answers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    scheme: str = ""
    notes: str = ""
    tolerance: float = 1e-4
