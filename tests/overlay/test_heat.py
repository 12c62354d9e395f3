"""Heat is orange where it speaks for, blue where it speaks against, and nothing where it is weak."""

from __future__ import annotations

import numpy as np
import pytest

from mien.core.errors import ShapeError
from mien.overlay.heat import heat_over, heat_sheet

CROP = np.full((40, 40, 3), 120, np.uint8)


def test_the_sign_is_the_colour_and_weak_heat_leaves_grey() -> None:
    heat = np.zeros((40, 40))
    heat[:10], heat[10:20], heat[20:30] = 1, -1, 0.1
    made = heat_over(CROP, heat, 1.0).astype(int)
    assert made[5, 5, 0] > made[5, 5, 2] + 60
    assert made[15, 15, 2] > made[15, 15, 0] + 60
    np.testing.assert_array_equal(made[25, 25], [120, 120, 120])


def test_two_faces_stand_side_by_side_with_their_maps() -> None:
    heat = np.linspace(-1, 1, 1600).reshape(40, 40)
    sheet = heat_sheet([("a.jpg", CROP, heat), ("b" * 99, CROP, heat)], "same person", ["eyes", "nose"])
    assert sheet.shape[1] > 4 * 300
    assert (sheet[-1] == 255).all()


def test_says_what_shape_it_wanted() -> None:
    with pytest.raises(ShapeError, match="heat"):
        heat_over(CROP, np.zeros((3, 3)), 1.0)
