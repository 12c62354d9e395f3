"""Protected templates compare as before, and say nothing across keys."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mien.core.errors import InputError
from mien.evaluation.metrics.unlinkability import d_sys
from mien.privacy.protect import BioHash, Rotation, load_protector, orthonormal


def pairs(count: int, cosine: float, dimension: int = 128) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    rng = np.random.default_rng(0)
    a = rng.standard_normal((count, dimension))
    a /= np.linalg.norm(a, axis=1, keepdims=True)
    noise = rng.standard_normal((count, dimension))
    noise -= (noise * a).sum(1, keepdims=True) * a
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    b = cosine * a + np.sqrt(1 - cosine**2) * noise
    return a.astype(np.float32), b.astype(np.float32)


def hamming(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> NDArray[np.float64]:
    return np.asarray(np.bitwise_count(a ^ b).mean(axis=1) / 8)


@pytest.mark.parametrize("dimension", [2, 3, 128, 512])
def test_the_matrix_is_orthonormal_and_depends_on_the_key_alone(dimension: int) -> None:
    matrix = orthonormal(b"key", dimension)
    np.testing.assert_allclose(matrix.T @ matrix, np.eye(dimension), atol=2e-6)
    np.testing.assert_array_equal(matrix, orthonormal(b"key", dimension))
    assert not np.allclose(matrix, orthonormal(b"yek", dimension))


def test_the_matrix_never_changes_between_versions() -> None:
    # A stored gallery depends on these numbers.
    known = orthonormal(b"key", 2)
    np.testing.assert_allclose(np.abs(known @ known.T), np.eye(2), atol=1e-6)
    np.testing.assert_allclose(known, KNOWN, atol=1e-6)


def test_rotation_keeps_every_similarity() -> None:
    a, b = pairs(1000, 0.6)
    protector = Rotation(b"key", 128)
    similarity = (protector.protect(a) * protector.protect(b)).sum(axis=1)
    np.testing.assert_allclose(similarity, 0.6, atol=1e-6)


def test_biohash_estimates_the_similarity() -> None:
    a, b = pairs(2000, 0.6)
    protector = BioHash(b"key", 128)
    estimate = np.cos(np.pi * hamming(protector.protect(a), protector.protect(b)))
    assert estimate.mean() == pytest.approx(0.6, abs=0.01)
    assert protector.protect(a).shape == (2000, 32)


@pytest.mark.parametrize("kind", ["rotation", "biohash"])
def test_templates_under_two_keys_cannot_be_linked(kind: str) -> None:
    """D_sys (Gomez-Barrero et al. 2018): 0 unlinkable, 1 linkable; histogram noise alone gives 0.02."""
    a, b = pairs(5000, 0.6)
    one: Any = load_protector(kind, b"one", 128).protect(a)
    two: Any = load_protector(kind, b"two", 128).protect(b)
    score = hamming if kind == "biohash" else lambda x, y: (x * y).sum(axis=1)
    mated, other = score(one, two), score(one, np.roll(two, 1, axis=0))
    assert d_sys(mated, other) <= 0.05


def test_an_unknown_protection_says_which_exist() -> None:
    with pytest.raises(InputError, match="rotation"):
        load_protector("magic", b"key", 128)


KNOWN = np.array([[0.998916, -0.0465481], [0.0465481, 0.998916]])
