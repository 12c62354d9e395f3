"""Whether one group of people fares worse than the others at one threshold for all.

ISO/IEC 19795-10:2024 asks for the rates of every group with their uncertainty; NISTIR 8429 (Grother 2022) and
Howard, Laird & Sirotin (ICPR-W 2022) compare measures of their spread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, lgamma, log

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError
from mien.evaluation.metrics.intervals import Interval, clopper_pearson

ALPHA = 0.05
WORSE = 1.25
"""A group may fare this much worse than all others together (NIST SP 800-63A-4: no more than 25 %)."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One kind of error in one group.

    trials, errors: comparisons and wrong ones.
    design: how many times wider than binomial the variance is, because a person is in many comparisons.
    """

    group: str
    trials: int
    errors: int
    design: float = 1.0

    @property
    def rate(self) -> float | None:
        return self.errors / self.trials if self.trials else None

    @property
    def interval(self) -> Interval | None:
        """95 %: Clopper-Pearson on the effective number of trials."""
        if not self.trials:
            return None
        trials = max(1, round(self.trials / self.design))
        return clopper_pearson(min(trials, round(self.errors / self.design)), trials)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A cell and what can be said about it.

    enough: at least 3 / target effective trials (rule of three), or a rate that is shown to be above the
        target (the lower end of its interval); else nothing is said: "too few".
    ratio: rate over the rate of all other groups that are not flagged before; None where those never err.
    p_value: that the group is no worse than the rest, adjusted for the number of groups (Holm).
    flagged: significantly worse than the rest, and by more than `WORSE`.
    """

    cell: Cell
    enough: bool
    ratio: float | None
    p_value: float
    flagged: bool


def judge_groups(cells: Sequence[Cell], target: float, kinds: int = 1) -> tuple[Verdict, ...]:
    """Compare every group with all others together; a group that is flagged leaves, and the rest is compared
    again, so that a very bad group does not make a bad one look good.

    target: the error rate that the threshold stands for.
    kinds: of errors that are judged side by side (FMR and FNMR are two), all to share the 5 %.
    """
    heard = [i for i, cell in enumerate(cells) if _says_something(cell, target)]
    found = {i: Verdict(cell, i in heard, None, 1.0, False) for i, cell in enumerate(cells)}
    left = list(heard)
    while True:
        compared = _one_pass(cells, left, kinds * len(cells))
        found.update(compared)
        flagged = {i for i, verdict in compared.items() if verdict.flagged}
        left = [i for i in left if i not in flagged]
        if not flagged or len(left) < 2:
            return tuple(found[i] for i in range(len(cells)))


def _one_pass(cells: Sequence[Cell], left: Sequence[int], tests: int) -> dict[int, Verdict]:
    """Compare each of the groups that are left with all others that are left."""
    rest = {i: [cells[j] for j in left if j != i] for i in left}
    adjusted = _holm({i: _worse_than(cells[i], rest[i]) for i in left}, tests)
    verdicts = {}
    for i in left:
        ratio = _ratio(cells[i], rest[i])
        flagged = adjusted[i] < ALPHA and (ratio is None or ratio > WORSE)
        verdicts[i] = Verdict(cells[i], True, ratio, adjusted[i], bool(flagged))
    return verdicts


@dataclass(frozen=True, slots=True)
class Spread:
    """How unequal the rates of groups with enough trials are; a rate of 0 counts as half an error.

    ratio: largest over smallest.    over_mean: largest over the geometric mean (NISTIR 8429).
    gini: 0 equal, 1 all errors in one group (GARBE's Gini, Howard et al. 2022, with n / (n - 1)).
    """

    groups: int
    ratio: float
    over_mean: float
    gini: float


def spread(verdicts: Sequence[Verdict]) -> Spread | None:
    """Measure the inequality; None with fewer than two groups that say something.

    >>> cells = [Cell("a", 10_000, 100), Cell("b", 10_000, 400)]
    >>> round(spread(judge_groups(cells, 0.01)).ratio, 2)
    4.0
    """
    cells = [verdict.cell for verdict in verdicts if verdict.enough]
    if len(cells) < 2:
        return None
    rates = np.array([max(cell.errors, 0.5) / cell.trials for cell in cells])
    mean = float(np.exp(np.log(rates).mean()))
    return Spread(len(cells), float(rates.max() / rates.min()), float(rates.max() / mean), gini(rates))


