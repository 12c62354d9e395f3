"""Flip, crop, shift, zoom, turn and shear, as one affine map, so that pixels are interpolated once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mien.core.types import Pixels, Points
from mien.imaging.warp import move_points, warp_affine

if TYPE_CHECKING:
    from mien.training.augment import AugmentConfig

# Which point each becomes in the mirror image. 5: eyes, nose, mouth corners. 68: iBUG's (Sagonas 2013).
_BROWS_NOSE = (*range(26, 16, -1), *range(27, 31), *range(35, 30, -1))
_EYES = (45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40)
_MOUTH = (*range(54, 47, -1), *range(59, 54, -1), *range(64, 59, -1), *range(67, 64, -1))
MIRRORED: Mapping[int, tuple[int, ...]] = {
    5: (1, 0, 2, 4, 3),
    68: (*range(16, -1, -1), *_BROWS_NOSE, *_EYES, *_MOUTH),
}


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """turn: (2, 2) about the picture's centre, in units of its sides.    shift: (2,) shares of a side."""

    turn: NDArray[np.float64]
    shift: NDArray[np.float64]
    flip: bool

    @property
    def still(self) -> bool:
        return not self.shift.any() and np.array_equal(self.turn, np.eye(2))

    def matrix(self, size: tuple[int, int]) -> NDArray[np.float64]:
        """(2, 3), pixels to pixels, for a picture of (h, w)."""
        sides = np.array(size[::-1], np.float64)
        centre = (sides - 1) / 2
        turn = sides[:, None] * self.turn / sides[None, :]
        return np.column_stack([turn, centre + self.shift * sides - turn @ centre])

    def place(self, points: Points, size: tuple[int, int]) -> NDArray[np.float64]:
        return move_points(self.matrix(size), points)


def draw_motion(config: AugmentConfig, rng: np.random.Generator) -> Motion:
    """Draw how the picture moves; every draw is made whatever is switched on, so that switches stay apart."""
    flip = bool(rng.random() < config.flip)
    turned, sheared, zoomed, cut = rng.uniform(-1, 1, 4)
    shift = rng.uniform(-1, 1, 2) * config.shift
    place = rng.uniform(-1, 1, 2)
    angle, slant = math.radians(config.rotate) * turned, config.shear * sheared
    # Enlarging by 1 + z is as likely as shrinking by it; a crop only enlarges.
    scale = (1 + config.zoom) ** zoomed
    kept = 1 - config.crop * abs(cut)
    rotate = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    turn = rotate @ np.array([[1.0, slant], [0.0, 1.0]]) * (scale / kept)
    if flip:
        turn = turn @ np.diag([-1.0, 1.0])
    return Motion(turn, shift + place * (1 - kept) / (2 * kept), flip)


def move_pixels(pixels: Pixels, motion: Motion) -> Pixels:
    """Draw the moved picture; beyond its edge the picture is mirrored, so that no black corners appear."""
    height, width = pixels.shape[:2]
    if motion.still:
        return pixels
    if np.array_equal(motion.turn, np.diag([-1.0, 1.0])) and not motion.shift.any():
        return np.ascontiguousarray(pixels[:, ::-1])
    rim = (min(height, width) + 1) // 2
    wide = np.pad(pixels, ((rim, rim), (rim, rim), (0, 0)), "symmetric")
    matrix = motion.matrix((height, width))
    matrix[:, 2] -= matrix[:, :2] @ (rim, rim)
    return warp_affine(wide, matrix, (height, width), antialias=True)
