"""Projection: known pixels, the inverse, and the derivative against finite differences."""

import math

import numpy as np
import pytest

from mien.core.errors import InputError
from mien.core.mesh import Camera, Placement
from mien.geometry.projection import (
    camera_from_equivalent_focal_length,
    camera_from_field_of_view,
    place,
    project,
    projection_jacobian,
    unproject,
)
from mien.geometry.rotation import HEAD_TO_CAMERA

CAMERA = Camera(800.0, 820.0, 320.0, 240.0)


def test_the_persons_left_is_on_the_pictures_right_and_up_is_up() -> None:
    placement = Placement(HEAD_TO_CAMERA, np.array([0.0, 0.0, 500.0]))
    (x, y), *_ = project(place(np.array([[10.0, 20.0, 0.0]]), placement), CAMERA)
    assert (x, y) == pytest.approx((320 + 16, 240 - 32.8))


def test_unproject_inverts_project() -> None:
    points = np.random.default_rng(0).normal([0, 0, 600], 60, (50, 3))
    np.testing.assert_allclose(unproject(project(points, CAMERA), points[:, 2], CAMERA), points)


def test_a_point_behind_the_camera_has_no_image() -> None:
    assert np.isnan(project(np.array([[0.0, 0.0, -1.0]]), CAMERA)).all()


def test_the_jacobian_agrees_with_finite_differences() -> None:
    points = np.random.default_rng(1).normal([0, 0, 500], 50, (20, 3))
    analytic = projection_jacobian(points, CAMERA)
    for axis in range(3):
        step = np.eye(3)[axis] * 1e-3
        numeric = (project(points + step, CAMERA) - project(points - step, CAMERA)) / 2e-3
        np.testing.assert_allclose(analytic[:, :, axis], numeric, rtol=1e-6, atol=1e-8)


def test_field_of_view_spans_the_diagonal() -> None:
    camera = camera_from_field_of_view(400, 300, math.radians(50))
    assert 2 * math.atan(250 / camera.fx) == pytest.approx(math.radians(50))


def test_degrees_for_radians_are_refused() -> None:
    with pytest.raises(InputError, match="radians"):
        camera_from_field_of_view(400, 300, 50)


def test_a_focal_length_of_zero_is_refused() -> None:
    with pytest.raises(InputError, match="positive"):
        camera_from_equivalent_focal_length(400, 300, 0)
