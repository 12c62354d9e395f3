"""A factored network trained on: its tail learns to answer like the whole one, from what the trunk makes.

Least squares made every layer answer like the old one; what counts is the embedding, and that is what this
training looks at. Its loss is that of `mien compress distill`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from mien.compression.distill import BATCH, agreement, lessons_folder, split_rows
from mien.compression.distill_losses import Config, Distillation
from mien.compression.factored import Factored
from mien.compression.graph import prepare
from mien.compression.learn import learn
from mien.compression.onnxnet import OnnxNet
from mien.compression.quantize import to_bytes
from mien.compression.rehearse import Rehearsal, rehearse
from mien.compression.tail import find_cut, split_at, with_weights
from mien.compression.teacher import Lessons
from mien.core.errors import InputError
from mien.core.modelcard import ModelCard
from mien.training.job import Findings, Job
from mien.training.journal import Watcher
from mien.training.options import read_options
from mien.training.recipe import Recipe
from mien.training.samplers import Pick

if TYPE_CHECKING:
    import onnx


class TailSet:
    """Some rows of a rehearsal as a training set; half of the showings are mirror images."""

    def __init__(self, rehearsal: Rehearsal, rows: NDArray[np.int64], seed: int) -> None:
        self.rehearsal, self.rows, self.seed = rehearsal, rows, seed

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, pick: Pick) -> tuple[Tensor, Tensor]:
        mirrored = bool(np.random.default_rng((self.seed, pick.row, pick.draw)).integers(2))
        values, target = self.rehearsal.get(int(self.rows[pick.row]), mirrored=mirrored)
        return torch.from_numpy(values), torch.from_numpy(target)


@dataclass(frozen=True, slots=True, eq=False)
class _Exam:
    """Asks the tail about held-out faces."""

    rehearsal: Rehearsal
    rows: NDArray[np.int64]
    criterion: Distillation

    def __call__(self, net: nn.Module, device: torch.device) -> Findings:
        answers, wanted = [], []
        with torch.no_grad():
            for start in range(0, len(self.rows), BATCH):
                taken = [self.rehearsal.get(int(row)) for row in self.rows[start : start + BATCH]]
                values, targets = (torch.from_numpy(np.stack(side)) for side in zip(*taken, strict=True))
                answers.append(net(values.to(device)).float().cpu())
                wanted.append(targets)
            found, target = torch.cat(answers), torch.cat(wanted)
            loss = float(self.criterion.cpu()(found, target))
        self.criterion.to(device)
        unit = functional.normalize(found)
        metrics = {"loss_held_out": loss, "agreement": agreement(unit, target)}
        metrics["cosine"] = float((unit * target).sum(1).mean())
        return Findings(metrics, pictures=len(self.rows))


def polish_job(recipe: Recipe, tail: onnx.ModelProto, rehearsal: Rehearsal, facts: dict[str, Any]) -> Job:
    """A run of `mien.training.loop.Training` in which a tail learns the lessons.

    recipe: of task ``distill``; what it says of data and net does not count, since the tail is given.
    facts: what the checkpoint should remember.
    raises: InputError for a recipe that varies pictures, which the tail never sees; `ThinData` where there
        are too few faces to hold some out.
    """
    if recipe.augment.options:
        raise InputError(
            "the trunk has seen the faces already, so they cannot be varied: leave [augment] out of the "
            "recipe"
        )
    learned, held_out = split_rows(len(rehearsal), recipe.data.split_seed)
    torch.manual_seed(recipe.run.seed)
    config = read_options(Config, "the distillation", recipe.task.options)
    criterion = Distillation(config, rehearsal.dim, rehearsal.dim)
    return Job(
        net=Flat(OnnxNet(tail)),
        criterion=criterion,
        train=TailSet(rehearsal, learned, recipe.run.seed),
        labels=np.zeros(len(learned), np.int64),
        validate=_Exam(rehearsal, held_out, criterion),
        monitor="loss_held_out",
        higher=False,
        facts=facts,
        mixable=False,
    )


def polish(
    recipe: Recipe,
    whole: bytes,
    made: Factored,
    card: ModelCard,
    lessons: Lessons,
    out: Path,
    *,
    resume: bool = False,
    watcher: Watcher | None = None,
) -> bytes | None:
    """Train the changed part of a factored network into ``out``, and return the file with the best weights.

    whole: the ONNX file that it was made from.    card: of the whole network, to feed the trunk.
    Returns None where somebody stopped the run: ``resume`` goes on.
    """
    model = prepare(made.data)
    trunk, tail = split_at(model, find_cut(prepare(whole), model))
    rehearsal = rehearse(trunk, card, lessons, lessons_folder(out))
    job = polish_job(recipe, tail, rehearsal, {"model": card.name, "ranks": dict(made.ranks)})
    net = learn(recipe, job, out / "run", resume=resume, watcher=watcher)
    if net is None:
        return None
    if not isinstance(net, Flat):
        raise AssertionError("the job's own net comes back")
    return to_bytes(with_weights(model, net.net.to_model()))


class Flat(nn.Module):
    """A network whose answer is one row a picture, whatever the file made of it."""

    def __init__(self, net: OnnxNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, values: Tensor) -> Tensor:
        answer: Tensor = self.net(values)
        return answer.flatten(1)
