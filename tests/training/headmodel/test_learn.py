"""Learning a head model: known populations are found again, coarsening keeps what it promises."""

import numpy as np
import pytest

from mien.core.errors import ThinData
from mien.training.headmodel.anatomy import eye_grid, fit_sphere, similarity_displacement, tongue_out
from mien.training.headmodel.decimate import SymmetricDecimation, mirror_map
from mien.training.headmodel.ict import sample_heads
from mien.training.headmodel.learn import learn_identity, reconstruction_error


def population(rng: np.random.Generator, heads: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    mean = rng.normal(0, 50, (40, 3))
    modes = (
        np.linalg.qr(rng.normal(size=(120, 4)))[0].T.reshape(4, 40, 3)
        * np.array([30, 20, 10, 5])[:, None, None]
    )
    return mean, modes, mean + np.einsum("nk,kvc->nvc", rng.standard_normal((heads, 4)), modes)


def test_finds_the_population_it_was_drawn_from() -> None:
    mean, modes, heads = population(np.random.default_rng(0), 1200)
    found = learn_identity(heads.astype(np.float32), 4)
    np.testing.assert_allclose(found.sigma, [30, 20, 10, 5], rtol=0.08)
    assert np.abs(found.mean - mean).max() < 2
    for mode, basis in zip(modes.reshape(4, -1), found.basis.reshape(4, -1), strict=True):
        assert abs(mode @ basis) / np.linalg.norm(mode) > 0.99


def test_the_basis_is_orthonormal_and_held_out_heads_come_back() -> None:
    rng = np.random.default_rng(1)
    _, _, heads = population(rng, 300)
    found = learn_identity(heads[:200].astype(np.float32), 10)
    flat = found.basis.reshape(len(found.basis), -1)
    np.testing.assert_allclose(flat @ flat.T, np.eye(len(flat)), atol=1e-5)
    assert reconstruction_error(found, heads[200:]).max() < 0.01


def test_a_handful_of_heads_is_refused() -> None:
    with pytest.raises(ThinData, match="at least 8"):
        learn_identity(np.zeros((3, 5, 3)), 2)


def test_samples_come_in_mirrored_pairs() -> None:
    mean, modes, _ = population(np.random.default_rng(2), 1)
    heads = sample_heads(modes.astype(np.float32), mean, 10, seed=3)
    np.testing.assert_allclose(heads.mean(axis=0), mean, atol=1e-4)


def grid(size: int) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.meshgrid(np.arange(size) - size // 2, np.arange(size) - size // 2, indexing="ij")
    points = np.stack([x, y, -0.02 * (x**2 + y**2)], axis=2).reshape(-1, 3).astype(float)
    corner = np.array([[i * size + j for j in range(size - 1)] for i in range(size - 1)]).ravel()
    left = np.array([[0, 1, size + 1], [0, size + 1, size]])
    right = np.array([[0, 1, size], [1, size + 1, size]])  # mirrored diagonals, so that the mesh is symmetric
    triangles = np.concatenate([c + (left if c // size < size // 2 else right) for c in corner])
    return points, triangles[:, ::-1].copy()


def test_coarsening_keeps_symmetry_protected_vertices_and_the_outline() -> None:
    points, triangles = grid(21)
    mirror = mirror_map(points, 1e-6)
    assert (mirror >= 0).all()
    weights = np.ones(len(points))
    protected = np.flatnonzero(np.abs(points[:, :2]).max(axis=1) < 3)
    weights[protected] = np.inf
    level = SymmetricDecimation(points, triangles, triangles, mirror, weights).reduce_to(150)
    used = np.unique(level.triangles)
    assert len(used) <= 151
    assert set(protected) <= set(used)
    assert set(mirror[used]) == set(used)
    assert points[used].min(axis=0)[:2] == pytest.approx([-10, -10])
    normals = np.cross(
        points[level.triangles[:, 1]] - points[level.triangles[:, 0]],
        points[level.triangles[:, 2]] - points[level.triangles[:, 0]],
    )
    before = np.cross(
        points[triangles[:, 1]] - points[triangles[:, 0]], points[triangles[:, 2]] - points[triangles[:, 0]]
    )
    assert (np.sign(normals[:, 2]) == np.sign(before[0, 2])).all()


def test_texture_vertices_follow_the_collapse() -> None:
    points, triangles = grid(11)
    mirror = mirror_map(points, 1e-6)
    level = SymmetricDecimation(points, triangles, triangles, mirror, np.ones(len(points))).reduce_to(40)
    assert (level.triangles == level.uv_triangles).all()


def test_an_eyeball_is_closed_and_faces_outwards() -> None:
    eye = eye_grid()
    edges = np.sort(eye.triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all()
    a, b, c = (eye.directions[eye.triangles[:, i]] for i in range(3))
    assert (np.einsum("ni,ni->n", np.cross(b - a, c - a), a + b + c) > 0).all()


def test_the_sphere_through_points_is_found() -> None:
    points = eye_grid().directions * 12.5 + (1, 2, 3)
    centre, radius = fit_sphere(points)
    np.testing.assert_allclose([*centre, radius], [1, 2, 3, 12.5])


def test_a_shift_and_growth_of_an_eyeball_is_found() -> None:
    points = eye_grid().directions * 12
    shift, growth = similarity_displacement(points, np.zeros(3), points * 0.1 + (1, 0, -1))
    np.testing.assert_allclose(shift, [1, 0, -1], atol=1e-9)
    assert growth == pytest.approx(0.1)


def test_the_tongues_root_stays() -> None:
    tongue = np.stack([np.zeros(50), np.linspace(-30, -45, 50), np.linspace(40, 95, 50)], axis=1)
    moved = tongue_out(tongue, np.zeros_like(tongue))
    assert np.abs(moved[0]).max() < 0.01
    assert moved[-1, 2] > 25
