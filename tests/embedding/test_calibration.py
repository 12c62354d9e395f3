"""A calibration gives back what it was measured from, and no more than that."""

from __future__ import annotations

import json
from importlib import resources
from math import exp, log
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.core.errors import InputError, ThinData, UnknownModel
from mien.embedding.calibration import (
    QUICK,
    Calibration,
    EvidenceCurve,
    FmrCurve,
    parse_calibration,
    read_calibration,
    shipped_calibration,
)
from mien.zoo.registry import card


def made(**changes: Any) -> Calibration:
    curve = FmrCurve(
        similarity=np.array([-1.0, 0.2, 0.4]),
        rate=np.array([1.0, 1e-2, 1e-4]),
        low=np.array([0.9, 0.8e-2, 0.5e-4]),
        high=np.array([1.0, 1.2e-2, 2e-4]),
        decay=0.05,
    )
    evidence = EvidenceCurve(np.array([0.0, 0.5]), np.array([-4.0, 6.0]))
    facts: dict[str, Any] = {
        "embedder": "tiny",
        "models": {"tiny": "ab" * 32},
        "made_on": "made up for this test",
        "command": "none",
        "pictures": 1000,
        "subjects": 1000,
        "genuine": 500,
        "impostors": 100_000,
    }
    return Calibration(fmr_curve=curve, evidence=evidence, **{**facts, **changes})


def test_gives_the_measured_rates_back() -> None:
    assert made().fmr(0.4) == pytest.approx((1e-4, 0.5e-4, 2e-4, True))
    assert made().fmr(0.2).rate == pytest.approx(1e-2)
    assert made().threshold(1e-4) == pytest.approx(0.4)


def test_between_knots_the_logarithm_of_the_rate_is_straight() -> None:
    assert made().fmr(0.3).rate == pytest.approx(1e-3)
    assert made().threshold(1e-3) == pytest.approx(0.3)


@given(st.floats(-4, -0.01))
def test_threshold_and_rate_undo_each_other(exponent: float) -> None:
    calibration = made()
    assert calibration.fmr(calibration.threshold(10**exponent)).rate == pytest.approx(10**exponent)


@given(st.floats(-1, 1), st.floats(-1, 1), st.booleans())
def test_more_similar_never_means_more_strangers_nor_less_probable(a: float, b: float, far: bool) -> None:
    calibration, low, high = made(), min(a, b), max(a, b)
    assert calibration.fmr(low, extrapolate=far).rate >= calibration.fmr(high, extrapolate=far).rate * (
        1 - 1e-12
    )
    assert calibration.probability(low) <= calibration.probability(high)


def test_beyond_the_data_it_gives_a_bound_and_says_so() -> None:
    assert made().fmr(0.9) == pytest.approx((1e-4, 0, 2e-4, False))


def test_a_rate_below_the_sample_is_refused() -> None:
    with pytest.raises(ThinData, match=r"below 1\.0e-04 \(100000 impostor pairs\)"):
        made().threshold(1e-5)


def test_the_tail_is_used_only_when_asked_for() -> None:
    calibration = made()
    threshold = calibration.threshold(1e-4 * exp(-2), extrapolate=True)
    assert threshold == pytest.approx(0.4 + 2 * 0.05)
    estimate = calibration.fmr(threshold, extrapolate=True)
    assert estimate.rate == pytest.approx(1e-4 * exp(-2))
    assert not estimate.supported


def test_probability_is_bayes_rule_on_the_likelihood_ratio() -> None:
    calibration = made()
    assert calibration.log_likelihood_ratio(0.2) == pytest.approx(0)
    assert calibration.probability(0.2, prior=0.1) == pytest.approx(0.1)
    odds = exp(6) * 0.01 / 0.99
    assert calibration.probability(0.5, prior=0.01) == pytest.approx(odds / (1 + odds))
    assert calibration.probability(0.5) == calibration.probability(1.0)


def test_weighs_many_similarities_at_once() -> None:
    many = np.linspace(-1, 1, 6).reshape(2, 3)
    one_by_one = [[float(made().log_likelihood_ratio(s)) for s in row] for row in many]
    np.testing.assert_allclose(made().log_likelihood_ratio(many), one_by_one)


