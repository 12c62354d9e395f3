"""Where the head stands, in closed form: the start of every fit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import ShapeError, ThinData
from mien.core.mesh import Camera, Placement
from mien.geometry.rotation import nearest_rotation

Floats = NDArray[np.floating]


def placement_from_points(points: Floats, pixels: Floats, camera: Camera, rounds: int = 4) -> Placement:
    """Find rotation and translation of known points (N, 3) mm seen at pixels (N, 2).

    POSIT (DeMenthon and Davis 1995): a scaled orthographic camera has a linear solution; each round corrects
    the pixels for the perspective of the last.  Exact for points without noise after a few rounds.
    """
    if points.ndim != 2 or points.shape[1] != 3 or pixels.shape != (len(points), 2):
        raise ShapeError("points and pixels", "(N, 3) and (N, 2)", (*points.shape, *pixels.shape))
    if len(points) < 6:
        raise ThinData(f"{len(points)} points do not fix a pose; give at least 6")
    centre = points.mean(axis=0)
    offsets = points - centre
    inverse = np.linalg.pinv(offsets)
    rays = (pixels - (camera.cx, camera.cy)) / (camera.fx, camera.fy)
    nearness = np.zeros(len(points))  # (z - z of the centre) / z of the centre
    rotation, depth, middle = np.eye(3), 1.0, np.zeros(2)
    for _ in range(rounds):
        orthographic = rays * (1 + nearness)[:, None]
        middle = orthographic.mean(axis=0)
        affine = inverse @ (orthographic - middle)  # (3, 2)
        lengths = np.linalg.norm(affine, axis=0)
        scale = float(np.sqrt(lengths[0] * lengths[1]))
        first, second = affine[:, 0] / max(lengths[0], 1e-12), affine[:, 1] / max(lengths[1], 1e-12)
        rotation = nearest_rotation(np.stack([first, second, np.cross(first, second)]))
        depth = 1 / max(scale, 1e-12)
        nearness = offsets @ rotation[2] / depth
    translation = np.array([middle[0] * depth, middle[1] * depth, depth]) - rotation @ centre
    return Placement(rotation, translation)
