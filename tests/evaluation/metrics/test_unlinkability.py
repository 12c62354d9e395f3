"""D_sys of distributions whose linkability is known."""

from __future__ import annotations

from math import erf, sqrt

import numpy as np
import pytest

from mien.core.errors import InputError
from mien.evaluation.metrics.unlinkability import d_sys


def test_equal_distributions_cannot_be_linked_beyond_chance() -> None:
    rng = np.random.default_rng(0)
    assert d_sys(rng.normal(size=50_000), rng.normal(size=50_000)) < 0.01


def test_separate_distributions_are_linked_for_certain() -> None:
    assert d_sys(np.full(10, 0.8), np.linspace(0, 0.5, 10)) == 1.0


def test_half_linkable_scores_are_linked_by_half() -> None:
    """Half of the mated scores look like strangers' of equal density, half lie where no stranger does."""
    rng = np.random.default_rng(0)
    mated = np.r_[rng.uniform(0, 1, 50_000), rng.uniform(3, 4, 50_000)]
    assert d_sys(mated, rng.uniform(0, 1, 100_000)) == pytest.approx(0.5, abs=0.01)


def test_two_normal_distributions_give_the_integral_of_the_definition() -> None:
    rng = np.random.default_rng(0)
    mated, other = rng.normal(1, 1, 400_000), rng.normal(-1, 1, 400_000)
    grid = np.linspace(-6, 6, 20_001)
    p, q = (np.exp(-((grid - mean) ** 2) / 2) / sqrt(2 * np.pi) for mean in (1, -1))
    wanted = float((np.maximum((p - q) / (p + q), 0) * p).sum() * (grid[1] - grid[0]))
    assert 0.5 < wanted < erf(1)
    assert d_sys(mated, other, bins=200) == pytest.approx(wanted, abs=0.01)


def test_scores_must_be_there_and_finite() -> None:
    for mated in ([], [np.nan]):
        with pytest.raises(InputError, match="both kinds"):
            d_sys(mated, [0.1])
