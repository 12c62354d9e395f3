"""Move a picture by an affine map: crops of aligned faces, turned pictures.

Points are in pixels with the origin at the centre of the top-left pixel, as everywhere in mien (and OpenCV);
Pillow puts it at that pixel's corner, half a pixel away, which the code below accounts for.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError, ShapeError
from mien.core.types import Pixels, Points

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

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
    found = _patch(pixels, inverse, size)
    if found is None:
        return np.zeros((*size, 3), np.uint8)
    patch, corner = found
    factor = _shrinking(inverse) if antialias else 1
    if factor > 1:
        patch = patch.reduce(factor)
    rows = _corner_map(inverse, corner) / factor
    affine, bilinear = Image.Transform.AFFINE, Image.Resampling.BILINEAR
    return np.asarray(patch.transform(size[::-1], affine, tuple(rows.ravel()), bilinear))


def sample_affine(pixels: Pixels, matrix: Matrix, size: tuple[int, int], *, across: int = 2) -> Pixels:
    """Draw what `warp_affine` draws, each crop pixel as the mean of picture pixels taken at even steps.

    across: steps along each side of a crop pixel; 2 takes the four pixels under its quarters, 1 the one under
        its middle.
    More than twice as fast, and smoother where the crop shrinks the picture; blocky where it enlarges it,
    which landmark networks do not mind.
    """
    from PIL import Image

    shift = (across - 1) / 2  # of the crop pixel's centre, counted in steps
    steps = np.asarray(matrix, np.float64) * across + [[0, 0, shift], [0, 0, shift]]
    inverse, drawn_size = invert_affine(steps), (across * size[0], across * size[1])
    found = _patch(pixels, inverse, drawn_size)
    if found is None:
        return np.zeros((*size, 3), np.uint8)
    patch, corner = found
    rows, nearest = _corner_map(inverse, corner), Image.Resampling.NEAREST
    drawn = patch.transform(drawn_size[::-1], Image.Transform.AFFINE, tuple(rows.ravel()), nearest)
    return np.asarray(drawn.reduce(across) if across > 1 else drawn)


def _patch(pixels: Pixels, inverse: Matrix, size: tuple[int, int]) -> tuple[Picture, tuple[int, int]] | None:
    """The part of the picture that a crop needs and its left top corner; None where it needs nothing."""
    from PIL import Image

    height, width = size
    (a, b, x), (c, d, y) = inverse.tolist()
    corners = ((-1, -1), (width, -1), (-1, height), (width, height))
    across = _reach([a * i + b * j + x for i, j in corners], pixels.shape[1])
    down = _reach([c * i + d * j + y for i, j in corners], pixels.shape[0])
    if across is None or down is None:
        return None
    (left, right), (top, bottom) = across, down
    return Image.fromarray(_cut(pixels, left, top, right, bottom)), (left, top)


def _reach(places: list[float], length: int) -> tuple[int, int] | None:
    """First pixel and one past the last of those along a side that ``places`` enclose."""
    low, high = max(min(places), -2.0), min(max(places), length + 1.0)
    if not low <= high < math.inf:
        return None
    return math.floor(low), math.ceil(high) + 1


def _corner_map(inverse: Matrix, corner: tuple[int, int]) -> NDArray[np.float64]:
    """The map from crop to patch as Pillow wants it: both counted from the corner of the first pixel."""
    to_corner = inverse[:, 2] - inverse[:, :2] @ (0.5, 0.5) + 0.5 - corner
    return np.column_stack((inverse[:, :2], to_corner))


def _shrinking(inverse: Matrix) -> int:
    """How many picture pixels fall on one crop pixel, along one side, rounded down."""
    (a, b, _), (c, d, _) = inverse.tolist()
    return max(int(math.sqrt(abs(a * d - b * c)) + 1e-6), 1)


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
