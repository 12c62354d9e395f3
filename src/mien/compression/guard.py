"""Is the compressed model an improvement? Said from measurements, and refused where it is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mien.compression.accuracy import AccuracyChange
from mien.compression.speed import SpeedChange
from mien.core.errors import InputError, NotAnImprovement

DEFAULT_BUDGET = 0.01
ALIKE = 0.03  # a difference of time or size below this share is none


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two networks side by side; sizes in bytes of their files."""

    accuracy: AccuracyChange
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

    budget: the TMR that may be lost, as a share.
    Slower or faster is what the whole interval says: noise is neither.
    """
    check_budget(budget)
    reasons = []
    lost, speed = found.accuracy.lost, found.speed
    if lost > budget:
        reasons.append(
            f"it loses {100 * lost:.1f} points of TMR at FMR {found.accuracy.fmr:g}, and the budget is "
            f"{100 * budget:.1f}"
        )
    if speed.interval.low > 1 + ALIKE:
        reasons.append(f"it is slower: {speed.ratio:.2f} × the time")
    if found.size_ratio > 1 - ALIKE and speed.interval.high > 1 - ALIKE:
        reasons.append("it is neither smaller nor surely faster")
    return Verdict(budget, tuple(reasons))


def check_budget(budget: float) -> None:
    """Raise InputError unless ``budget`` is a share of TMR."""
    if not 0 <= budget <= 1:
        raise InputError(f"a budget is a share of TMR from 0 to 1, not {budget}: 0.01 is one point")


def refusal(verdict: Verdict, name: str, kept: Path) -> NotAnImprovement:
    """The error that says why, and where the model lies; for a verdict that is no improvement."""
    return NotAnImprovement(
        f"{name} is not an improvement: {'; '.join(verdict.reasons)}; it is kept aside in {kept}, change the "
        "options or the budget"
    )


def table_rows(found: Comparison) -> Sequence[tuple[str, str, str, str]]:
    """Measure, before, after, change: the table that every compression ends with."""
    accuracy, speed = found.accuracy, found.speed
    low, high = (100 * end for end in accuracy.interval)
    faster = 1 / speed.ratio
    fastest, slowest = (1 / end for end in speed.interval)
    return [
        (
            f"TMR at FMR {accuracy.fmr:g}",
            f"{100 * accuracy.before.tmr:.2f} %",
            f"{100 * accuracy.after.tmr:.2f} %",
            f"{-100 * accuracy.lost:+.2f} points ({-high:+.2f} … {-low:+.2f})",
        ),
        _row("EER", accuracy.before.eer, accuracy.after.eer),
        ("AUC", f"{accuracy.before.auc:.5f}", f"{accuracy.after.auc:.5f}", ""),
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


def _row(name: str, before: float, after: float) -> tuple[str, str, str, str]:
    return name, f"{100 * before:.2f} %", f"{100 * after:.2f} %", f"{100 * (after - before):+.2f} points"
