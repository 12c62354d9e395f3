"""A trained net out of its checkpoint, without the data that it was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mien.core.errors import InputError
from mien.training.checkpoint import find_checkpoint, load_checkpoint
from mien.training.recipe import Recipe
from mien.training.recipefile import parse_recipe
from mien.training.torchless import require_torch

if TYPE_CHECKING:
    from torch import nn

    from mien.training.job import Exportable


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A net in evaluation mode, on the CPU, with the weights that count.

    path: the checkpoint's file.    facts: the task's own (`Job.facts`).    metrics: of its last validation.
    """

    path: Path
    recipe: Recipe
    facts: Mapping[str, Any]
    net: nn.Module
    step: int
    metrics: Mapping[str, float]

    def exportable(self) -> Exportable:
        """What of it becomes a model file."""
        from mien.training.tasks import export

        return export(self.recipe, self.facts, self.net)


def load_trained(place: Path) -> Trained:
    """Load a checkpoint file; of a run's folder the best one.

    raises: `InputError` where there is none, `ModelCorrupt` where it is damaged, `DependencyMissing`.
    """
    require_torch()
    from mien.training.tasks import build

    path = find_checkpoint(place)
    checkpoint = load_checkpoint(path)
    recipe = parse_recipe(checkpoint.recipe, f"the recipe of {path}")
    net = build(recipe, checkpoint.facts)
    try:
        net.load_state_dict(checkpoint.net())
    except RuntimeError as error:
        raise InputError(
            f"{path} does not fit the net of its recipe ({str(error).splitlines()[0]}): it was made by "
            "another version of mien; train it again"
        ) from error
    history = checkpoint.progress.history
    metrics = history[-1]["metrics"] if history else {}
    return Trained(path, recipe, checkpoint.facts, net.eval(), checkpoint.progress.step, metrics)
