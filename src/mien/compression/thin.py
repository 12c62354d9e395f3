"""A trained run made thinner and trained on: load, prune, fine-tune."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mien.compression.prune import By, prune_channels, zero_weights
from mien.core.errors import InputError
from mien.core.modelcard import ModelCard
from mien.training.checkpoint import find_checkpoint, load_checkpoint
from mien.training.export_onnx import check_parity, make_card, onnx_bytes
from mien.training.job import Job
from mien.training.optimisers import optimiser_config
from mien.training.options import read_options
from mien.training.recipe import Recipe
from mien.training.recipefile import parse_recipe
from mien.training.tasks import export, prepare

GENTLE = 0.1  # of the learning rate that the net was trained with


@dataclass(frozen=True, slots=True, eq=False)
class Whole:
    """A finished run: its recipe, what its task noted, and its job with the weights that count."""

    recipe: Recipe
    facts: Mapping[str, Any]
    job: Job


def load_run(place: Path) -> Whole:
    """Read a run of `mien train`: its folder, or one checkpoint. Its pictures must still be there.

    raises: InputError for a place that holds no run, or a run of another task than recognition.
    """
    checkpoint = load_checkpoint(find_checkpoint(place))
    recipe = parse_recipe(checkpoint.recipe, f"the recipe in {place}")
    if recipe.task.name != "recognition":
        raise InputError(
            f"{place} is a run of the task {recipe.task.name!r}: compression measures its cost on "
            "embeddings, so give a run of the task recognition"
        )
    job = prepare(recipe)
    job.net.load_state_dict(checkpoint.net())
    job.criterion.load_state_dict(checkpoint.part("criterion"))
    job.net.eval()
    return Whole(recipe, checkpoint.facts, job)


def thin_recipe(recipe: Recipe, name: str, epochs: int) -> Recipe:
    """The recipe of the fine-tuning: that of the run at a tenth of its learning rate, without warm-up."""
    part = recipe.optimiser
    lr = read_options(optimiser_config(part.name), f"the optimiser {part.name}", part.options).lr
    options = {**part.options, "lr": GENTLE * lr}
    return replace(
        recipe,
        name=name,
        optimiser=replace(recipe.optimiser, options=options),
        schedule=replace(recipe.schedule, warmup=0.0),
        run=replace(recipe.run, epochs=max(epochs, 1), steps=0),
    )


def thin(trained: Whole, share: float, by: By) -> tuple[Job, dict[str, Any]]:
    """The run's job with a narrower net, and what was removed."""
    data = trained.recipe.data
    example = torch.zeros(1, data.channels, data.size, data.size)
    pruned = prune_channels(trained.job.net, example, share, by)
    return replace(trained.job, net=pruned.net), {"by": by, "share": share, **pruned.to_dict()}


def sparsify(trained: Whole, share: float) -> tuple[Job, dict[str, Any]]:
    """The run's job with its smallest weights at zero, where they stay, and the share of zeros a layer."""
    net, zeros = zero_weights(trained.job.net, share)
    hold_zeros(net)
    return replace(trained.job, net=net), {"by": "weights", "share": share, "zeros": zeros}


def to_model(recipe: Recipe, facts: Mapping[str, Any], net: nn.Module) -> tuple[ModelCard, bytes]:
    """The card and the ONNX file of a net of this run, checked to answer like PyTorch."""
    exportable = export(recipe, facts, net)
    data = onnx_bytes(exportable)
    card = make_card(recipe, exportable, data, {})
    check_parity(exportable, card, data)
    return card, data


def hold_zeros(net: nn.Module) -> None:
    """Keep zero weights at zero in training: their gradients are dropped."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            mask = module.weight.detach() != 0
            module.weight.register_hook(partial(_where, mask))  # type: ignore[no-untyped-call]  # in the stub


def _where(mask: Tensor, gradient: Tensor) -> Tensor:
    return gradient * mask.to(gradient.device)  # the net may have moved since
