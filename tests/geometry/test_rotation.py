"""Rotations: conventions, round trips, and the cases where formulas divide by nothing."""

import math

import numpy as np
import pytest

from mien.core.errors import ShapeError
from mien.core.types import HeadPose
from mien.geometry.rotation import (
    cross_matrix,
    nearest_rotation,
    pose_from_rotation,
    quaternion_from_rotation,
    rotation_from_pose,
    rotation_from_vector,
    vector_from_rotation,
)

NOSE = np.array([0.0, 0.0, -1.0])
CROWN = np.array([0.0, -1.0, 0.0])


def test_positive_yaw_turns_the_nose_to_the_pictures_right() -> None:
    assert (rotation_from_pose(HeadPose(0.4, 0, 0)) @ NOSE)[0] == pytest.approx(math.sin(0.4))


def test_positive_pitch_turns_the_nose_down() -> None:
    assert (rotation_from_pose(HeadPose(0, 0.4, 0)) @ NOSE)[1] == pytest.approx(math.sin(0.4))


def test_positive_roll_tips_the_head_clockwise() -> None:
    assert (rotation_from_pose(HeadPose(0, 0, 0.4)) @ CROWN)[0] == pytest.approx(math.sin(0.4))


@pytest.mark.parametrize("yaw", [-1.5, -0.3, 0.0, 0.9])
@pytest.mark.parametrize("pitch", [-1.2, 0.0, 0.5])
@pytest.mark.parametrize("roll", [-3.0, 0.0, 1.7])
def test_pose_survives_the_round_trip(yaw: float, pitch: float, roll: float) -> None:
    back = pose_from_rotation(rotation_from_pose(HeadPose(yaw, pitch, roll)))
    assert (back.yaw, back.pitch, back.roll) == pytest.approx((yaw, pitch, roll), abs=1e-9)


def test_turning_the_picture_changes_the_roll_only() -> None:
    turned = rotation_from_vector(np.array([0, 0, 0.25])) @ rotation_from_pose(HeadPose(0.5, -0.2, 0.1))
    back = pose_from_rotation(turned)
    assert (back.yaw, back.pitch, back.roll) == pytest.approx((0.5, -0.2, 0.35))


def test_a_profile_keeps_its_rotation_even_where_pitch_and_roll_are_one() -> None:
    rotation = rotation_from_pose(HeadPose(math.pi / 2, 0.3, 0.2))
    again = rotation_from_pose(pose_from_rotation(rotation))
    np.testing.assert_allclose(again, rotation, atol=1e-7)


@pytest.mark.parametrize("angle", [0.0, 1e-10, 1e-5, 1.0, 3.0, math.pi - 1e-6])
def test_rotation_vectors_survive_the_round_trip(angle: float) -> None:
    vector = angle * np.array([2.0, -1.0, 2.0]) / 3
    np.testing.assert_allclose(vector_from_rotation(rotation_from_vector(vector)), vector, atol=1e-9)


def test_quaternions_of_half_turns_are_unit() -> None:
    for axis in np.eye(3):
        q = quaternion_from_rotation(rotation_from_vector(axis * math.pi))
        np.testing.assert_allclose(np.abs(q), [0, *axis], atol=1e-9)


def test_cross_matrix_is_the_cross_product() -> None:
    a, b = np.array([1.0, 2.0, 3.0]), np.array([-4.0, 0.5, 2.0])
    np.testing.assert_allclose(cross_matrix(a) @ b, np.cross(a, b))


def test_nearest_rotation_is_never_a_reflection() -> None:
    mirror = np.diag([1.0, 1.0, -1.0]) + 0.01
    assert np.linalg.det(nearest_rotation(mirror)) == pytest.approx(1)


def test_says_what_shape_it_wanted() -> None:
    with pytest.raises(ShapeError, match=r"\(3,\), not \(2,\)"):
        rotation_from_vector(np.zeros(2))
