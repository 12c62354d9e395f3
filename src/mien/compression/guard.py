"""Is the compressed model an improvement? Said from measurements, and refused where it is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from mien.compression.accuracy import Row
from mien.compression.speed import SpeedChange
from mien.core.errors import InputError, NotAnImprovement
from mien.evaluation.metrics.intervals import Interval

DEFAULT_BUDGET = 0.01
ALIKE = 0.03  # a difference of time or size below this share is none


class Change(Protocol):
    """How well two networks do the same task.

    lost: by how much the second is worse, as a share; negative where it is better.    interval: 95 % of it.
    measure: what was measured, as the verdict names it.
    """

    @property
    def lost(self) -> float: ...

    @property
    def interval(self) -> Interval: ...

    @property
    def measure(self) -> str: ...

    def rows(self) -> list[Row]:
        """Measure, before, after, change: its part of the table."""

    def to_dict(self) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two networks side by side; sizes in bytes of their files."""

    accuracy: Change
    speed: SpeedChange
    size_before: int
    size_after: int

    @property
    def size_ratio(self) -> float:
        return self.size_after / self.size_before

    def to_dict(self) -> dict[str, Any]:
        return {
            "accuracy": self.accuracy.to_dict(),
            "size": {"before": self.size_before, "after": self.size_after, "ratio": self.size_ratio},
            "speed": self.speed.to_dict(),
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    """reasons: why it is no improvement; none if it is one."""

    budget: float
    reasons: tuple[str, ...] = field(default=())

    @property
    def improvement(self) -> bool:
        return not self.reasons

    def to_dict(self) -> dict[str, Any]:
        return {"improvement": self.improvement, "budget": self.budget, "reasons": list(self.reasons)}


def judge(found: Comparison, budget: float = DEFAULT_BUDGET) -> Verdict:
    """An improvement keeps the accuracy budget, is not slower, and is smaller or faster.

    budget: what may be lost of the measure (TMR, right answers …), as a share.
    Slower or faster is what the whole interval says: noise is neither.
    """
    check_budget(budget)
    reasons = []
    lost, speed = found.accuracy.lost, found.speed
    if lost > budget:
        reasons.append(
            f"it loses {100 * lost:.1f} points of {found.accuracy.measure}, and the budget is "
            f"{100 * budget:.1f}"
        )
    if speed.interval.low > 1 + ALIKE:
        reasons.append(f"it is slower: {speed.ratio:.2f} × the time")
    if found.size_ratio > 1 - ALIKE and speed.interval.high > 1 - ALIKE:
        reasons.append("it is neither smaller nor surely faster")
    return Verdict(budget, tuple(reasons))


def check_budget(budget: float) -> None:
    """Raise InputError unless ``budget`` is a share."""
    if not 0 <= budget <= 1:
        raise InputError(f"a budget is a share from 0 to 1, not {budget}: 0.01 is one point")


def refusal(verdict: Verdict, name: str, kept: Path) -> NotAnImprovement:
    """The error that says why, and where the model lies; for a verdict that is no improvement."""
    return NotAnImprovement(
        f"{name} is not an improvement: {'; '.join(verdict.reasons)}; it is kept aside in {kept}, change the "
        "options or the budget"
    )


def table_rows(found: Comparison) -> Sequence[Row]:
    """Measure, before, after, change: the table that every compression ends with."""
    speed = found.speed
    faster = 1 / speed.ratio
    fastest, slowest = (1 / end for end in speed.interval)
    return [
        *found.accuracy.rows(),
        (
            "file",
            f"{found.size_before / 1e6:.2f} MB",
            f"{found.size_after / 1e6:.2f} MB",
            f"{1 / found.size_ratio:.2f} × smaller",
        ),
        (
            "one crop",
            f"{speed.before_ms:.2f} ms",
            f"{speed.after_ms:.2f} ms",
            f"{faster:.2f} × as fast ({slowest:.2f} … {fastest:.2f})",
        ),
    ]