def test_survives_json_unchanged() -> None:
    first = made(details={"held_out": {"wild": 1.2e-3}})
    again = parse_calibration(first.to_json())
    assert again.to_dict() == first.to_dict()
    assert again.threshold(1e-3) == first.threshold(1e-3)


def spoiled(path: str, value: Any) -> str:
    table = made().to_dict()
    *parents, last = path.split(".")
    place = table
    for parent in parents:
        place = place[parent]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return json.dumps(table)


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        ("version", 2, "version 1"),
        ("embedder", None, "embedder"),
        ("embedder", "", "names its embedder"),
        ("surprise", 1, "surprise"),
        ("impostors", 0, "1 or more"),
        ("impostors", 1000, "cannot be known from 1000"),
        ("fmr_curve.decay", -1.0, "tail"),
        ("fmr_curve.decay", None, "decay"),
        ("fmr_curve.similarity", [0.2, -1.0, 0.4], "ascend"),
        ("fmr_curve.rate", [1.0, 1e-4, 1e-2], "fall"),
        ("fmr_curve.low", [0.9, 0.5, 0.5e-4], "low <= rate"),
        ("fmr_curve.high", [1.0, 1.2e-2], "four numbers"),
        ("fmr_curve.rate", [1.0, "x", 1e-4], "could not convert"),
        ("fmr_curve.rate", [1.0, float("nan"), 1e-4], "finite"),
        ("evidence.log_ratio", [6.0, -4.0], "must not fall"),
        ("evidence.similarity", [0.1], "two numbers"),
    ],
)
def test_a_spoiled_file_is_refused_with_the_reason(path: str, value: Any, complaint: str) -> None:
    with pytest.raises(InputError, match=f"mine.json cannot be used .*{complaint}.*make it again"):
        parse_calibration(spoiled(path, value), "mine.json")


@pytest.mark.parametrize("text", ["", "[]", "{", "null"])
def test_what_is_no_calibration_at_all_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="make it again"):
        parse_calibration(text)


def test_an_unreadable_file_is_the_callers_fault(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_calibration(tmp_path / "none.json")


def test_reads_the_file_it_wrote(tmp_path: Path) -> None:
    (tmp_path / "tiny.json").write_text(made().to_json())
    assert read_calibration(tmp_path / "tiny.json").to_dict() == made().to_dict()


def test_an_embedder_without_a_calibration_is_named() -> None:
    with pytest.raises(UnknownModel, match="no calibration ships for nobody"):
        shipped_calibration("nobody")


@pytest.mark.parametrize("rate", [0.0, 1.0, -1e-3])
def test_a_rate_must_be_a_share(rate: float) -> None:
    with pytest.raises(InputError, match="between 0 and 1"):
        made().threshold(rate)


@pytest.mark.parametrize("prior", [0.0, 1.0])
def test_a_prior_must_leave_room_for_doubt(prior: float) -> None:
    with pytest.raises(InputError, match="prior"):
        made().probability(0.3, prior)


def test_the_curves_cannot_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        made().fmr_curve.rate[0] = 0.5


def test_the_tail_meets_the_curve() -> None:
    calibration = made()
    assert calibration.fmr(0.4 + 1e-9, extrapolate=True).rate == pytest.approx(
        calibration.fmr(0.4).rate, rel=1e-6
    )
    assert log(calibration.fmr(0.45, extrapolate=True).rate / 1e-4) == pytest.approx(-1)


def test_the_shipped_calibrations_support_the_default_rate() -> None:
    folder = Path(str(resources.files("mien.zoo"))) / "cards" / "calibration"
    names = sorted(file.stem for file in folder.glob("*.json"))
    assert "sface" in names
    for name in names:
        calibration = shipped_calibration(name)
        assert calibration.embedder == name.removesuffix(QUICK)
        assert calibration.smallest_fmr <= 1e-4
        assert calibration.threshold(1e-2) < calibration.threshold(1e-3) < calibration.threshold(1e-4)
        assert (folder / f"{name}.json").stat().st_size <= 60_000
        for card_name, digest in calibration.models.items():
            assert card(card_name).sha256 == digest
