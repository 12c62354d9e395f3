"""Landmark errors against known answers and numerical integration."""

from __future__ import annotations

import numpy as np
import pytest

from mien.core.errors import InputError, ShapeError
from mien.evaluation.metrics.landmarks import area_under_errors, cumulative_errors, failure_rate, point_errors


def test_a_known_shift_is_a_known_share_of_the_face() -> None:
    truth = np.random.default_rng(0).uniform(0, 100, (3, 68, 2))
    errors = point_errors(truth + np.array([3, 4]), truth, [50, 100, 25])
    np.testing.assert_allclose(errors.mean(axis=1), [0.1, 0.05, 0.2])


def test_the_area_is_the_integral_of_the_curve() -> None:
    integrate = pytest.importorskip("scipy.integrate")
    errors = np.append(np.random.default_rng(0).gamma(3, 0.015, 400), [np.inf] * 7)
    grid = np.linspace(0, 0.08, 200_001)
    share = np.searchsorted(np.sort(errors), grid, side="right") / len(errors)
    assert area_under_errors(errors, 0.08) == pytest.approx(integrate.trapezoid(share, grid) / 0.08, abs=1e-5)


def test_a_face_that_was_not_found_is_a_failure_and_never_reached() -> None:
    errors = [0.01, 0.09, np.inf, np.inf]
    assert failure_rate(errors, 0.08) == 0.75
    assert cumulative_errors(errors).share.tolist() == [0.25, 0.5]


def test_says_what_it_wanted() -> None:
    with pytest.raises(ShapeError, match=r"\(N, K, 2\)"):
        point_errors(np.zeros((2, 3)), np.zeros((2, 3)), [1, 1])
    with pytest.raises(InputError, match="size above 0"):
        point_errors(np.zeros((1, 3, 2)), np.zeros((1, 3, 2)), [0])
    with pytest.raises(InputError, match="limit"):
        failure_rate([0.1], 0)
