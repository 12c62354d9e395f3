"""Tilted squares in a picture and the affine map onto an upright crop."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Affine = NDArray[np.float64]


def square_to_crop(center: tuple[float, float], side: float, angle: float, size: int) -> Affine:
    """Map a square of the picture onto a crop of ``size`` × ``size`` pixels.

    center: pixels.    side: pixels.    angle: radians, where the square's top edge points (+ is clockwise).
    returns: (2, 3), picture pixels -> crop pixels, both with whole numbers at pixel centres.

    >>> m = square_to_crop((49.5, 49.5), 100, 0.0, 50)
    >>> (m @ [-0.5, 99.5, 1]).round(6)      # the square's lower left corner is the crop's
    array([-0.5, 49.5])
    """
    zoom = size / side
    cos, sin = math.cos(angle) * zoom, math.sin(angle) * zoom
    linear = np.array([[cos, sin], [-sin, cos]])
    middle = (size - 1) / 2
    return np.column_stack([linear, middle - linear @ np.asarray(center)])


def scale_of(matrix: Affine) -> float:
    """How many crop pixels one picture pixel becomes, for a map without shear."""
    (a, b, _), (c, d, _) = matrix.tolist()
    return math.sqrt(abs(a * d - b * c))
