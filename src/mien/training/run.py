"""A recipe from start to end: prepare, train or go on, and what a folder of a run holds."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mien.core.errors import InputError
from mien.training.checkpoint import (
    BEST,
    FOLDER,
    Checkpoint,
    checkpoint_path,
    load_checkpoint,
    numbered_checkpoints,
)
from mien.training.journal import Watcher
from mien.training.recipe import SECTIONS, Recipe
from mien.training.recipefile import format_recipe, parse_recipe
from mien.training.torchless import require_torch

if TYPE_CHECKING:
    from mien.training.job import Findings
    from mien.training.loop import Outcome

_log = logging.getLogger(__name__)
RECIPE = "recipe.toml"
# Keys of [run] that may differ from the checkpoint's: how long, which moves the course of the learning rate
# with it, and where.
_HOW_LONG = ("epochs", "steps", "patience", "validate_every", "save_every", "keep")
_WHERE = ("workers", "device", "compile", "parallel", "tensorboard")


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """What a run made.

    findings: of the validation part with the weights that count.    tested: of the test part, at the
    thresholds of the validation; None where there is none, or the run was stopped.
    facts: of the data, as the task tells them (`Job.facts`).
    """

    out: Path
    recipe: Recipe
    outcome: Outcome
    findings: Findings | None
    tested: Findings | None
    facts: Mapping[str, Any] = field(default_factory=dict)


def train(recipe: Recipe, out: Path, *, resume: Path | None = None, watcher: Watcher | None = None) -> Run:
    """Train a recipe into a folder.

    resume: the checkpoint to go on from; what ``out`` holds of later steps is dropped. None starts anew. A
        folder that holds another run is refused.
    Every process that torchrun started calls this; the first one writes.
    raises: `InputError`, `ThinData`, `DependencyMissing`.
    """
    require_torch()
    from mien.training.data.align import watched
    from mien.training.loop import Training
    from mien.training.processes import joined_processes
    from mien.training.stop import stoppable
    from mien.training.tasks import prepare

    checkpoint = load_checkpoint(resume) if resume is not None else None
    if checkpoint is not None:
        check_same(recipe, checkpoint)
    with joined_processes(recipe.run.device) as processes:
        left = left_over(out, resume, checkpoint)
        if checkpoint is not None and out / FOLDER / BEST in left:
            checkpoint.progress.best, checkpoint.progress.stale = None, 0  # its weights are not here
        processes.wait()  # until every process has looked
        if processes.first:
            _make_ready(recipe, out, left)
        with watched(watcher.acquired if watcher is not None else None):
            # The first process looks for the faces; the others find its crops.
            job = prepare(recipe) if processes.first else None
            processes.wait()
            job = job or prepare(recipe)
        if checkpoint is not None:
            _check_data(job.facts, checkpoint)
        elif recipe.net.weights:
            _start_from(job.net, Path(recipe.net.weights))
        training = Training(recipe, job, out, processes, checkpoint=checkpoint, watcher=watcher)
        with stoppable() as wish:
            outcome = training.run(wish)
        findings = tested = None
        if outcome.ending != "stopped" and (processes.first or training.wrapped.sharded):
            findings, tested = training.judge()
    return Run(out, recipe, outcome, findings, tested, job.facts)


def is_first() -> bool:
    """Whether this process is the one that writes and talks, also before torchrun's processes have met."""
    return os.environ.get("RANK", "0") == "0"


def check_same(recipe: Recipe, checkpoint: Checkpoint) -> None:
    """Refuse to go on with a recipe that would have trained something else; what its card says may change."""
    before = parse_recipe(checkpoint.recipe, "the checkpoint's recipe")
    for name in SECTIONS:
        ours, theirs = getattr(recipe, name), getattr(before, name)
        if name == "run":
            changes = {key: getattr(ours, key) for key in (*_HOW_LONG, *_WHERE)}
            theirs = dataclasses.replace(theirs, **changes)
        if name == "data":
            theirs = dataclasses.replace(theirs, root=ours.root)  # it may have moved
        if ours != theirs:
            names = [part.name for part in dataclasses.fields(ours)]
            keys = ", ".join(key for key in names if getattr(ours, key) != getattr(theirs, key))
            raise InputError(
                f"[{name}] differs from what the checkpoint was trained with ({keys}): set it back, or start "
                "anew in another --out"
            )


def left_over(out: Path, resume: Path | None, checkpoint: Checkpoint | None) -> list[Path]:
    """Files of ``out`` that would be taken for those of the run to come: what came after its checkpoint.

    raises: `InputError` where ``out`` holds a run that this one does not go on with.
    """
    held, best = numbered_checkpoints(out), out / FOLDER / BEST
    if checkpoint is None or resume is None or resume.resolve().parent != best.resolve().parent:
        if held:
            raise InputError(f"{out} already holds a run: go on with --resume, or choose another --out")
        return [best]
    step = checkpoint.progress.step
    later = [path for path in held if path.name > checkpoint_path(out, step).name]
    if later and best.is_file() and load_checkpoint(best).progress.step > step:
        later.append(best)
    return later


def _check_data(facts: Mapping[str, Any], checkpoint: Checkpoint) -> None:
    """Refuse to go on with other pictures than the checkpoint's: they would be dealt anew."""
    now = json.loads(json.dumps(dict(facts)))
    if now != checkpoint.facts:
        names = sorted(k for k in {*now, *checkpoint.facts} if now.get(k) != checkpoint.facts.get(k))
        raise InputError(
            f"the data differ from what the checkpoint was trained on ({', '.join(names)}): bring them back "
            "as they were, or start from its weights (--set net.weights=FILE) in another --out"
        )


def _make_ready(recipe: Recipe, out: Path, left: Sequence[Path]) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        for path in left:
            path.unlink(missing_ok=True)
        (out / RECIPE).write_text(format_recipe(recipe), encoding="utf-8")
    except OSError as error:
        raise InputError(f"{out} cannot be written ({error.strerror}): choose another --out") from error


def _start_from(net: object, place: Path) -> None:
    """Take the weights of another run where name and shape agree (a new head starts fresh)."""
    from torch import nn

    from mien.training.checkpoint import find_checkpoint

    assert isinstance(net, nn.Module)
    given = load_checkpoint(find_checkpoint(place)).net()
    own = net.state_dict()
    taken = {name: value for name, value in given.items() if name in own and own[name].shape == value.shape}
    if not any(value.ndim > 1 for value in taken.values()):
        raise InputError(
            f"net.weights: {place} holds no weight that this net has: choose a run of the same net"
        )
    if len(taken) < len(own):
        fresh = sorted(own.keys() - taken.keys())
        _log.warning("%d of %d weights start fresh: %s …", len(fresh), len(own), ", ".join(fresh[:3]))
    net.load_state_dict({**own, **taken})
