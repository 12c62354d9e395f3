"""Tilted squares: corners go where they should, whatever the tilt."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mien.geometry.squares import scale_of, square_to_crop


@pytest.mark.parametrize("angle", [0.0, 0.4, -2.0, math.pi])
def test_the_squares_corners_become_the_crops_corners(angle: float) -> None:
    center, side, size = (30.0, 47.0), 80.0, 192
    along = np.array([math.cos(angle), math.sin(angle)]) * side / 2
    down = np.array([-along[1], along[0]])
    matrix = square_to_crop(center, side, angle, size)
    for x, y, corner in ((-1, -1, (-0.5, -0.5)), (1, -1, (191.5, -0.5)), (1, 1, (191.5, 191.5))):
        point = np.asarray(center) + x * along + y * down
        np.testing.assert_allclose(matrix @ [*point, 1], corner, atol=1e-9)


def test_the_scale_is_crop_pixels_a_picture_pixel() -> None:
    assert scale_of(square_to_crop((0, 0), 50, 1.1, 100)) == pytest.approx(2)