def gini(rates: NDArray[np.floating]) -> float:
    """
    >>> gini(np.array([1.0, 1.0])), gini(np.array([1.0, 0.0]))
    (0.0, 1.0)
    """
    n = len(rates)
    if n < 2 or rates.sum() == 0:
        return 0.0
    apart = np.abs(rates[:, None] - rates[None, :]).sum()
    return float(n / (n - 1) * apart / (2 * n**2 * rates.mean()))


def design_effect(errors: NDArray[np.bool_], people: NDArray[np.integer]) -> float:
    """How many times the variance of a rate exceeds that of independent trials, at least 1.

    errors: (N,).    people: (N,) one person a trial (genuine pairs), or (N, 2) two (impostor pairs).
    Variance of two-way clusters: Fafchamps & Gubert, J. Dev. Econ. 83 (2007), eq. 2.4.
    """
    n = len(errors)
    if people.shape[:1] != (n,) or people.ndim not in (1, 2):
        raise InputError(f"{n} trials need a person or two each, not {people.shape}")
    rate = float(errors.mean()) if n else 0.0
    if n == 0 or rate in (0.0, 1.0):
        return 1.0
    off = errors - rate
    _, place = np.unique(people, return_inverse=True)
    ends = place.reshape(n, -1)
    influence = np.zeros(int(place.max()) + 1)
    for column in ends.T:
        np.add.at(influence, column, off)
    own = rate * (1 - rate) * n
    variance = (influence**2).sum()
    if ends.shape[1] == 2:
        # Comparisons of the same two people meet at both ends, and would count twice.
        _, couple = np.unique(np.sort(ends, axis=1) @ (len(influence), 1), return_inverse=True)
        variance -= (np.bincount(couple, off) ** 2).sum()
    return max(1.0, float(variance / own))


def _says_something(cell: Cell, target: float) -> bool:
    interval = cell.interval
    return interval is not None and (cell.trials / cell.design * target >= 3 or interval.low > target)


def _worse_than(cell: Cell, rest: Sequence[Cell]) -> float:
    """One-sided Fisher's exact test on effective counts: how likely so many errors are if all are alike."""
    if not rest:
        return 1.0
    trials, errors = _effective([cell])
    others, other_errors = _effective(rest)
    return hypergeometric_tail(errors, trials, errors + other_errors, trials + others)


def _effective(cells: Sequence[Cell]) -> tuple[int, int]:
    # Dividing both counts by the design effect leaves the rate and widens its variance (Rao & Scott 1992).
    return sum(round(c.trials / c.design) for c in cells), sum(int(c.errors / c.design) for c in cells)


def hypergeometric_tail(seen: int, drawn: int, marked: int, total: int) -> float:
    """Chance of ``seen`` or more marked ones among ``drawn`` out of ``total``, of which ``marked`` are.

    >>> round(hypergeometric_tail(2, 2, 2, 4), 4)
    0.1667
    """
    most = min(drawn, marked)
    if seen <= max(0, drawn + marked - total):
        return 1.0
    first = _log_choose(marked, seen) + _log_choose(total - marked, drawn - seen) - _log_choose(total, drawn)
    term = total_p = 1.0
    for k in range(seen, most):
        term *= (marked - k) * (drawn - k) / ((k + 1) * (total - marked - drawn + k + 1))
        total_p += term
        if term < 1e-17 * total_p:
            break
    return min(1.0, exp(first + log(total_p)))


def _log_choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)


def _holm(raw: dict[int, float], tests: int) -> dict[int, float]:
    """Holm's correction; untested groups count too, since their numbers decided that they were not tested."""
    adjusted, reached = {}, 0.0
    for rank, i in enumerate(sorted(raw, key=lambda i: raw[i])):
        reached = max(reached, min(1.0, raw[i] * (tests - rank)))
        adjusted[i] = reached
    return adjusted


def _ratio(cell: Cell, rest: Sequence[Cell]) -> float | None:
    trials, errors = sum(c.trials for c in rest), sum(c.errors for c in rest)
    if not trials or not errors:
        return None
    return cell.errors / cell.trials / (errors / trials)
