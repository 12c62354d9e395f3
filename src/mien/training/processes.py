"""One process or several (torchrun), on a CPU or on GPUs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import distributed

from mien.core.errors import InputError
from mien.runtime.machine import cores


@dataclass(frozen=True, slots=True)
class Processes:
    """This process among those of a run: its number, how many there are, and what it computes on."""

    rank: int
    count: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files and talks."""
        return self.rank == 0

    def any(self, here: bool) -> bool:
        """Whether something is so in any process; every process must ask."""
        if self.count == 1:
            return here
        flag = torch.tensor([float(here)], device=self.device)
        distributed.all_reduce(flag, op=distributed.ReduceOp.MAX)
        return bool(flag.item() > 0)

    def mean(self, total: float, count: int) -> float:
        """The mean over all processes of ``total / count``; every process must ask."""
        values = torch.tensor([total, float(count)], dtype=torch.float64, device=self.device)
        if self.count > 1:
            distributed.all_reduce(values)
        return float(values[0] / values[1].clamp_min(1))

    def wait(self) -> None:
        if self.count > 1:
            distributed.barrier()


MOST_READERS = 16  # more wait for each other's pictures
# How long processes wait for the first one, which alone looks for faces and validates.
PATIENCE = timedelta(days=2)


def readers(workers: int, device: torch.device, count: int = 1) -> int:
    """How many processes read pictures for one that learns.

    workers: of the recipe; -1 chooses: on a CPU none, since they would take its cores away; for a GPU the
    machine's cores shared among its ``count`` processes, less one that feeds it.
    """
    if workers >= 0:
        return workers
    return 0 if device.type == "cpu" else max(1, min(cores() // count - 1, MOST_READERS))


@contextmanager
def joined_processes(device: str) -> Iterator[Processes]:
    """Join the processes that torchrun started; alone where it did not."""
    count, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    chosen = find_device(device, int(os.environ.get("LOCAL_RANK", "0")) if count > 1 else None)
    if count == 1:
        yield Processes(0, 1, chosen)
        return
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    distributed.init_process_group("nccl" if chosen.type == "cuda" else "gloo", timeout=PATIENCE)
    try:
        yield Processes(rank, count, chosen)
    finally:
        distributed.destroy_process_group()


def find_device(name: str, local_rank: int | None = None) -> torch.device:
    """The device of a recipe; raises `InputError` for one that is not here."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise InputError(f"run.device cannot be {name!r}: choose auto, cpu, cuda or cuda:1") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise InputError(f"run.device is {name!r}, but PyTorch sees no GPU here: choose auto or cpu")
    if device.type == "cuda" and local_rank is not None:
        return torch.device("cuda", local_rank)
    return device
