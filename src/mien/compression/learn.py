"""Training a compressed net through the lab's own loop: stoppable, resumable, best weights at the end."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from mien.core.errors import InputError
from mien.training.checkpoint import BEST, FOLDER, last_checkpoint, load_checkpoint, numbered_checkpoints
from mien.training.job import Job
from mien.training.journal import Watcher
from mien.training.loop import Training
from mien.training.processes import joined_processes
from mien.training.recipe import Recipe
from mien.training.run import check_same
from mien.training.stop import stoppable


def learn(
    recipe: Recipe, job: Job, out: Path, *, resume: bool = False, watcher: Watcher | None = None
) -> nn.Module | None:
    """Train a job into ``out`` and return its net with the best weights, on the CPU and ready to be used.

    resume: go on from the last checkpoint of ``out`` where there is one.
    Returns None where somebody stopped the run (Ctrl-C): its checkpoint is kept, and ``resume`` goes on.
    raises: InputError where ``out`` holds a run and ``resume`` was not asked for.
    """
    checkpoint = None
    if numbered_checkpoints(out):
        if not resume:
            raise InputError(f"{out} already holds a run: go on with --resume, or choose another --out")
        checkpoint = load_checkpoint(last_checkpoint(out))
        check_same(recipe, checkpoint)
    with joined_processes(recipe.run.device) as processes:
        training = Training(recipe, job, out, processes, checkpoint=checkpoint, watcher=watcher)
        with stoppable() as wish:
            outcome = training.run(wish)
    if outcome.ending == "stopped":
        return None
    best = out / FOLDER / BEST
    if best.is_file():
        job.net.load_state_dict(load_checkpoint(best).net())
    return job.net.cpu().eval()
