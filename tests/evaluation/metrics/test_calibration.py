"""Costs of likelihood ratios and gaps of probabilities, against known answers and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from mien.core.errors import InputError
from mien.evaluation.metrics.calibration import cllr, cllr_min, expected_calibration_error, isotonic


def gaussian_scores(seed: int = 0, count: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Scores whose true log-likelihood ratio is the score itself: N(2, 4) against N(-2, 4)."""
    rng = np.random.default_rng(seed)
    return rng.normal(2, 2, count), rng.normal(-2, 2, count)


def test_ratios_that_say_nothing_cost_one_bit() -> None:
    assert cllr(np.zeros(5), np.zeros(7)) == 1


def test_perfect_ratios_cost_nothing() -> None:
    assert cllr([100.0, 200.0], [-100.0]) == pytest.approx(0, abs=1e-12)


def test_true_ratios_cost_the_least() -> None:
    genuine, impostor = gaussian_scores()
    assert cllr(genuine, impostor) == pytest.approx(cllr_min(genuine, impostor), abs=0.005)
    for slope, shift in ((2.0, 0.0), (0.5, 0.0), (1.0, 1.0), (1.0, -1.0)):
        assert cllr(genuine * slope + shift, impostor * slope + shift) > cllr(genuine, impostor) + 0.01


def test_the_least_cost_ignores_monotone_changes() -> None:
    genuine, impostor = gaussian_scores(count=300)
    assert cllr_min(np.tanh(genuine), np.tanh(impostor)) == pytest.approx(cllr_min(genuine, impostor))


def test_the_least_cost_of_separable_scores_is_nothing() -> None:
    assert cllr_min([0.8, 0.9], [0.1, 0.2]) == 0


@given(st.integers(0, 1000), st.integers(1, 60))
def test_isotonic_regression_agrees_with_scikit_learn(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    scores, targets = rng.integers(0, 12, count).astype(float), rng.normal(size=count)
    weights = rng.uniform(0.1, 2, count)
    reference = IsotonicRegression().fit(scores, targets, weights).predict(scores)
    np.testing.assert_allclose(isotonic(scores, targets, weights), reference, atol=1e-9)


def test_the_calibration_error_is_the_gap_between_promise_and_outcome() -> None:
    promised = np.repeat([0.1, 0.9], 100)
    outcome = np.r_[np.arange(100) < 10, np.arange(100) < 90]
    assert expected_calibration_error(promised, outcome) == pytest.approx(0)
    assert expected_calibration_error(promised, ~outcome) == pytest.approx(0.8)
    assert expected_calibration_error(np.ones(10), np.ones(10, bool)) == 0


def test_refuses_what_is_no_probability() -> None:
    with pytest.raises(InputError, match="between 0 and 1"):
        expected_calibration_error([1.5], [True])
    with pytest.raises(InputError, match="one each"):
        expected_calibration_error([0.5, 0.5], [True])
