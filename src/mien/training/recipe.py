"""A training recipe: everything that decides what a run learns, in one frozen value.

The fields below are the only list of a recipe's keys: the TOML file, `mien train --describe`,
docs/training.md and the recipe that is saved beside the weights are all read off them. A section with
``options`` names a thing of a registry, and takes that thing's own options beside its keys::

    [net]
    name = "resnet18"
    dim = 128        # a key of the section
    dropout = 0.2    # an option of resnet18
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mien.training.options import option

Options = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TaskPart:
    """What is learned, and what the task itself can be told."""

    name: str = option("recognition", "what is learned: recognition, attributes, liveness, landmarks …")
    options: Options = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DataPart:
    """Where the pictures come from and how they are cut and dealt."""

    source: str = option("folder", "how the pictures are listed")
    root: str = option(
        "", "folder of the data set: absolute, or below the recipe's folder, this folder or MIEN_SHARED"
    )
    size: int = option(112, "side of the square picture that the net sees, in pixels", low=16, high=1024)
    channels: int = option(3, "3: colour; 1: grey", choices=(1, 3))
    align: str = option(
        "whole",
        "whole: the pictures are cut already; centre: their middle square; box: the listed box; "
        "arcface, dlib or wide (with the head's surroundings): find the face and move it onto that template, "
        "as the pipeline does in use",
    )
    fractions: tuple[float, ...] = option(
        (0.7, 0.15, 0.15), "shares of the people for training, validation and test; nobody is in two", low=0
    )
    split_seed: int = option(0, "which people go where", low=0)
    per_class: int = option(
        2, "recognition: leave out people of the training part with fewer pictures", low=1
    )
    limit: int = option(0, "take only so many pictures of each part; 0: all", low=0)
    options: Options = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SamplerPart:
    """In which order training pictures are shown."""

    name: str = option(
        "plain",
        "plain, weighted (rare classes more often), balanced (P classes × K pictures) or stream (tar shards)",
    )
    options: Options = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NetPart:
    """The net that is trained."""

    name: str = option("resnet18", "which net")
    dim: int = option(128, "length of its answer; tasks with a fixed number of outputs add a layer", low=1)
    weights: str = option("", "checkpoint or run folder to start from instead of fresh weights")
    options: Options = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LossPart:
    """What is made small."""

    name: str = option("", "which loss; empty: the task's own default")
    options: Options = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OptimiserPart:
    """How the weights are moved."""

    name: str = option("adamw", "which optimiser; lr and decay (L2) are options of each")
    options: Options = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SchedulePart:
    """How the learning rate changes over the run."""

    name: str = option("cosine", "its course after the warm-up", choices=("constant", "cosine", "step"))
    warmup: float = option(0.05, "share of the steps in which it rises from near zero", low=0, high=1)
    floor: float = option(0.0, "cosine: the share of the rate that is left at the end", low=0, high=1)
    milestones: tuple[float, ...] = option(
        (0.5, 0.75), "step: shares of the run after which it falls", low=0, high=1
    )
    factor: float = option(0.1, "step: what it falls to, as a share, each time", low=0, high=1)


@dataclass(frozen=True, slots=True)
class AugmentPart:
    """How training pictures are varied; the options of `mien.training.augment`."""

    options: Options = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RegularisePart:
    """What else keeps the net from learning pictures by heart: dropout is an option of nets, label smoothing
    of losses, L2 of optimisers."""

    l1: float = option(0.0, "weight of the sum of absolute weights in the loss", low=0)
    mixup: float = option(
        0.0, "alpha of mixup: pictures of a batch and their labels are mixed; 0: off", low=0
    )


@dataclass(frozen=True, slots=True)
class RunPart:
    """How long and how the machine works."""

    seed: int = option(0, "of fresh weights, order and variations", low=0)
    epochs: int = option(10, "times that the training pictures are shown", low=1)
    steps: int = option(0, "stop after so many steps; 0: after the epochs", low=0)
    batch: int = option(64, "pictures in one forward pass of one process", low=1)
    accumulate: int = option(1, "forward passes that make one step", low=1)
    precision: str = option("fp32", "arithmetic of the forward pass", choices=("fp32", "bf16", "fp16"))
    compile: bool = option(False, "compile the net (torch.compile): slower to start, faster to run")
    deterministic: bool = option(False, "same bits from run to run on a GPU too, where it knows how")
    device: str = option("auto", "auto: the GPU if there is one; cpu, cuda or cuda:1")
    parallel: str = option(
        "ddp", "with torchrun: ddp copies the net, fsdp shards it", choices=("ddp", "fsdp")
    )
    ema: float = option(
        0.0,
        "decay of the running mean of the weights, which is then what counts; 0: off",
        low=0,
        high=0.99999,
    )
    clip: float = option(0.0, "longest gradient; longer ones are shortened; 0: off", low=0)
    patience: int = option(0, "stop after so many validations without a better one; 0: never", low=0)
    validate_every: int = option(1, "epochs between validations", low=1)
    save_every: int = option(1, "epochs between checkpoints", low=1)
    keep: int = option(2, "checkpoints that stay, besides the best one", low=1)
    workers: int = option(
        -1,
        "processes that read pictures; 0: this one; -1: none on a CPU, as many as feed it on a GPU",
        low=-1,
    )
    tensorboard: bool = option(True, "write TensorBoard logs, where it is installed")


@dataclass(frozen=True, slots=True)
class Recipe:
    """One training run. ``name`` also names the model that it makes (lower case, digits, - and _)."""

    name: str = option("model", "name of the run, its folder and its model card")
    about: str = option("", "what it is, in a sentence, for `mien train --list`")
    licence: str = option("unknown", "licence of the weights, as the data allow it; goes onto the card")
    commercial: bool = option(False, "whether data and licence allow commercial use; goes onto the card")
    credit: str = option("", "whom the data's terms want named; goes onto the card")
    task: TaskPart = field(default_factory=TaskPart)
    data: DataPart = field(default_factory=DataPart)
    sampler: SamplerPart = field(default_factory=SamplerPart)
    net: NetPart = field(default_factory=NetPart)
    loss: LossPart = field(default_factory=LossPart)
    optimiser: OptimiserPart = field(default_factory=OptimiserPart)
    schedule: SchedulePart = field(default_factory=SchedulePart)
    augment: AugmentPart = field(default_factory=AugmentPart)
    regularise: RegularisePart = field(default_factory=RegularisePart)
    run: RunPart = field(default_factory=RunPart)


SECTIONS: Mapping[str, type[Any]] = {
    "task": TaskPart,
    "data": DataPart,
    "sampler": SamplerPart,
    "net": NetPart,
    "loss": LossPart,
    "optimiser": OptimiserPart,
    "schedule": SchedulePart,
    "augment": AugmentPart,
    "regularise": RegularisePart,
    "run": RunPart,
}
