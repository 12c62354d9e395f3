"""How sure a measured rate is: exact binomial intervals, the rule of three, resampling by person."""

from __future__ import annotations

from collections.abc import Callable
from math import exp, lgamma, log, log1p
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError


class Interval(NamedTuple):
    """A two-sided confidence interval, both ends included."""

    low: float
    high: float


def clopper_pearson(errors: int, trials: int, confidence: float = 0.95) -> Interval:
    """Bound a rate of which ``errors`` out of ``trials`` independent trials were seen (exact binomial).

    Clopper & Pearson, Biometrika 26 (1934): the ends are quantiles of beta distributions.

    >>> tuple(round(end, 4) for end in clopper_pearson(1, 10))
    (0.0025, 0.445)
    """
    if not 0 <= errors <= trials or trials < 1 or not 0 < confidence < 1:
        raise InputError(
            f"{errors} of {trials} at confidence {confidence} is no count: "
            "give 0 <= errors <= trials and 1 or more trials"
        )
    tail = (1 - confidence) / 2
    low = 0.0 if errors == 0 else _beta_quantile(tail, errors, trials - errors + 1)
    high = 1.0 if errors == trials else _beta_quantile(1 - tail, errors + 1, trials - errors)
    return Interval(low, high)


def rule_of_three(trials: int) -> float:
    """Bound at 95 % the rate of an event that was never seen in ``trials`` independent trials.

    >>> rule_of_three(30_000)
    0.0001
    """
    if trials < 1:
        raise InputError("no trials bound no rate: give at least one")
    return min(1.0, 3.0 / trials)


def subject_bootstrap(
    statistic: Callable[[NDArray[np.float64], NDArray[np.bool_]], float],
    scores: NDArray[np.float64],
    same: NDArray[np.bool_],
    subjects: NDArray[np.int64],
    *,
    rounds: int = 200,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Bound a statistic of dependent pairs by drawing people, not pairs, with replacement.

    scores: (N,).    same: (N,).    subjects: (N, 2) numbers of the two people of each pair.
    A pair counts as often as both its people were drawn (Bolle, Ratha & Pankanti, CVIU 93, 2004: pairs that
    share a person are no independent trials). A round without genuine or impostor pairs is drawn again.
    """
    if subjects.shape != (len(scores), 2) or len(same) != len(scores):
        raise InputError(f"subjects must name two people for each of the {len(scores)} scores")
    people, index = np.unique(subjects, return_inverse=True)
    index = index.reshape(subjects.shape)
    if len(people) < 3 or same.all() or not same.any():
        raise InputError(
            "a bootstrap by person needs three people, genuine pairs and impostor pairs: add some"
        )
    rng = np.random.default_rng(seed)
    values: list[float] = []
    while len(values) < rounds:
        drawn = np.bincount(rng.integers(len(people), size=len(people)), minlength=len(people))
        first, second = drawn[index[:, 0]], drawn[index[:, 1]]
        times = np.where(index[:, 0] == index[:, 1], first, first * second)
        if times[same].any() and times[~same].any():
            values.append(statistic(np.repeat(scores, times), np.repeat(same, times)))
    tail = (1 - confidence) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return Interval(float(low), float(high))


def _beta_quantile(probability: float, a: float, b: float) -> float:
    """Invert the regularised incomplete beta function by bisection, to a relative 1e-12."""
    low, high = 0.0, 1.0
    guess = a / (a + b)
    for _ in range(200):
        if _beta_cdf(guess, a, b) < probability:
            low = guess
        else:
            high = guess
        if high - low <= 1e-12 * high:
            break
        # Small rates span decades: halve the ratio while the bracket is wide.
        guess = (low * high) ** 0.5 if 0 < low < high / 4 else (low + high) / 2
    return (low + high) / 2


def _beta_cdf(x: float, a: float, b: float) -> float:
    """Compute the regularised incomplete beta function I_x(a, b) (DLMF 8.17.22, 8.17.4)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - _beta_cdf_below_mean(1 - x, b, a, log1p(-x), log(x))
    return _beta_cdf_below_mean(x, a, b, log(x), log1p(-x))


def _beta_cdf_below_mean(x: float, a: float, b: float, log_x: float, log_1_x: float) -> float:
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log_x + b * log_1_x) / a
    # Lentz's method on the continued fraction of DLMF 8.17.22.
    c, d, fraction = 1.0, 0.0, 1.0
    for i in range(100_000):
        m = i // 2
        if i == 0:
            term = 1.0
        elif i % 2 == 0:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        else:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d = 1 / ((1 + term * d) or 1e-300)
        c = (1 + term / c) or 1e-300
        fraction *= c * d
        if abs(c * d - 1) < 1e-14:
            break
    return front * (fraction - 1)
