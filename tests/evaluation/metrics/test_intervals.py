"""Intervals cover what they promise and agree with SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from mien.core.errors import InputError
from mien.evaluation.metrics.intervals import clopper_pearson, rule_of_three, subject_bootstrap


@pytest.mark.parametrize(
    ("errors", "trials"),
    [(0, 1), (1, 1), (0, 10), (1, 10), (5, 10), (10, 10), (3, 30_000), (8_400, 84_000_000), (2_999, 3_000)],
)
def test_agrees_with_the_beta_quantiles_of_scipy(errors: int, trials: int) -> None:
    low, high = clopper_pearson(errors, trials)
    assert low == pytest.approx(0 if errors == 0 else beta.ppf(0.025, errors, trials - errors + 1), rel=1e-6)
    assert high == pytest.approx(
        1 if errors == trials else beta.ppf(0.975, errors + 1, trials - errors), rel=1e-6
    )


@given(st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_holds_the_measured_rate_and_mirrors(count: tuple[int, int]) -> None:
    errors, trials = count
    low, high = clopper_pearson(errors, trials)
    assert 0 <= low <= errors / trials <= high <= 1
    mirrored = clopper_pearson(trials - errors, trials)
    assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx((low, high), abs=1e-9)


def test_covers_the_true_rate_at_least_as_often_as_promised() -> None:
    rng = np.random.default_rng(0)
    counts = rng.binomial(200, 0.03, size=2000)
    held = [low <= 0.03 <= high for low, high in map(lambda k: clopper_pearson(int(k), 200), counts)]
    assert np.mean(held) >= 0.95


def test_a_false_match_rate_of_one_in_ten_thousand_takes_thirty_thousand_trials() -> None:
    assert rule_of_three(30_000) == pytest.approx(1e-4)
    assert clopper_pearson(0, 30_000, confidence=0.90).high == pytest.approx(1e-4, rel=0.01)


def test_says_what_a_count_is() -> None:
    with pytest.raises(InputError, match="errors <= trials"):
        clopper_pearson(3, 2)
    with pytest.raises(InputError, match="at least one"):
        rule_of_three(0)


def people_with_their_own_luck(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """60 people, two pictures each; some people are hard to recognise, in all of their pairs."""
    ease = rng.normal(0, 1, 60)
    genuine = [(ease[i] + rng.normal(0, 0.1), True, i, i) for i in range(60) for _ in range(10)]
    impostor = [(-3.0, False, i, (i + 1) % 60) for i in range(60)]
    scores, same, a, b = zip(*genuine, *impostor, strict=True)
    return np.array(scores), np.array(same), np.array([a, b]).T


def test_the_bootstrap_by_person_is_wider_than_one_that_takes_pairs_for_independent() -> None:
    scores, same, subjects = people_with_their_own_luck(np.random.default_rng(3))
    low, high = subject_bootstrap(lambda s, m: float(np.mean(s[m] >= 0)), scores, same, subjects, seed=1)
    rate = float(np.mean(scores[same] >= 0))
    naive = clopper_pearson(int((scores[same] >= 0).sum()), int(same.sum()))
    assert low < rate < high
    assert high - low > 1.5 * (naive.high - naive.low)


def test_the_bootstrap_repeats_with_its_seed() -> None:
    scores, same, subjects = people_with_their_own_luck(np.random.default_rng(3))
    bounds = [
        subject_bootstrap(lambda s, m: float(s[m].mean()), scores, same, subjects, rounds=20, seed=seed)
        for seed in (5, 5, 6)
    ]
    assert bounds[0] == bounds[1] != bounds[2]


def test_the_bootstrap_refuses_pairs_of_one_kind() -> None:
    with pytest.raises(InputError, match="impostor pairs"):
        subject_bootstrap(lambda s, m: 0.0, np.zeros(3), np.ones(3, bool), np.array([[0, 0], [1, 1], [2, 2]]))


def test_a_pair_counts_as_often_as_both_its_people_were_drawn() -> None:
    first, second = np.triu_indices(5)  # one pair of everybody with themselves, and all pairs of two
    drawn = np.bincount(np.random.default_rng(3).integers(5, size=5), minlength=5)
    wanted = np.repeat(
        np.arange(15.0),
        [drawn[a] if a == b else drawn[a] * drawn[b] for a, b in zip(first, second, strict=True)],
    )

    def total(scores: np.ndarray, same: np.ndarray) -> float:
        return float(scores.sum() + 1000 * same.sum())

    people = np.stack([first, second], axis=1)
    found = subject_bootstrap(total, np.arange(15.0), first == second, people, rounds=1, seed=3)
    assert found.low == found.high == wanted.sum() + 1000 * drawn.sum()
