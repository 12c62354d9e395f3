"""Intervals by person: as wide as a textbook says, and wider where people repeat."""

from __future__ import annotations

import numpy as np
import pytest

from mien.evaluation.metrics.person_bootstrap import mean_interval, rate_interval


def test_independent_values_have_the_normal_interval() -> None:
    values = np.random.default_rng(0).normal(5, 2, 2000)
    low, high = mean_interval(values, np.arange(2000))
    half = 1.96 * values.std() / np.sqrt(2000)
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.1 * half)


def test_trials_that_repeat_a_person_tell_nothing_new() -> None:
    values = np.random.default_rng(0).normal(5, 2, 300)
    once, often = (mean_interval(np.repeat(values, n), np.repeat(np.arange(300), n)) for n in (1, 10))
    assert often.high - often.low == pytest.approx(once.high - once.low, rel=1e-9)


def test_no_errors_at_all_still_have_a_bound() -> None:
    assert rate_interval(np.zeros(100, bool), np.arange(100)).high == pytest.approx(0.0362, abs=1e-4)


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    covered = []
    for _ in range(200):
        people = np.repeat(np.arange(60), 5)
        chance = np.repeat(rng.beta(2, 6, 60), 5)
        low, high = rate_interval(rng.random(300) < chance, people, rounds=300)
        covered.append(low <= 0.25 <= high)
    assert np.mean(covered) >= 0.9
