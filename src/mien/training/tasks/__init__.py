"""What can be learned. A new task is one file here and one line below; `mien.training.job` says how."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mien.training.recipe import Recipe
from mien.training.registry import Entry, config_of, find_entry, load_file

if TYPE_CHECKING:
    from torch import nn

    from mien.training.job import Exportable, Job

TASKS: Mapping[str, Entry] = {
    "recognition": Entry("recognition", "who is it: features near for one person, far for others"),
    "attributes": Entry("attributes", "age band, sex, expression …: one answer or several of one picture"),
    "liveness": Entry("liveness", "a living face, or a print, a screen, a mask"),
    "landmarks": Entry("landmarks", "where points of the face are"),
    "coefficients": Entry("coefficients", "identity and expression of the 3D head, from rendered heads"),
}


def prepare(recipe: Recipe) -> Job:
    """Read the data of a recipe and make the net with fresh weights, drawn from the recipe's seed.

    raises: `InputError` for an option that is wrong or data that cannot be read; `DependencyMissing`.
    """
    module, config = _task(recipe)
    import torch

    torch.manual_seed(recipe.run.seed)
    job: Job = module.prepare(recipe, config)
    return job


def build(recipe: Recipe, facts: Mapping[str, Any]) -> nn.Module:
    """The net of a recipe without its data; ``facts`` are `Job.facts`."""
    module, config = _task(recipe)
    net: nn.Module = module.build(recipe, config, facts)
    return net


def export(recipe: Recipe, facts: Mapping[str, Any], net: nn.Module) -> Exportable:
    """What of a trained net goes into a model file, and onto its card."""
    module, config = _task(recipe)
    exported: Exportable = module.export(recipe, config, facts, net)
    return exported


def task_config(name: str) -> type[Any]:
    """The options of a task, as a dataclass."""
    config: type[Any] = load_file(__name__, find_entry(TASKS, "task", name)).Config
    return config


def _task(recipe: Recipe) -> tuple[Any, Any]:
    part = recipe.task
    entry = find_entry(TASKS, "task", part.name)
    return config_of(__name__, entry, f"the task {part.name}", part.options)
