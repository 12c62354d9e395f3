"""Turn a picture in its plane, and map points back."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.core.types import Pixels, Points
from mien.imaging.warp import invert_affine, move_points, warp_affine


@dataclass(frozen=True, slots=True, eq=False)
class Turned:
    """A turned picture.

    pixels: (H, W, 3) uint8 RGB.
    matrix: (2, 3) float64, maps pixels of the picture before to pixels of the picture after.
    """

    pixels: Pixels
    matrix: NDArray[np.float64]

    def to_picture(self, points: Points) -> NDArray[np.float64]:
        """Map (..., 2) points of the turned picture to the picture before."""
        return move_points(invert_affine(self.matrix), points)


def quarter_turns(pixels: Pixels, turns: int) -> Turned:
    """Turn clockwise by ``turns`` x 90 degrees; every pixel is kept as it is.

    >>> quarter_turns(np.zeros((2, 3, 3), np.uint8), 1).pixels.shape
    (3, 2, 3)
    """
    right, down = pixels.shape[1] - 1.0, pixels.shape[0] - 1.0
    matrix = {
        0: [[1.0, 0, 0], [0, 1, 0]],
        1: [[0.0, -1, down], [1, 0, 0]],
        2: [[-1.0, 0, right], [0, -1, down]],
        3: [[0.0, 1, 0], [-1, 0, right]],
    }[turns % 4]
    return Turned(np.ascontiguousarray(np.rot90(pixels, -turns)), np.array(matrix))


def rotate(pixels: Pixels, angle: float) -> Turned:
    """Turn clockwise by ``angle`` radians about the centre; the frame grows to hold all of it, on black."""
    height, width = pixels.shape[:2]
    cos, sin = math.cos(angle), math.sin(angle)
    wide = math.ceil(abs(width * cos) + abs(height * sin) - 1e-6)
    tall = math.ceil(abs(width * sin) + abs(height * cos) - 1e-6)
    turn = np.array([[cos, -sin], [sin, cos]])
    before, after = np.array([width - 1, height - 1]) / 2, np.array([wide - 1, tall - 1]) / 2
    matrix = np.column_stack((turn, after - turn @ before))
    return Turned(warp_affine(pixels, matrix, (tall, wide)), matrix)
