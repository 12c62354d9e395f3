"""The fairness report finds a planted difference and leaves a fair matcher alone."""

from __future__ import annotations

import numpy as np
import pytest

from mien.evaluation.metrics.fairness import (
    Cell,
    design_effect,
    gini,
    hypergeometric_tail,
    judge_groups,
    spread,
)

TARGET = 0.001
TRIALS = (4000, 40_000, 9000, 20_000, 60_000)


def flags(rates: list[float], rng: np.random.Generator) -> list[bool]:
    counts = rng.binomial(TRIALS, rates)
    cells = [Cell(str(i), n, int(k)) for i, (n, k) in enumerate(zip(TRIALS, counts, strict=True))]
    return [verdict.flagged for verdict in judge_groups(cells, TARGET, kinds=2)]


@pytest.mark.parametrize("rounds", [1000, pytest.param(10_000, marks=pytest.mark.long)])
def test_a_fair_matcher_is_flagged_at_most_once_in_twenty(rounds: int) -> None:
    rng = np.random.default_rng(0)
    alarms = sum(any(flags([TARGET] * 5, rng)) for _ in range(rounds))
    assert alarms / rounds <= 0.05


def test_a_planted_fivefold_rate_is_flagged_in_its_group_alone() -> None:
    rng = np.random.default_rng(1)
    rounds = 200
    found = [flags([TARGET, TARGET, 5 * TARGET, TARGET, TARGET], rng) for _ in range(rounds)]
    assert np.mean([row[2] for row in found]) > 0.99
    assert np.mean([any(row[:2] + row[3:]) for row in found]) <= 0.05


def with_people(rng: np.random.Generator, people: int, factor: float) -> Cell:
    """All pairs of a group whose people differ in how often strangers resemble them."""
    wolf = rng.gamma(2, 0.5, people)
    first, second = np.triu_indices(people, 1)
    errors = rng.random(len(first)) < np.minimum(0.004 * factor * wolf[first] * wolf[second], 1)
    effect = design_effect(errors, np.stack([first, second], axis=1))
    return Cell(str(people), len(first), int(errors.sum()), effect)


def test_people_who_resemble_everybody_raise_no_false_alarm_but_bias_does() -> None:
    rng = np.random.default_rng(2)
    sizes = (80, 120, 100, 90)
    fair = [
        any(v.flagged for v in judge_groups([with_people(rng, n, 1) for n in sizes], 0.004, kinds=2))
        for _ in range(300)
    ]
    assert np.mean(fair) <= 0.05
    biased = [
        judge_groups([with_people(rng, n, 5 if i == 2 else 1) for i, n in enumerate(sizes)], 0.004, kinds=2)[
            2
        ]
        for _ in range(50)
    ]
    assert np.mean([verdict.flagged for verdict in biased]) > 0.9


def test_a_group_with_too_few_trials_is_not_judged() -> None:
    verdicts = judge_groups([Cell("a", 100_000, 100), Cell("b", 2999, 4)], TARGET)
    assert [verdict.enough for verdict in verdicts] == [True, False]
    assert not any(verdict.flagged for verdict in verdicts)
    assert spread(verdicts) is None


def test_a_small_group_with_a_glaring_rate_is_not_too_few() -> None:
    verdicts = judge_groups([Cell("a", 100_000, 100), Cell("b", 1000, 400)], TARGET)
    assert [verdict.flagged for verdict in verdicts] == [False, True]


def test_a_very_bad_group_does_not_hide_a_bad_one() -> None:
    counts = {"a": 100, "b": 110, "bad": 500, "very bad": 40_000}
    verdicts = judge_groups([Cell(name, 100_000, errors) for name, errors in counts.items()], TARGET)
    assert [verdict.flagged for verdict in verdicts] == [False, False, True, True]


def test_a_difference_too_small_to_matter_is_not_flagged() -> None:
    cells = [Cell("a", 10**9, 10**6), Cell("b", 10**9, int(1.2 * 10**6))]
    assert [verdict.flagged for verdict in judge_groups(cells, TARGET)] == [False, False]


def test_spread_of_known_rates() -> None:
    found = spread(
        judge_groups([Cell("a", 10**5, 100), Cell("b", 10**5, 400), Cell("c", 10**5, 200)], TARGET)
    )
    assert found is not None
    assert found.ratio == pytest.approx(4)
    assert found.over_mean == pytest.approx(2)
    # Mean difference of 1, 2, 4 (in units): 3/2 * (2 * (1 + 3 + 2)) / (2 * 9 * 7/3).
    assert found.gini == pytest.approx(1.5 * 12 / 42)
    assert gini(np.array([0.0, 0.0])) == 0


def test_the_tail_is_scipys() -> None:
    stats = pytest.importorskip("scipy.stats")
    for seen, drawn, marked, total in (
        (3, 10, 12, 100),
        (40, 5000, 100, 20_000),
        (0, 5, 5, 10),
        (9, 9, 9, 9),
    ):
        wanted = stats.hypergeom.sf(seen - 1, total, marked, drawn)
        assert hypergeometric_tail(seen, drawn, marked, total) == pytest.approx(wanted, rel=1e-8)


def test_repeating_every_trial_of_a_person_doubles_the_variance() -> None:
    rng = np.random.default_rng(0)
    errors = rng.random(4000) < 0.1
    people = np.arange(4000)
    assert design_effect(errors, people) == pytest.approx(1, abs=0.01)
    assert design_effect(np.tile(errors, 2), np.tile(people, 2)) == pytest.approx(2, rel=0.01)


def test_two_people_who_are_compared_twice_are_one_trial_and_not_three() -> None:
    errors = np.random.default_rng(0).random(2000) < 0.2
    couples = np.arange(4000).reshape(2000, 2)
    assert design_effect(errors, couples) == pytest.approx(1, abs=0.01)
    swapped = np.concatenate([couples, couples[:, ::-1]])
    assert design_effect(np.tile(errors, 2), swapped) == pytest.approx(2, rel=0.01)
