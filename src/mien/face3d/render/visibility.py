"""Which part of the surface a camera sees."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mien.core.mesh import Camera
from mien.face3d.render.rasterize import Fragments
from mien.geometry.projection import project
from mien.geometry.triangles import vertex_normals

Floats = NDArray[np.floating]
Indices = NDArray[np.integer]


def facing_cosine(points: Floats, triangles: Indices) -> NDArray[np.float64]:
    """Cosine between each vertex normal and the ray to the camera, (V,); points (V, 3) in the camera
    frame."""
    towards = -points / np.linalg.norm(points, axis=1, keepdims=True)
    return np.asarray((vertex_normals(points, triangles) * towards).sum(axis=1))


def visible(
    points: Floats, camera: Camera, fragments: Fragments, tolerance: float = 3.0
) -> NDArray[np.bool_]:
    """Which points (N, 3) of the camera frame lie inside the picture and not behind the surface drawn there.

    tolerance: millimetres that a point may lie behind the depth buffer, which knows whole pixels only.
    """
    height, width = fragments.depth.shape
    pixels = project(points, camera)
    inside: NDArray[np.bool_] = np.asarray(np.isfinite(pixels).all(axis=1))
    column, row = np.round(np.where(inside[:, None], pixels, -1)).astype(np.int64).T
    inside &= (column >= 0) & (row >= 0) & (column < width) & (row < height)
    result = np.zeros(len(points), bool)
    result[inside] = points[inside, 2] <= fragments.depth[row[inside], column[inside]] + tolerance
    return result
