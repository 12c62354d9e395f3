"""A calibration recovers known curves and keeps its promises on people it has not seen."""

from __future__ import annotations

from functools import cache
from math import erfc, log, sqrt
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mien.core.errors import InputError, ThinData
from mien.embedding.calibration import Calibration, parse_calibration
from mien.evaluation.calibrate import LAPSE, fit_evidence, make_calibration, rate_intervals
from mien.evaluation.metrics.calibration import cllr, cllr_min, expected_calibration_error
from mien.evaluation.metrics.intervals import clopper_pearson

GENUINE, IMPOSTOR, SPREAD = 0.6, 0.1, 0.1


def tail(similarity: float) -> float:
    """True FMR of impostor scores that are N(0.1, 0.1)."""
    return 0.5 * erfc((similarity - IMPOSTOR) / SPREAD / sqrt(2))


def draw(seed: int, genuine: int = 5_000, impostor: int = 200_000) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(seed)
    people = rng.integers(0, 3000, (impostor, 2))
    return rng.normal(GENUINE, SPREAD, genuine), rng.normal(IMPOSTOR, SPREAD, impostor), people


@cache
def make(seed: int = 0, **changes: Any) -> Calibration:
    genuine, impostor, people = draw(seed)
    facts: dict[str, Any] = {
        "embedder": "tiny",
        "models": {"tiny": "00"},
        "made_on": "numbers drawn at random",
        "command": "pytest",
        "pictures": 3000,
        "subjects": 3000,
    }
    return make_calibration(genuine, impostor, people, **(facts | changes))


@pytest.mark.parametrize("rate", [1e-1, 1e-2, 1e-3, 3e-4])
def test_recovers_a_known_fmr_curve(rate: float) -> None:
    calibration = make()
    assert tail(calibration.threshold(rate)) == pytest.approx(rate, rel=0.25)


def test_the_interval_holds_the_true_rate() -> None:
    calibration = make()
    for similarity in (0.2, 0.3, 0.4, 0.42):
        estimate = calibration.fmr(similarity)
        assert estimate.low <= tail(similarity) <= estimate.high


def test_the_curve_ends_where_thirty_strangers_were_confused() -> None:
    assert make().smallest_fmr == pytest.approx(30 / 200_000)
    with pytest.raises(ThinData):
        make().threshold(1e-4)
    assert make(least_false_matches=3).smallest_fmr == pytest.approx(3 / 200_000)


def test_the_tail_overstates_rather_than_understates() -> None:
    calibration = make()
    for similarity in (0.52, 0.56, 0.6):
        assert calibration.fmr(similarity, extrapolate=True).rate > tail(similarity)


def test_recovers_the_likelihood_ratio_of_two_normal_distributions() -> None:
    calibration = make(lapse=0.0)
    slope = (GENUINE - IMPOSTOR) / SPREAD**2
    for similarity in (0.30, 0.35, 0.40):
        true = slope * (similarity - (GENUINE + IMPOSTOR) / 2)
        assert float(calibration.log_likelihood_ratio(similarity)) == pytest.approx(true, abs=0.6)


def test_probabilities_come_true_on_other_people() -> None:
    calibration = make(seed=0, lapse=0.0)
    genuine, impostor, _ = draw(seed=1, genuine=20_000, impostor=20_000)
    ratios = [calibration.log_likelihood_ratio(scores) for scores in (genuine, impostor)]
    assert cllr(*ratios) - cllr_min(genuine, impostor) < 0.02
    probability = [calibration.probability(float(s)) for s in np.r_[genuine[:2000], impostor[:2000]]]
    assert expected_calibration_error(probability, np.arange(4000) < 2000) < 0.02


def test_evidence_never_claims_more_than_the_sample_can_show() -> None:
    calibration = make()
    strongest, weakest = calibration.log_likelihood_ratio([1.0, -1.0])
    assert strongest == pytest.approx(-log(calibration.smallest_fmr), abs=0.06)
    assert weakest == pytest.approx(log(LAPSE + (1 - LAPSE) / 5_000))


def test_the_same_scores_make_the_same_file() -> None:
    assert make().to_json() == make.__wrapped__().to_json()
    assert parse_calibration(make().to_json()).to_dict() == make().to_dict()


def test_separable_scores_have_an_answer() -> None:
    curve = fit_evidence(np.full(100, 0.9), np.full(5000, 0.1), 1e-3)
    assert np.isfinite(curve.similarity).all()


def test_swapped_labels_are_noticed() -> None:
    genuine, impostor, _ = draw(0)
    with pytest.raises(InputError, match="which pairs are which"):
        fit_evidence(impostor, genuine, 1e-3)


