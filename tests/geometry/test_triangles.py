"""Triangle numbers on shapes whose answers are known."""

import numpy as np
import pytest

from mien.geometry.nearest import nearest_on_mesh, nearest_vertices
from mien.geometry.triangles import (
    boundary_edges,
    closest_on_triangles,
    interpolate,
    triangle_areas,
    unique_edges,
    vertex_areas,
    vertex_normals,
)

CUBE = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], float)
CUBE_TRIANGLES = np.array(
    [
        [0, 1, 3],
        [0, 3, 2],
        [4, 6, 7],
        [4, 7, 5],
        [0, 4, 5],
        [0, 5, 1],
        [2, 3, 7],
        [2, 7, 6],
        [0, 2, 6],
        [0, 6, 4],
        [1, 5, 7],
        [1, 7, 3],
    ]
)


def test_a_cube_has_six_unit_sides() -> None:
    assert triangle_areas(CUBE, CUBE_TRIANGLES).sum() == pytest.approx(6)
    assert vertex_areas(CUBE, CUBE_TRIANGLES).sum() == pytest.approx(6)


def test_normals_of_a_convex_shape_point_outwards() -> None:
    normals = vertex_normals(CUBE, CUBE_TRIANGLES)
    assert ((normals * (CUBE - 0.5)).sum(axis=1) > 0.5).all()
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1)


def test_a_closed_shape_has_no_boundary_and_obeys_euler() -> None:
    assert len(boundary_edges(CUBE_TRIANGLES)) == 0
    assert len(CUBE) - len(unique_edges(CUBE_TRIANGLES)) + len(CUBE_TRIANGLES) == 2


def test_interpolation_at_a_corner_is_that_vertex() -> None:
    weights = np.array([[1.0, 0, 0], [0, 0, 1.0]])
    np.testing.assert_allclose(interpolate(CUBE, CUBE_TRIANGLES[:2], weights), CUBE[[0, 2]])


def test_the_closest_point_beats_every_sampled_point_of_the_triangle() -> None:
    rng = np.random.default_rng(3)
    a, b, c, p = rng.normal(size=(4, 300, 3))
    close, weights = closest_on_triangles(p, a, b, c)
    assert (weights >= -1e-12).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    np.testing.assert_allclose(
        weights[:, :1] * a + weights[:, 1:2] * b + weights[:, 2:] * c, close, atol=1e-12
    )
    best = np.linalg.norm(close - p, axis=1)
    for w in rng.dirichlet([0.5, 0.5, 0.5], 400):
        other = np.linalg.norm(w[0] * a + w[1] * b + w[2] * c - p, axis=1)
        assert (best <= other + 1e-9).all()


def test_nearest_vertices_agree_with_the_full_distance_table() -> None:
    rng = np.random.default_rng(4)
    points, vertices = rng.normal(size=(200, 3)), rng.normal(size=(90, 3))
    table = np.linalg.norm(points[:, None] - vertices, axis=2)
    assert (nearest_vertices(points, vertices)[:, 0] == table.argmin(axis=1)).all()
    three = np.sort(nearest_vertices(points, vertices, 3), axis=1)
    assert (three == np.sort(np.argsort(table, axis=1)[:, :3], axis=1)).all()


def test_the_nearest_point_of_a_cube_is_the_clamped_point() -> None:
    outside = np.random.default_rng(5).uniform(-1, 2, (200, 3))
    outside = outside[((outside < 0) | (outside > 1)).any(axis=1)]
    found, number, weights = nearest_on_mesh(outside, CUBE, CUBE_TRIANGLES, candidates=8)
    np.testing.assert_allclose(found, np.clip(outside, 0, 1), atol=1e-9)
    np.testing.assert_allclose(interpolate(CUBE, CUBE_TRIANGLES[number], weights), found, atol=1e-9)
