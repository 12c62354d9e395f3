"""Error rates by group of people at one threshold for all (ISO/IEC 19795-10)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mien.core.errors import InputError
from mien.evaluation.metrics.intervals import Interval, clopper_pearson
from mien.evaluation.metrics.verification import checked_scores


@dataclass(frozen=True, slots=True)
class GroupRate:
    """Share of a group's pairs that match.

    matches: pairs at or above the threshold.    interval: Clopper-Pearson, 95 %.
    enough: False where fewer than 3 / target pairs were seen: too few to say anything about the target.
    """

    group: str
    pairs: int
    matches: int
    rate: float
    interval: Interval
    enough: bool


def match_rate_by_group(
    scores: ArrayLike, groups: Sequence[str] | NDArray[np.str_], threshold: float, target: float
) -> tuple[GroupRate, ...]:
    """Measure the share of pairs at or above ``threshold`` in every group, groups in alphabetical order.

    scores: (N,) of impostor pairs for FMR, of genuine pairs for TMR.    groups: N names.
    target: the rate that the threshold stands for.
    """
    values = checked_scores(scores, "listed")
    if len(groups) != len(values):
        raise InputError(f"{len(values)} scores need as many group names, not {len(groups)}")
    names, place = np.unique(np.asarray(groups), return_inverse=True)
    pairs = np.bincount(place, minlength=len(names))
    matches = np.bincount(place[values >= threshold], minlength=len(names))
    return tuple(
        GroupRate(
            str(name), int(n), int(k), float(k / n), clopper_pearson(int(k), int(n)), bool(n * target >= 3)
        )
        for name, n, k in zip(names, pairs, matches, strict=True)
    )
