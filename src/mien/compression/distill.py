"""A small net learns to answer like a large one: any embedding model may be teacher, any net the student."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from mien.compression.distill_losses import Config, Distillation
from mien.compression.teacher import Lessons
from mien.core.errors import ThinData
from mien.core.modelcard import ModelCard
from mien.training.augment import build_augment
from mien.training.export_onnx import check_parity, make_card, onnx_bytes
from mien.training.job import Exportable, Findings, Job
from mien.training.nets import build_net
from mien.training.options import read_options
from mien.training.recipe import Recipe
from mien.training.samplers import Pick
from mien.training.tasks.parts import FromCard, card_input

HELD_OUT = 0.05
LEAST = 8  # faces held out, and faces to learn from
BATCH = 64


class LessonSet:
    """Some rows of the lessons as a training set: half of the showings are mirror images.

    The teacher was asked about the mirror image too, so that its answer is exact; whatever else the recipe's
    augmentation does to a face, the answer for the clean one is still what is wanted.
    """

    def __init__(self, lessons: Lessons, rows: NDArray[np.int64], recipe: Recipe) -> None:
        self.lessons, self.rows, self.seed = lessons, rows, recipe.run.seed
        self.augment = build_augment(recipe.augment.options) if recipe.augment.options else None

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, pick: Pick) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng((self.seed, pick.row, pick.draw))
        pixels, target = self.lessons.get(int(self.rows[pick.row]), mirrored=bool(rng.integers(2)))
        if self.augment is not None:
            pixels = self.augment(pixels, rng)
        return to_input(pixels[None])[0], torch.from_numpy(target)


@dataclass(frozen=True, slots=True, eq=False)
class _Exam:
    """Asks a net about held-out faces; an object and not a closure, so that it says what it holds."""

    lessons: Lessons
    rows: NDArray[np.int64]
    criterion: Distillation

    def __call__(self, net: nn.Module, device: torch.device) -> Findings:
        answers, wanted, losses = [], [], []
        with torch.no_grad():
            for start in range(0, len(self.rows), BATCH):
                taken = [self.lessons.get(int(row)) for row in self.rows[start : start + BATCH]]
                pixels = to_input(np.stack([pixels for pixels, _ in taken])).to(device)
                targets = torch.from_numpy(np.stack([target for _, target in taken])).to(device)
                features = net(pixels)
                losses.append(float(self.criterion.to(device)(features, targets)) * len(taken))
                answers.append(features.float().cpu())
                wanted.append(targets.cpu())
        found, target = functional.normalize(torch.cat(answers)), torch.cat(wanted)
        metrics = {"loss_held_out": sum(losses) / len(self.rows), "agreement": agreement(found, target)}
        if found.shape == target.shape:
            metrics["cosine"] = float((found * target).sum(1).mean())
        return Findings(metrics, pictures=len(self.rows))


def distillation_job(recipe: Recipe, lessons: Lessons, facts: dict[str, Any]) -> Job:
    """A run of `mien.training.loop.Training` in which the recipe's net learns the lessons.

    recipe: its task's options are those of `distill_losses.Config`; its data part says size and channels of
        the net.
    facts: what the checkpoint should remember of the teacher.
    raises: `ThinData` where there are too few faces to hold some out.
    """
    learned, held_out = split_rows(len(lessons), recipe.data.split_seed)
    torch.manual_seed(recipe.run.seed)
    net = build_student(recipe)
    config = read_options(Config, "the distillation", recipe.task.options)
    criterion = Distillation(config, recipe.net.dim, lessons.dim)
    return Job(
        net=net,
        criterion=criterion,
        train=LessonSet(lessons, learned, recipe),
        labels=np.zeros(len(learned), np.int64),
        validate=_Exam(lessons, held_out, criterion),
        monitor="loss_held_out",
        higher=False,
        facts=facts,
        mixable=False,
    )


def build_student(recipe: Recipe) -> nn.Module:
    """The recipe's net behind the teacher's crops, which are brought to its size and channels.

    Fresh weights come from torch's generator.
    """
    part, data = recipe.net, recipe.data
    net = build_net(part.name, size=data.size, channels=data.channels, dim=part.dim, **part.options)
    return FromCard(net, data.size, data.channels)


def split_rows(count: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows to learn from and rows held out: a twentieth, at least eight."""
    held = max(round(HELD_OUT * count), LEAST)
    if count < held + LEAST:
        raise ThinData(f"{count} faces are too few to learn from: give {2 * LEAST} pictures or more")
    order = np.random.default_rng(seed).permutation(count)
    return np.sort(order[held:]), np.sort(order[:held])


def agreement(found: Tensor, wanted: Tensor) -> float:
    """Pearson's correlation of the similarities of all pairs, as the student and as the teacher see them."""
    first, second = torch.triu_indices(len(found), len(found), 1)
    seen = [((rows @ rows.T)[first, second]).double() for rows in (found, wanted)]
    centred = [values - values.mean() for values in seen]
    scale = torch.stack([values.norm() for values in centred]).prod().clamp_min(1e-12)
    return float((centred[0] @ centred[1]) / scale)


def to_input(pixels: NDArray[np.uint8]) -> Tensor:
    """(N, S, S, 3) uint8 RGB -> (N, 3, S, S) float32 in [-1, 1]."""
    return torch.from_numpy(pixels.astype(np.float32)).permute(0, 3, 1, 2) / 127.5 - 1


def student_model(recipe: Recipe, net: nn.Module, teacher: ModelCard, size: int) -> tuple[ModelCard, bytes]:
    """The card and the ONNX file of a student, checked to answer like PyTorch.

    size: side of the teacher's crops, which the student takes too.
    A student may be used commercially only if its recipe says so and its teacher may be.
    """
    exportable = Exportable(
        module=net,
        outputs=("embedding",),
        task="embed",
        preprocess=card_input(size),
        dimension=recipe.net.dim,
        template=teacher.template,
        notes=f"{recipe.net.name}, which learned to answer like {teacher.name} (`mien compress distill`).",
    )
    data = onnx_bytes(exportable)
    allowed = replace(recipe, commercial=recipe.commercial and teacher.commercial)
    card = make_card(allowed, exportable, data, {})
    check_parity(exportable, card, data)
    credit = "; ".join(filter(None, (recipe.credit, f"teacher: {teacher.credit or teacher.name}")))
    return replace(card, credit=credit), data


def lessons_folder(out: Path) -> Path:
    """Where a run keeps what its teacher said."""
    return out / "lessons"
