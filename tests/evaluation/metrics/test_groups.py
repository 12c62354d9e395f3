"""Rates by group at one threshold."""

from __future__ import annotations

import numpy as np
import pytest

from mien.core.errors import InputError
from mien.evaluation.metrics.groups import match_rate_by_group
from mien.evaluation.metrics.intervals import clopper_pearson


def test_counts_each_group_at_the_one_threshold() -> None:
    b, a = match_rate_by_group([0.9, 0.1, 0.5, 0.4], ["w", "w", "b", "w"], threshold=0.5, target=0.1)
    assert (a.group, a.pairs, a.matches) == ("w", 3, 1)
    assert a.rate == pytest.approx(1 / 3)
    assert (b.group, b.pairs, b.matches, b.rate) == ("b", 1, 1, 1.0)
    assert a.interval == clopper_pearson(1, 3)


def test_says_which_groups_are_too_small_for_the_target() -> None:
    groups = ["big"] * 3000 + ["small"] * 2999
    big, small = match_rate_by_group(np.zeros(5999), groups, threshold=0.5, target=1e-3)
    assert big.enough
    assert not small.enough


def test_finds_a_planted_bias_of_five_and_none_where_there_is_none() -> None:
    rng = np.random.default_rng(0)
    groups = ["a"] * 20_000 + ["b"] * 20_000
    fair = (rng.random(40_000) < 0.01).astype(float)
    biased = np.r_[fair[:20_000], rng.random(20_000) < 0.05]
    a, b = match_rate_by_group(fair, groups, 0.5, 0.01)
    assert a.interval.low < b.rate < a.interval.high
    a, b = match_rate_by_group(biased, groups, 0.5, 0.01)
    assert b.interval.low > 3 * a.interval.high


def test_every_score_needs_its_group() -> None:
    with pytest.raises(InputError, match="2 scores need as many group names"):
        match_rate_by_group([0.1, 0.2], ["a"], 0.5, 0.1)
