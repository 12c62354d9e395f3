"""Rotations as matrices, vectors and yaw, pitch, roll; radians.

A `HeadPose` is ``Rz(roll) @ Ry(-yaw) @ Rx(pitch)`` in the camera frame (+x right, +y down, +z into the
scene), so that turning the picture changes the roll and nothing else.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import ShapeError
from mien.core.mesh import Placement
from mien.core.types import HeadPose

Matrix = NDArray[np.float64]

HEAD_TO_CAMERA: Matrix = np.diag([1.0, -1.0, -1.0])
"""Head frame (+y up, +z out of the face) to camera frame for a head that looks straight into the camera."""


def rotation_from_vector(vector: NDArray[np.floating]) -> Matrix:
    """Turn a rotation vector (axis times angle, (3,)) into its matrix (Rodrigues' formula).

    >>> rotation_from_vector(np.array([0, 0, np.pi / 2])).round(6) @ [1, 0, 0]
    array([0., 1., 0.])
    """
    if vector.shape != (3,):
        raise ShapeError("rotation vector", "(3,)", vector.shape)
    angle = float(np.linalg.norm(vector))
    k = cross_matrix(vector)
    if angle < 1e-8:  # the series, where the quotients below lose their digits
        return np.eye(3) + k + k @ k / 2
    return np.eye(3) + math.sin(angle) / angle * k + (1 - math.cos(angle)) / angle**2 * (k @ k)


def vector_from_rotation(rotation: NDArray[np.floating]) -> Matrix:
    """Turn a rotation matrix into axis times angle, (3,), with angle in 0..pi.

    >>> vector_from_rotation(rotation_from_vector(np.array([0.1, -0.2, 0.3]))).round(6)
    array([ 0.1, -0.2,  0.3])
    """
    w, x, y, z = quaternion_from_rotation(rotation)
    axis = np.array([x, y, z])
    length = float(np.linalg.norm(axis))
    return 2 * axis if length < 1e-12 else axis * (2 * math.atan2(length, w) / length)


def pose_of_head(placement: Placement) -> HeadPose:
    """Yaw, pitch and roll of a head that stands in the camera frame.

    >>> pose_of_head(Placement(HEAD_TO_CAMERA, np.zeros(3)))
    HeadPose(yaw=0.0, pitch=0.0, roll=0.0)
    """
    return pose_from_rotation(placement.rotation @ HEAD_TO_CAMERA)


def cross_matrix(vector: NDArray[np.floating]) -> Matrix:
    """The matrix K with ``K @ p == cross(vector, p)``."""
    x, y, z = (float(v) for v in vector)
    return np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])


def quaternion_from_rotation(rotation: NDArray[np.floating]) -> Matrix:
    """Turn a rotation matrix into the unit quaternion (w, x, y, z) with w >= 0.

    The largest of the four components is computed first (Shepperd 1978), so no case divides by nearly
    nothing.
    """
    m = np.asarray(rotation, np.float64)
    if m.shape != (3, 3):
        raise ShapeError("rotation", "(3, 3)", m.shape)
    trace = float(np.trace(m))
    squares = np.array([trace, m[0, 0], m[1, 1], m[2, 2]])
    i = int(np.argmax(squares))
    q = np.empty(4)
    if i == 0:
        q[:] = 1 + trace, m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1]
    else:
        a, b, c = i - 1, i % 3, (i + 1) % 3
        q[0] = m[c, b] - m[b, c]
        q[1 + a] = 1 + m[a, a] - m[b, b] - m[c, c]
        q[1 + b] = m[a, b] + m[b, a]
        q[1 + c] = m[a, c] + m[c, a]
    q /= np.linalg.norm(q)
    return q if q[0] >= 0 else -q


def nearest_rotation(matrix: NDArray[np.floating]) -> Matrix:
    """Find the rotation that is nearest to a (3, 3) matrix; never a reflection (Schönemann 1966)."""
    u, _, vt = np.linalg.svd(matrix)
    flip = np.diag([1.0, 1.0, float(np.sign(np.linalg.det(u @ vt)))])
    return np.asarray(u @ flip @ vt, np.float64)


def rotation_from_pose(pose: HeadPose) -> Matrix:
    """Turn yaw, pitch and roll into the rotation of the head in the camera frame.

    >>> rotation_from_pose(HeadPose(0.3, 0.0, 0.0)).round(3) @ [0, 0, -1]   # the nose, to the right
    array([ 0.296,  0.   , -0.955])
    """
    cy, sy = math.cos(-pose.yaw), math.sin(-pose.yaw)
    cp, sp = math.cos(pose.pitch), math.sin(pose.pitch)
    cr, sr = math.cos(pose.roll), math.sin(pose.roll)
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return np.asarray(about_z @ about_y @ about_x, np.float64)


def pose_from_rotation(rotation: NDArray[np.floating]) -> HeadPose:
    """Read yaw (-pi/2..pi/2), pitch and roll from a rotation of the head in the camera frame.

    At yaw = +-pi/2 pitch and roll turn about one axis; all of it is then called pitch.
    """
    m = np.asarray(rotation, np.float64)
    if m.shape != (3, 3):
        raise ShapeError("rotation", "(3, 3)", m.shape)
    yaw = math.asin(float(np.clip(m[2, 0], -1, 1)))
    if math.hypot(m[0, 0], m[1, 0]) < 1e-9:
        return HeadPose(yaw, math.atan2(-m[1, 2], m[1, 1]), 0.0)
    return HeadPose(yaw, math.atan2(m[2, 1], m[2, 2]), math.atan2(m[1, 0], m[0, 0]))
