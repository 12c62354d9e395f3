"""Head frame → camera frame → pixels."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError, ShapeError
from mien.core.mesh import Camera, Placement

Array = NDArray[np.float64]


def place(points: NDArray[np.floating], placement: Placement) -> Array:
    """Move (N, 3) points of the head frame into the camera frame."""
    if points.ndim != 2 or points.shape[1] != 3:
        raise ShapeError("points", "(N, 3)", points.shape)
    return np.asarray(points @ placement.rotation.T + placement.translation, np.float64)


def project(points: NDArray[np.floating], camera: Camera) -> Array:
    """Project (N, 3) points of the camera frame to (N, 2) pixels.

    A point in the camera plane or behind it has no image; its row is NaN.

    >>> project(np.array([[10.0, 0.0, 100.0]]), Camera(500, 500, 320, 240))
    array([[370., 240.]])
    """
    if points.ndim != 2 or points.shape[1] != 3:
        raise ShapeError("points", "(N, 3)", points.shape)
    z = np.where(points[:, 2] > 0, points[:, 2], np.nan)
    return np.stack(
        [camera.fx * points[:, 0] / z + camera.cx, camera.fy * points[:, 1] / z + camera.cy], axis=1
    )


def projection_jacobian(points: NDArray[np.floating], camera: Camera) -> Array:
    """Derivative of `project` by the camera-frame point: (N, 2, 3) pixels per millimetre."""
    x, y, z = np.asarray(points, np.float64).T
    jacobian = np.zeros((len(points), 2, 3))
    jacobian[:, 0, 0] = camera.fx / z
    jacobian[:, 0, 2] = -camera.fx * x / z**2
    jacobian[:, 1, 1] = camera.fy / z
    jacobian[:, 1, 2] = -camera.fy * y / z**2
    return jacobian


def unproject(pixels: NDArray[np.floating], depth: NDArray[np.floating], camera: Camera) -> Array:
    """Lift (N, 2) pixels with their depth z (N,) into the camera frame: the inverse of `project`."""
    x = (pixels[:, 0] - camera.cx) / camera.fx * depth
    y = (pixels[:, 1] - camera.cy) / camera.fy * depth
    return np.stack([x, y, np.asarray(depth, np.float64)], axis=1)


def camera_from_field_of_view(width: int, height: int, diagonal: float) -> Camera:
    """A camera with square pixels and the given diagonal field of view in radians, centred on the picture."""
    if not 0 < diagonal < math.pi:
        raise InputError(
            f"a field of view lies between 0 and pi radians, not at {diagonal:.3f}; give it in radians"
        )
    focal = math.hypot(width, height) / 2 / math.tan(diagonal / 2)
    return Camera(focal, focal, (width - 1) / 2, (height - 1) / 2)


def camera_from_equivalent_focal_length(width: int, height: int, millimetres: float) -> Camera:
    """A camera from EXIF's ``FocalLengthIn35mmFilm``: the same diagonal field of view on a 36 x 24 mm frame.

    >>> round(camera_from_equivalent_focal_length(3600, 2400, 50.0).fx)
    5000
    """
    if millimetres <= 0:
        raise InputError(f"a focal length is positive, not {millimetres}; leave it out where it is unknown")
    return camera_from_field_of_view(width, height, 2 * math.atan(math.hypot(36, 24) / 2 / millimetres))
