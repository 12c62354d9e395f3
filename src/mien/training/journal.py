"""What a run writes down as it goes: metrics.jsonl, TensorBoard, and whoever watches."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

METRICS = "metrics.jsonl"


class Watcher(Protocol):
    """Somebody who wants to see a run: the command's progress bar, or a test."""

    def acquired(self, done: int, total: int) -> None:
        """So many of the pictures have been looked through for faces."""

    def stepped(self, step: int, total: int, loss: float) -> None: ...

    def validated(self, epoch: int, metrics: Mapping[str, float], better: bool) -> None: ...


class Unwatched:
    """Nobody looks."""

    def acquired(self, done: int, total: int) -> None:
        del done, total

    def stepped(self, step: int, total: int, loss: float) -> None:
        del step, total, loss

    def validated(self, epoch: int, metrics: Mapping[str, float], better: bool) -> None:
        del epoch, metrics, better


class Journal:
    """One JSON line a step and a validation in metrics.jsonl; the same numbers for TensorBoard.

    step: where the run goes on; what an interrupted run wrote beyond it is dropped.
    """

    def __init__(self, out: Path, step: int, tensorboard: bool, write: bool = True) -> None:
        self._file = None
        self._board: Any = None
        if not write:
            return
        out.mkdir(parents=True, exist_ok=True)
        kept = [line for line in read_journal(out) if line["step"] <= step] if step else []
        (out / METRICS).write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
        self._file = (out / METRICS).open("a", encoding="utf-8")
        if tensorboard and find_spec("tensorboard") is not None:
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(out / "tensorboard"), purge_step=step + 1)

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
        if self._board is not None:
            self._board.close()

    def note(self, kind: str, step: int, epoch: int, values: Mapping[str, float]) -> None:
        """Write one line; kind: "step" or "validation". A value that is not finite becomes null."""
        if self._file is None:
            return
        plain = {name: value if math.isfinite(value) else None for name, value in values.items()}
        self._file.write(json.dumps({"kind": kind, "step": step, "epoch": epoch, **plain}) + "\n")
        self._file.flush()
        if self._board is not None:
            for name, value in values.items():
                self._board.add_scalar(f"{kind}/{name}", value, step)


def read_journal(out: Path) -> list[dict[str, Any]]:
    """The lines of a run, in order; a last line that a crash cut short is left out."""
    path = out / METRICS
    found = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return found
