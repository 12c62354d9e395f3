"""Checkpoints: one safetensors file each, which holds tensors and a JSON state; written whole or not at all.

Randomness needs no state: every step seeds itself from the recipe's seed and its own number (`loop`), and the
order of the pictures is a function of the epoch. A run that goes on from a checkpoint therefore computes the
same bits on a CPU as one that never stopped.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mien.core.errors import InputError, ModelCorrupt

if TYPE_CHECKING:
    import torch
    from torch import Tensor

FORMAT = "mien-training-1"
FOLDER = "checkpoints"
BEST = "best.safetensors"
_NAME = re.compile(r"step-(\d{8})\.safetensors")


@dataclass(slots=True)
class Progress:
    """Where a run stands.

    step: optimiser steps done.    epoch: running, 0-based.    batch: batches of it that are done.
    best: best value of the monitored metric, None before the first validation.    stale: validations since.
    history: one entry a validation: epoch, step, metrics.    scale: of the gradients, for fp16.
    loss, counted: sum and number of this epoch's losses so far.
    """

    step: int = 0
    epoch: int = 0
    batch: int = 0
    best: float | None = None
    stale: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    scale: dict[str, Any] = field(default_factory=dict)
    loss: float = 0.0
    counted: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """All that a run is.

    recipe: TOML.    facts: the task's (`Job.facts`).
    tensors: names start with ``net.``, ``criterion.``, ``average.`` (running mean of the net) or
        ``optimiser.``.    groups: the optimiser's plain values.
    """

    recipe: str
    facts: Mapping[str, Any]
    progress: Progress
    tensors: Mapping[str, Tensor]
    groups: Mapping[str, Any]

    def part(self, name: str) -> dict[str, Tensor]:
        """The tensors of one part, without its prefix; empty where there is none."""
        head = f"{name}."
        return {key.removeprefix(head): value for key, value in self.tensors.items() if key.startswith(head)}

    def net(self) -> dict[str, Tensor]:
        """The weights that count: their running mean where one was kept."""
        return {**self.part("net"), **self.part("average")}


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write beside the target, flush to the disk, rename: a crash leaves the old file or the new one.

    raises: `InputError` where the place cannot be written.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    state = {
        "format": FORMAT,
        "recipe": checkpoint.recipe,
        "facts": checkpoint.facts,
        "progress": asdict(checkpoint.progress),
        "groups": checkpoint.groups,
    }
    partial = path.with_name(f".part-{os.getpid()}-{path.name}")
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in checkpoint.tensors.items()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(_unshared(tensors), partial, {"mien": json.dumps(state)})
        with partial.open("rb") as stream:
            os.fsync(stream.fileno())
        os.replace(partial, path)
    except (OSError, SafetensorError) as error:  # the latter is what a full disk becomes
        raise InputError(
            f"the checkpoint {path} cannot be written ({error}): make room, or choose another --out"
        ) from error
    finally:
        partial.unlink(missing_ok=True)


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint file.

    raises: `InputError` where there is none, `ModelCorrupt` where it is not a checkpoint of this lab.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise InputError(f"there is no checkpoint at {path}: check the path")
    try:
        with safe_open(path, framework="pt") as file:
            state = json.loads((file.metadata() or {})["mien"])
            names = file.keys()
            tensors = {name: file.get_tensor(name) for name in names}
        if state.pop("format") != FORMAT:
            raise ValueError(f"it is not of the format {FORMAT}")
        return Checkpoint(
            recipe=state["recipe"],
            facts=state["facts"],
            progress=Progress(**state["progress"]),
            tensors=tensors,
            groups=state["groups"],
        )
    except (SafetensorError, KeyError, ValueError, TypeError, OSError) as error:
        raise ModelCorrupt(f"{path} is no checkpoint of mien train ({error}): use another one") from error


def checkpoint_path(out: Path, step: int) -> Path:
    return out / FOLDER / f"step-{step:08d}.safetensors"


def numbered_checkpoints(out: Path) -> list[Path]:
    """The checkpoints of a run by step, oldest first; the best one is not among them."""
    folder = out / FOLDER
    return sorted(path for path in folder.glob("step-*.safetensors") if _NAME.fullmatch(path.name))


def find_checkpoint(place: Path) -> Path:
    """A checkpoint file itself; of a run's folder the best one, or else the last one."""
    if place.is_dir():
        best = place / FOLDER / BEST
        return best if best.is_file() else last_checkpoint(place)
    return place


def last_checkpoint(out: Path) -> Path:
    """Where a run was left; raises `InputError` where it never came to its first checkpoint."""
    found = numbered_checkpoints(out)
    if not found:
        raise InputError(f"{out} holds no checkpoint: train without --resume first, or check the folder")
    return found[-1]


def forget_old(out: Path, keep: int) -> None:
    """Delete all but the newest ``keep`` numbered ones, and what a killed process left half written."""
    halves = [path for start in (".part-*", ".tmp*") for path in (out / FOLDER).glob(start)]
    for path in [*numbered_checkpoints(out)[:-keep], *halves]:
        path.unlink(missing_ok=True)


def pack_optimiser(state: Mapping[str, Any]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Split an optimiser's ``state_dict`` into tensors and JSON.

    >>> pack_optimiser({"state": {0: {"seen": 3}}, "param_groups": []})[1]
    {'state': {'0': {'seen': 3}}, 'param_groups': []}
    """
    import torch

    tensors: dict[str, torch.Tensor] = {}
    plain: dict[str, dict[str, Any]] = {}
    for number, values in state["state"].items():
        plain[str(number)] = {}
        for name, value in values.items():
            if isinstance(value, torch.Tensor):
                tensors[f"optimiser.{number}.{name}"] = value
            else:
                plain[str(number)][name] = value
    return tensors, {"state": plain, "param_groups": state["param_groups"]}


def unpack_optimiser(checkpoint: Checkpoint) -> dict[str, Any]:
    """What `pack_optimiser` split, whole again; numbers of parameters are whole numbers again."""
    state: dict[Any, dict[str, Any]] = {
        _number(key): dict(value) for key, value in checkpoint.groups["state"].items()
    }
    for name, tensor in checkpoint.part("optimiser").items():
        number, key = name.rsplit(".", 1)
        state.setdefault(_number(number), {})[key] = tensor
    return {"state": state, "param_groups": checkpoint.groups["param_groups"]}


def _number(key: str) -> int | str:
    return int(key) if key.isdigit() else key


def _unshared(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """safetensors refuses tensors that share memory: the second and later ones are copied."""
    seen: set[int] = set()
    result = {}
    for name, tensor in tensors.items():
        place = tensor.untyped_storage().data_ptr()
        result[name] = tensor.clone() if place in seen else tensor
        seen.add(place)
    return result
