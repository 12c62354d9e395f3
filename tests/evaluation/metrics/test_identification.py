"""1:N error rates against brute force and known answers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.core.errors import InputError
from mien.evaluation.metrics.identification import (
    NEVER,
    Mates,
    best_scores,
    cmc,
    find_mates,
    missed,
    open_set_curve,
)


def test_known_ranks_with_ties_against_the_mate() -> None:
    scores = np.array([[0.9, 0.8, 0.1], [0.9, 0.8, 0.1], [0.5, 0.5, 0.5]])
    assert find_mates(scores, np.array([0, 2, 1])).rank.tolist() == [1, 3, 3]


def test_somebody_who_could_not_be_enrolled_or_found_never_ranks() -> None:
    scores = np.array([[0.9, 0.8], [-np.inf, -np.inf]])
    found = find_mates(scores, np.array([-1, 0]))
    assert found.rank.tolist() == [NEVER, NEVER]
    assert np.isneginf(found.score).all()
    assert cmc(found.rank, 2).tolist() == [0, 0]


def test_cmc_equals_top_k_accuracy_of_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    scores, mate = rng.normal(size=(200, 12)), rng.integers(0, 12, 200)
    curve = cmc(find_mates(scores, mate).rank, 12)
    for k in (1, 2, 5, 11):
        assert curve[k - 1] == pytest.approx(
            metrics.top_k_accuracy_score(mate, scores, k=k, labels=range(12))
        )


@given(st.integers(0, 10_000))
def test_the_open_set_curve_is_what_counting_gives(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 6, size=(15, 4)) / 5
    mates = find_mates(scores, rng.integers(0, 4, 15))
    strangers = best_scores(rng.integers(0, 6, size=(9, 4)) / 5)
    curve = open_set_curve(mates, strangers)
    for t, fpir, fnir in zip(*curve, strict=True):
        assert fpir == pytest.approx(np.mean(strangers >= t))
        assert fnir == pytest.approx(np.mean(missed(mates, t)))


def test_a_mate_below_the_wanted_rank_is_missed_at_any_threshold() -> None:
    curve = open_set_curve(Mates(np.array([0.9, 0.8]), np.array([1, 2])), [0.1])
    assert curve.fnir.min() == 0.5


def test_one_mate_a_row_is_wanted() -> None:
    with pytest.raises(InputError, match="one mate a row"):
        find_mates(np.zeros((3, 2)), np.array([0, 1]))
