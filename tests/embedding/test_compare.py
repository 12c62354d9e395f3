"""Comparing embeddings, and saying what the similarity means."""

from __future__ import annotations

import numpy as np
import pytest
from tests.embedding.test_calibration import made

from mien.core.errors import InputError, ThinData
from mien.core.types import Embedding
from mien.embedding.compare import cosine, judge, similarity_matrix


def random_embedding(seed: int, model: str = "tiny", size: int = 8) -> Embedding:
    vector = np.random.default_rng(seed).normal(size=size).astype(np.float32)
    return Embedding(vector / np.linalg.norm(vector), model)


def test_the_cosine_of_a_known_angle() -> None:
    a = Embedding(np.array([1, 0], np.float32), "m")
    for angle in (0.0, 0.7, np.pi / 2, np.pi):
        b = Embedding(np.array([np.cos(angle), np.sin(angle)], np.float32), "m")
        assert cosine(a, b) == pytest.approx(np.cos(angle), abs=1e-6)


def test_a_face_is_never_more_than_identical_to_itself() -> None:
    for seed in range(20):
        embedding = random_embedding(seed)
        assert cosine(embedding, embedding) == pytest.approx(1, abs=1e-6)
        assert cosine(embedding, embedding) <= 1


def test_the_matrix_holds_every_cosine() -> None:
    rows, columns = [random_embedding(i) for i in range(3)], [random_embedding(i) for i in range(5, 9)]
    matrix = similarity_matrix(rows, columns)
    assert matrix.shape == (3, 4)
    np.testing.assert_allclose(matrix, [[cosine(a, b) for b in columns] for a in rows], atol=1e-6)


def test_no_rows_make_an_empty_matrix() -> None:
    assert similarity_matrix([], [random_embedding(0)]).shape == (0, 1)


def test_vectors_of_different_models_are_never_compared() -> None:
    a, b = random_embedding(0, "sface"), random_embedding(1, "sface+dlib_resnet")
    with pytest.raises(InputError, match=r"sface and sface\+dlib_resnet cannot be compared"):
        cosine(a, b)
    with pytest.raises(InputError, match="cannot be compared"):
        similarity_matrix([a], [b])


def test_vectors_of_different_lengths_are_refused() -> None:
    with pytest.raises(InputError, match="one length"):
        cosine(random_embedding(0), random_embedding(0, size=4))


def test_a_judgement_says_yes_exactly_from_the_threshold_on() -> None:
    calibration = made()
    threshold = calibration.threshold(1e-3)
    assert judge(threshold, calibration, 1e-3).same
    assert not judge(np.nextafter(threshold, 0), calibration, 1e-3).same


def test_a_judgement_carries_rate_interval_and_stated_prior() -> None:
    judgement = judge(0.3, made(), fmr=1e-2, prior=0.2)
    assert judgement.same
    assert judgement.fmr == pytest.approx(1e-3)
    assert judgement.fmr_low < judgement.fmr < judgement.fmr_high
    assert judgement.fmr_supported
    assert judgement.threshold == pytest.approx(0.2)
    assert judgement.prior == 0.2
    assert judgement.probability == made().probability(0.3, 0.2)


def test_a_decision_beyond_the_data_is_refused() -> None:
    with pytest.raises(ThinData, match="calibrate on more people"):
        judge(0.9, made(), fmr=1e-6)
