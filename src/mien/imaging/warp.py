"""Move a picture by an affine map: crops of aligned faces, turned pictures.

Points are in pixels with the origin at the centre of the top-left pixel, as everywhere in mien (and OpenCV);
Pillow puts it at that pixel's corner, half a pixel away, which the code below accounts for.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError, ShapeError
from mien.core.types import Pixels, Points

Matrix = NDArray[np.floating]


def warp_affine(pixels: Pixels, matrix: Matrix, size: tuple[int, int], *, antialias: bool = False) -> Pixels:
    """Draw the part of a picture that ``matrix`` moves into a crop; black where the picture ends.

    pixels: (H, W, 3) RGB.    matrix: (2, 3), picture pixels to crop pixels.    size: (h, w) of the crop.
    antialias: average the picture first where the crop shrinks it to half or less. Without it each crop
        pixel is made from four picture pixels, as OpenCV's ``warpAffine`` does, and agrees within one level.
    returns: (h, w, 3) uint8.
    """
    from PIL import Image

    inverse = invert_affine(matrix)
    height, width = size
    corners = np.array([(-1, -1), (width, -1), (-1, height), (width, height)], float)
    reach = move_points(inverse, corners)
    shape = pixels.shape
    left, top = np.floor(np.clip(reach.min(0), -2, (shape[1] + 1, shape[0] + 1))).astype(int)
    right, bottom = np.ceil(np.clip(reach.max(0), -2, (shape[1] + 1, shape[0] + 1))).astype(int) + 1
    if right - left < 1 or bottom - top < 1 or not np.isfinite(reach).all():
        return np.zeros((height, width, 3), np.uint8)
    patch = Image.fromarray(_cut(pixels, left, top, right, bottom))
    factor = _shrinking(inverse) if antialias else 1
    if factor > 1:
        patch = patch.reduce(factor)
    to_corner = inverse[:, 2] - inverse[:, :2] @ (0.5, 0.5) + 0.5 - (left, top)
    rows = np.column_stack((inverse[:, :2], to_corner)) / factor
    moved = patch.transform(
        (width, height), Image.Transform.AFFINE, tuple(rows.ravel()), Image.Resampling.BILINEAR
    )
    return np.asarray(moved)


def _shrinking(inverse: Matrix) -> int:
    """How many picture pixels fall on one crop pixel, along one side, rounded down."""
    return max(int(math.sqrt(abs(np.linalg.det(inverse[:, :2]))) + 1e-6), 1)


def _cut(pixels: Pixels, left: int, top: int, right: int, bottom: int) -> Pixels:
    """Cut a rectangle that may reach beyond the picture; black there."""
    height, width = pixels.shape[:2]
    if left >= 0 and top >= 0 and right <= width and bottom <= height:
        return np.ascontiguousarray(pixels[top:bottom, left:right])
    patch = np.zeros((bottom - top, right - left, 3), np.uint8)
    x1, y1, x2, y2 = max(left, 0), max(top, 0), min(right, width), min(bottom, height)
    if x1 < x2 and y1 < y2:
        patch[y1 - top : y2 - top, x1 - left : x2 - left] = pixels[y1:y2, x1:x2]
    return patch


def invert_affine(matrix: Matrix) -> NDArray[np.float64]:
    """Invert a (2, 3) map; raises `InputError` where it flattens the plane.

    >>> invert_affine(np.array([[2.0, 0, 4], [0, 2, 6]]))
    array([[ 0.5,  0. , -2. ],
           [ 0. ,  0.5, -3. ]])
    """
    if matrix.shape != (2, 3):
        raise ShapeError("matrix", "(2, 3)", matrix.shape)
    (a, b, x), (c, d, y) = matrix.astype(np.float64)
    determinant = a * d - b * c
    if determinant == 0 or not math.isfinite(determinant):
        raise InputError("the affine matrix cannot be inverted: pass one whose first two columns differ")
    a, b, c, d = d / determinant, (0.0 - b) / determinant, (0.0 - c) / determinant, a / determinant
    return np.array([[a, b, 0.0 - a * x - b * y], [c, d, 0.0 - c * x - d * y]])


def move_points(matrix: Matrix, points: Points) -> NDArray[np.float64]:
    """Apply a (2, 3) map to (..., 2) points."""
    moved: NDArray[np.float64] = points @ matrix[:, :2].T + matrix[:, 2]
    return moved
