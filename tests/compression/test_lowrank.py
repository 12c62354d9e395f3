"""Thin layers: exact at full rank, worse by what is thrown away, as good as least squares can make them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mien.compression.lowrank import (
    channel_basis,
    channel_covariance,
    corrected,
    corrected_by,
    halved,
    moments,
    principal,
    residuals,
    squared_error,
    summed,
)

Rows = NDArray[np.float64]


def flow(seed: int = 0, count: int = 400) -> tuple[Rows, Rows, Rows]:
    """Inputs that vary more in some directions, a layer's weights, and its answers."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, 12)) * np.geomspace(3, 0.05, 12) + rng.normal(size=12)
    weight = rng.normal(size=(10, 12))
    return x, weight, x @ weight.T + rng.normal(size=10)


@pytest.mark.parametrize("seed", range(3))
def test_all_components_answer_exactly(seed: int) -> None:
    x, weight, y = flow(seed)
    pair = halved(weight, moments(x, y), 10)
    np.testing.assert_allclose(x @ pair.down.T @ pair.up.T + pair.bias, y, atol=1e-9)


def test_the_error_falls_with_the_rank_as_the_eigenvalues_say() -> None:
    x, weight, y = flow()
    seen = moments(x, y)
    lost = residuals(principal(np.cov(y.T, bias=True))[0])
    errors = [
        squared_error((pair := halved(weight, seen, rank)).up @ pair.down, seen) for rank in range(1, 11)
    ]
    np.testing.assert_allclose(errors, lost[1:], atol=1e-9)
    assert np.all(np.diff(lost) <= 0)


def test_no_other_pair_of_the_same_rank_answers_better() -> None:
    x, weight, y = flow()
    seen = moments(x, y)
    best = halved(weight, seen, 3)
    rng = np.random.default_rng(1)
    for _ in range(50):
        up, down = best.up + rng.normal(0, 0.05, (10, 3)), best.down + rng.normal(0, 0.05, (3, 12))
        assert squared_error(up @ down, seen) >= squared_error(best.up @ best.down, seen)


@given(st.integers(0, 100))
def test_where_nothing_changed_nothing_is_corrected(seed: int) -> None:
    x, weight, y = flow(seed, 80)
    parts = [moments(x[:60], y[:60]), moments(x[60:], y[60:])]
    np.testing.assert_allclose(corrected(weight, parts).weight, weight, atol=1e-8)
    np.testing.assert_allclose(corrected_by(weight, x, y).weight, weight, atol=1e-8)


def test_a_correction_makes_good_what_earlier_layers_did_to_the_input() -> None:
    x, weight, y = flow(count=2000)
    twisted = x @ (np.eye(12) + np.random.default_rng(2).normal(0, 0.1, (12, 12)))
    parts = [moments(twisted[i::4], y[i::4]) for i in range(4)]
    before = squared_error(weight, summed(parts))
    after = corrected(weight, parts)
    assert squared_error(after.weight, summed(parts)) < before / 1000
    np.testing.assert_allclose((twisted @ after.weight.T + after.bias).mean(0), y.mean(0), atol=1e-8)


def test_both_ways_to_solve_agree_where_both_can() -> None:
    x, weight, y = flow()
    twisted = x + np.random.default_rng(3).normal(0, 0.1, x.shape)
    first = corrected(weight, [moments(twisted[:300], y[:300]), moments(twisted[300:], y[300:])])
    second = corrected_by(weight, twisted, y)
    np.testing.assert_allclose(first.weight, second.weight, atol=1e-6)
    np.testing.assert_allclose(first.bias, second.bias, atol=1e-6)


def test_a_correction_that_only_fits_noise_is_not_taken() -> None:
    x, weight, y = flow(count=16)
    noisy = y + np.random.default_rng(4).normal(0, 5, y.shape)
    test_x, test_weight, _ = flow(count=500)
    found = corrected_by(weight, x, noisy).weight
    assert np.abs(test_x @ (found - test_weight).T).std() < 5


def test_channels_that_matter_come_first_and_all_of_them_are_exact() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 6, 4)) * np.array([5, 1, 1, 1, 0.1, 3])[None, :, None]
    weight = rng.normal(size=(7, 6, 4))
    weight[:, 5] = 0  # loud, but not listened to
    values, down, lift = channel_basis(weight, channel_covariance(x))
    np.testing.assert_allclose(lift @ down, np.eye(6), atol=1e-8)
    assert values[-1] == pytest.approx(0, abs=1e-8)
    kept = np.einsum("cr,rd,ndp->ncp", lift[:, :5], down[:5], x)
    answer = np.einsum("ocp,ncp->no", weight, x)
    np.testing.assert_allclose(np.einsum("ocp,ncp->no", weight, kept), answer, atol=1e-8)
