"""A training run as people see it: steps with the loss and the time left, a line a validation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mien.cli.output import warn

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Watch:
    """Moves a progress bar; each validation is a line on stderr, unless ``quiet``."""

    def __init__(self, bar: Progress, task: TaskID, quiet: bool) -> None:
        self._bar, self._task, self._quiet = bar, task, quiet

    def acquired(self, done: int, total: int) -> None:
        self._bar.update(self._task, completed=done, total=total, description="finding faces")

    def stepped(self, step: int, total: int, loss: float) -> None:
        self._bar.update(self._task, completed=step, total=total, description=f"training, loss {loss:.4f}")

    def validated(self, epoch: int, metrics: Mapping[str, float], better: bool) -> None:
        if not self._quiet:
            figures = ", ".join(f"{name} {value:.4f}" for name, value in metrics.items())
            warn(f"epoch {epoch}: {figures}{' (best so far)' if better else ''}")
