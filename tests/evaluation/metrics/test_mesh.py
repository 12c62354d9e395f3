"""Geometry errors whose values are known."""

from pathlib import Path

import numpy as np
import pytest

from mien.core.errors import ShapeError, ThinData
from mien.evaluation.metrics.mesh import align, face_region, surface_error
from mien.geometry.rotation import rotation_from_vector

TURN = rotation_from_vector(np.array([0.2, -0.4, 0.1]))


def bumpy(size: int = 40) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.meshgrid(np.linspace(-60, 60, size), np.linspace(-80, 80, size), indexing="ij")
    z = 12 * np.sin(x / 17) * np.cos(y / 23) - 0.004 * (x**2 + y**2)
    corner = np.array([[i * size + j for j in range(size - 1)] for i in range(size - 1)]).ravel()
    triangles = np.concatenate(
        [
            np.stack([corner, corner + size, corner + 1], 1),
            np.stack([corner + 1, corner + size, corner + size + 1], 1),
        ]
    )
    return np.stack([x, y, z], axis=2).reshape(-1, 3), triangles


def test_alignment_recovers_a_known_similarity() -> None:
    points = np.random.default_rng(0).normal(size=(9, 3))
    size, rotation, shift = align(points, 1.3 * points @ TURN.T + (1, 2, 3), scale=True)
    assert size == pytest.approx(1.3)
    np.testing.assert_allclose(rotation, TURN, atol=1e-9)
    np.testing.assert_allclose(shift, [1, 2, 3], atol=1e-9)


def test_alignment_is_never_a_reflection() -> None:
    points = np.random.default_rng(1).normal(size=(9, 3))
    _, rotation, _ = align(points, points * (-1, 1, 1), scale=True)
    assert np.linalg.det(rotation) == pytest.approx(1)


def test_a_moved_copy_has_no_error_and_an_offset_shell_has_its_offset() -> None:
    points, triangles = bumpy()
    marks = points[[0, 100, 400, 800, 1200, 1500, 1599]]
    moved = points @ TURN.T + (5, -3, 400)
    marks_moved = marks @ TURN.T + (5, -3, 400)
    same = surface_error(moved, triangles, marks_moved, points, marks, "rigid")
    assert same.median < 1e-3
    flat = points * (1, 1, 0)
    # equally above and below: nothing to align away
    raised = np.concatenate([flat + np.array([0, 0, 1.0]), flat - np.array([0, 0, 1.0])])
    error = surface_error(
        flat,
        triangles,
        flat[[0, 39, 800, 1560, 1599, 60, 700]],
        raised,
        flat[[0, 39, 800, 1560, 1599, 60, 700]],
        "rigid",
    )
    assert error.median == pytest.approx(1.0, abs=0.02)
    assert error.to_dict()["aligned"] == "rigid"


def test_a_wrong_size_counts_when_metric_and_not_when_scaled() -> None:
    points, triangles = bumpy()
    marks = points[[0, 100, 400, 800, 1200, 1500, 1599]]
    rigid = surface_error(points * 1.05, triangles, marks * 1.05, points, marks, "rigid")
    scaled = surface_error(points * 1.05, triangles, marks * 1.05, points, marks, "rigid+scale")
    assert scaled.median < 1e-2 < 0.1 < rigid.median


def test_the_face_region_is_a_ball_around_the_nose() -> None:
    marks = np.array(
        [[-45, 0, 0], [-15, 0, 5], [15, 0, 5], [45, 0, 0], [0, -40, 30], [-20, -60, 15], [20, -60, 15]], float
    )
    # The nose: from (0, -40, 30) to (0, 0, 5), 47.17 mm; the ball: around (0, -28, 22.5), 96.02 mm.
    centre, up = np.array([0.0, -28, 22.5]), np.array([0.0, 96.02, 0])
    inside = face_region(np.stack([centre + 0.999 * up, centre - 0.999 * up, centre + 1.001 * up]), marks)
    assert inside.tolist() == [True, True, False]


@pytest.mark.shared
@pytest.mark.parametrize("name", ["lee", "sven", "fran"])
def test_the_face_region_is_the_one_that_others_cut_scans_with(name: str, shared: Path) -> None:
    truth = np.load(shared / "scans" / "gt" / f"gt_{name}.npz")
    points, marks = truth["points"].astype(float), truth["lm7"].astype(float)
    assert face_region(points, marks).mean() > 0.9995
    centre = marks[4] + 0.3 * ((marks[1] + marks[2]) / 2 - marks[4])
    grown = centre + 1.001 * (points - centre)
    assert not face_region(grown, marks).all()


def test_too_little_is_said() -> None:
    points, triangles = bumpy()
    with pytest.raises(ThinData, match="too few"):
        surface_error(points, triangles, points[:7], points[:10], points[:7])
    with pytest.raises(ShapeError, match=r"\(7, 3\)"):
        face_region(points, points[:6])
