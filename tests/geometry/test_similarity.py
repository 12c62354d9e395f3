from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.core.errors import InputError, ShapeError
from mien.geometry.similarity import fit_similarity
from mien.imaging.warp import move_points

POINTS = np.array([[38.3, 51.7], [73.5, 51.5], [56.0, 71.7], [41.5, 92.4], [70.7, 92.2]])


def similarity(angle: float, scale: float, x: float, y: float) -> np.ndarray:
    c, s = scale * math.cos(angle), scale * math.sin(angle)
    return np.array([[c, -s, x], [s, c, y]])


@given(st.floats(-math.pi, math.pi), st.floats(0.01, 100), st.floats(-500, 500), st.floats(-500, 500))
def test_recovers_a_known_similarity(angle: float, scale: float, x: float, y: float) -> None:
    truth = similarity(angle, scale, x, y)
    found = fit_similarity(POINTS, move_points(truth, POINTS))
    np.testing.assert_allclose(found, truth, atol=1e-8 * max(1.0, scale))


def test_never_returns_a_reflection() -> None:
    mirrored = POINTS * [-1, 1]
    assert np.linalg.det(fit_similarity(POINTS, mirrored)[:, :2]) > 0


def test_no_other_similarity_is_nearer() -> None:
    rng = np.random.default_rng(0)
    target = POINTS + rng.normal(0, 3, POINTS.shape)
    best = fit_similarity(POINTS, target)

    def cost(matrix: np.ndarray) -> float:
        return float(((move_points(matrix, POINTS) - target) ** 2).sum())

    for _ in range(50):
        c, s, x, y = rng.normal(0, 0.01, 4)
        assert cost(best) <= cost(best + np.array([[c, -s, x], [s, c, y]]))


def test_agrees_with_the_svd_of_umeyama() -> None:
    rng = np.random.default_rng(1)
    target = POINTS + rng.normal(0, 3, POINTS.shape)
    a, b = POINTS - POINTS.mean(0), target - target.mean(0)
    u, d, vt = np.linalg.svd(b.T @ a / len(a))
    sign = np.array([1, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    turn = u @ np.diag(sign) @ vt * float(d @ sign) / (a**2).sum() * len(a)
    np.testing.assert_allclose(fit_similarity(POINTS, target)[:, :2], turn, atol=1e-12)


def test_a_point_without_weight_does_not_count() -> None:
    truth = similarity(0.3, 2, 5, -7)
    target = move_points(truth, POINTS)
    target[2] += 100
    weights = np.array([1, 1, 0, 1, 1.0])
    np.testing.assert_allclose(fit_similarity(POINTS, target, weights), truth, atol=1e-9)


def test_says_what_shape_it_wanted() -> None:
    with pytest.raises(ShapeError, match=r"must have shape \(N, 2\) with N >= 2, not \(5, 3\)"):
        fit_similarity(np.zeros((5, 3)), np.zeros((5, 3)))
    with pytest.raises(ShapeError, match=r"weights must have shape \(5,\)"):
        fit_similarity(POINTS, POINTS, np.ones(4))


def test_refuses_points_on_one_spot() -> None:
    with pytest.raises(InputError, match="one spot"):
        fit_similarity(np.ones((5, 2)), POINTS)
