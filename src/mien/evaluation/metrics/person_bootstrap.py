"""Intervals of means when a person has several trials: people are drawn, not trials."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mien.core.errors import InputError
from mien.evaluation.metrics.intervals import Interval, clopper_pearson


def rate_interval(
    errors: ArrayLike,
    people: NDArray[np.integer],
    *,
    rounds: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Interval:
    """Bound a share, by people drawn with replacement (Bolle, Ratha & Pankanti, CVIU 93, 2004).

    errors: (N,) bool.    people: (N,) number of the person of each trial.
    Never narrower than the exact binomial interval: a bootstrap of no errors at all would have no width.
    """
    values = np.asarray(errors, np.float64)
    low, high = mean_interval(values, people, rounds=rounds, seed=seed, confidence=confidence)
    exact = clopper_pearson(round(float(values.sum())), len(values), confidence)
    return Interval(min(low, exact.low), max(high, exact.high))


def mean_interval(
    values: ArrayLike,
    people: NDArray[np.integer],
    *,
    rounds: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Interval:
    """Bound a mean of numbers, by people drawn with replacement."""
    numbers = np.asarray(values, np.float64)
    if numbers.ndim != 1 or people.shape != numbers.shape or len(numbers) == 0:
        raise InputError(f"{numbers.shape} values need one person each, not {people.shape}")
    _, place = np.unique(people, return_inverse=True)
    sums, counts = np.bincount(place, numbers), np.bincount(place)
    rng = np.random.default_rng(seed)
    alike = np.full(len(sums), 1 / len(sums))
    # Round by round: all draws at once would take rounds x people whole numbers.
    draws = (rng.multinomial(len(sums), alike) for _ in range(rounds))
    means = [drawn @ sums / (drawn @ counts) for drawn in draws]
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(float(low), float(high))
