"""Attack detection errors by counting."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.evaluation.metrics.liveness import (
    apcer,
    bpcer,
    threshold_at_apcer,
    threshold_at_bpcer,
    threshold_at_eer,
    worst_species,
)

SCORES = st.lists(st.integers(0, 20).map(lambda k: k / 20), min_size=1, max_size=30)


def test_the_result_is_that_of_the_worst_species_not_the_mean() -> None:
    attacks = {"print": [0.1] * 99 + [0.9], "screen": [0.9, 0.1]}
    assert worst_species(attacks, 0.5) == ("screen", 0.5)


def test_a_presentation_without_an_answer_is_refused() -> None:
    assert apcer([-np.inf, 0.9], 0.5) == 0.5
    assert bpcer([-np.inf, 0.9], 0.5) == 0.5


@given(SCORES, st.integers(0, 10).map(lambda k: k / 10))
def test_the_threshold_for_bpcer_is_the_largest_that_keeps_it(scores: list[float], rate: float) -> None:
    threshold = threshold_at_bpcer(scores, rate)
    assert bpcer(scores, threshold) <= rate + 1e-12
    if np.isfinite(threshold):
        assert bpcer(scores, np.nextafter(threshold, np.inf)) > rate - 1e-12


def test_where_too_many_got_no_answer_the_threshold_still_takes_none_of_them_for_alive() -> None:
    threshold = threshold_at_bpcer([-np.inf, -np.inf, 0.5, 0.9], 0.25)
    assert bpcer([-np.inf, -np.inf, 0.5, 0.9], threshold) == 0.5
    assert apcer([-np.inf, 0.1], threshold) == 0.5


@given(SCORES, SCORES, st.integers(0, 10).map(lambda k: k / 10))
def test_the_threshold_for_apcer_keeps_every_species(a: list[float], b: list[float], rate: float) -> None:
    threshold = threshold_at_apcer({"a": a, "b": b}, rate)
    assert max(apcer(a, threshold), apcer(b, threshold)) <= rate + 1e-12


def test_separable_scores_have_an_eer_of_zero() -> None:
    attacks = {"print": [0.1, 0.2]}
    threshold = threshold_at_eer([0.8, 0.9], attacks)
    assert bpcer([0.8, 0.9], threshold) == worst_species(attacks, threshold)[1] == 0
    assert threshold == pytest.approx(0.8)


@given(SCORES, SCORES, SCORES)
def test_the_threshold_of_the_eer_is_the_last_of_the_nearest(
    real: list[float], a: list[float], b: list[float]
) -> None:
    attacks = {"a": a, "b": b}
    gaps = {t: abs(bpcer(real, t) - worst_species(attacks, t)[1]) for t in sorted({*real, *a, *b})}
    nearest = [t for t, gap in gaps.items() if gap == min(gaps.values())]
    assert threshold_at_eer(real, attacks) == nearest[-1]