def test_tied_scores_make_a_strictly_falling_curve() -> None:
    genuine, impostor, people = draw(0)
    calibration = make_calibration(
        genuine.round(2),
        impostor.round(2),
        people,
        embedder="tiny",
        models={},
        made_on="-",
        command="-",
        pictures=1,
        subjects=1,
    )
    assert np.all(np.diff(calibration.fmr_curve.rate) < 0)
    for knot, rate in zip(calibration.fmr_curve.similarity, calibration.fmr_curve.rate, strict=True):
        assert np.mean(impostor.round(2) >= knot) == pytest.approx(rate)


def test_pairs_that_share_people_widen_the_interval() -> None:
    """One person whom everyone resembles: many false matches, one cause."""
    rng = np.random.default_rng(0)
    people = np.array([(i, j) for i in range(100) for j in range(i)])
    impostor = rng.normal(0, 0.1, len(people)) + 0.5 * (people == 7).any(axis=1)
    low, high = rate_intervals(impostor, people, np.array([0.4]))[:, 0]
    rate = np.mean(impostor >= 0.4)
    assert low < rate / 3
    assert high > 3 * rate


def test_independent_pairs_get_the_interval_of_the_binomial_distribution() -> None:
    rng = np.random.default_rng(0)
    impostor, people = rng.random(100_000), np.arange(200_000).reshape(-1, 2)
    low, high = rate_intervals(impostor, people, np.array([0.5, 0.99]))[:, 1]
    assert (low, high) == pytest.approx(clopper_pearson(int((impostor >= 0.99).sum()), 100_000), rel=0.01)


@pytest.mark.parametrize(("genuine", "impostor"), [(29, 5000), (100, 2999)])
def test_thin_data_is_refused(genuine: int, impostor: int) -> None:
    mates: NDArray[np.float64] = np.linspace(0.5, 0.9, genuine)
    others = np.linspace(0, 0.4, impostor)
    with pytest.raises(ThinData, match=f"{genuine} genuine and {impostor} impostor pairs are too few"):
        make_calibration(
            mates,
            others,
            np.zeros((impostor, 2), np.int64),
            embedder="tiny",
            models={},
            made_on="-",
            command="-",
            pictures=1,
            subjects=1,
        )


def test_failed_pairs_have_no_place_in_a_calibration() -> None:
    genuine, impostor, people = draw(0)
    impostor[3] = -np.inf
    with pytest.raises(InputError, match="leave them out"):
        make_calibration(
            genuine,
            impostor,
            people,
            embedder="tiny",
            models={},
            made_on="-",
            command="-",
            pictures=1,
            subjects=1,
        )


def crowd(rng: np.random.Generator, people: int) -> tuple[Any, Any, Any]:
    """Scores of people of whom some resemble everybody ("wolves"), so that pairs are not independent."""
    wolf = rng.normal(0, 0.04, people)
    a, b = np.triu_indices(people, 1)
    impostor = IMPOSTOR + wolf[a] + wolf[b] + rng.normal(0, SPREAD, len(a))
    return rng.normal(GENUINE, SPREAD, 10 * people), impostor, np.stack([a, b], axis=1)


def test_a_promised_rate_holds_on_people_that_were_not_measured() -> None:
    """Of 40 calibrations on 120 people each, the true rate lies within the interval about 19 times of 20."""
    rng = np.random.default_rng(0)
    spread = sqrt(SPREAD**2 + 2 * 0.04**2)
    facts = {"embedder": "t", "models": {}, "made_on": "-", "command": "-", "pictures": 1, "subjects": 120}
    within = {1e-1: 0, 1e-2: 0}
    for _ in range(40):
        calibration = make_calibration(*crowd(rng, 120), **facts)  # type: ignore[arg-type]  # kept in one place
        for rate in within:
            threshold = calibration.threshold(rate)
            true = 0.5 * erfc((threshold - IMPOSTOR) / spread / sqrt(2))
            said = calibration.fmr(threshold)
            within[rate] += said.low <= true <= said.high
    assert min(within.values()) >= 35


def test_independence_would_promise_too_narrow_intervals() -> None:
    """Control: binomial intervals, which forget that pairs share people, miss far more often."""
    rng = np.random.default_rng(0)
    spread, within = sqrt(SPREAD**2 + 2 * 0.04**2), 0
    for _ in range(40):
        _, impostor, _ = crowd(rng, 120)
        true = 0.5 * erfc((0.2 - IMPOSTOR) / spread / sqrt(2))
        low, high = clopper_pearson(int((impostor >= 0.2).sum()), len(impostor))
        within += low <= true <= high
    assert within <= 30
