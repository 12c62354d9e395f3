"""Similarities that are estimated from bits get thresholds of their own."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from mien.embedding.calibration import Calibration
from mien.embedding.coarse import of_signs
from mien.evaluation.calibrate import make_calibration
from mien.privacy.protect import BIOHASH_BITS, BioHash

DIMENSION = 128
Rows = NDArray[np.float32]


def directions(count: int, rng: np.random.Generator) -> Rows:
    rows = rng.standard_normal((count, DIMENSION))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    """Of strangers who are random directions."""
    rng = np.random.default_rng(0)
    first, second = directions(200_000, rng), directions(200_000, rng)
    people = np.arange(400_000).reshape(-1, 2)
    return make_calibration(
        rng.normal(0.7, 0.1, 1000).clip(-1, 1),
        np.vecdot(first, second),
        people,
        embedder="test",
        models={},
        made_on="random directions",
        command="",
        pictures=2,
        subjects=2,
    )


def estimates(first: Rows, second: Rows) -> NDArray[np.float64]:
    codes = BioHash(b"key", DIMENSION)
    differ = np.bitwise_count(codes.protect(first) ^ codes.protect(second)).sum(axis=1)
    return np.asarray(np.cos(np.pi * differ / BIOHASH_BITS))


def test_strangers_reach_its_thresholds_as_often_as_it_says(calibration: Calibration) -> None:
    rng = np.random.default_rng(1)
    scores = np.concatenate([estimates(directions(50_000, rng), directions(50_000, rng)) for _ in range(8)])
    coarse = of_signs(calibration, BIOHASH_BITS, share=0.0)
    for rate in (0.1, 0.01, 0.001):
        reached = float((scores >= coarse.threshold(rate)).mean())
        assert rate / 1.5 < reached < 1.5 * rate  # the estimates are multiples of a step
        assert float((scores >= calibration.threshold(rate)).mean()) > 1.5 * rate


def test_more_bits_blur_less_and_endless_bits_not_at_all(calibration: Calibration) -> None:
    rates = (0.1, 0.01, 0.001)
    thresholds = [
        [of_signs(calibration, bits, 0.0).threshold(rate) for rate in rates] for bits in (128, 256, 10**8)
    ]
    exact = [calibration.threshold(rate) for rate in rates]
    assert all(a > b > c for a, b, c in zip(*thresholds, strict=True))
    np.testing.assert_allclose(thresholds[2], exact, atol=0.003)


def test_what_faces_share_is_not_blurred(calibration: Calibration) -> None:
    """Faces that share half of their squared length: bits are of the other half and err half as much."""
    blurred = [of_signs(calibration, BIOHASH_BITS, share) for share in (0.0, 0.5)]
    wider, narrower = (made.threshold(0.001) - made.threshold(0.1) for made in blurred)
    assert narrower < wider


def test_evidence_and_intervals_are_those_of_the_rate(calibration: Calibration) -> None:
    coarse = of_signs(calibration, BIOHASH_BITS, share=0.0)
    for rate in (0.05, 0.005):
        exact, estimate = calibration.threshold(rate), coarse.threshold(rate)
        assert coarse.probability(estimate) == pytest.approx(calibration.probability(exact), abs=0.02)
        bounds = coarse.fmr(estimate)
        assert bounds.low < bounds.rate < bounds.high
    assert coarse.smallest_fmr == pytest.approx(calibration.smallest_fmr, rel=0.01)
