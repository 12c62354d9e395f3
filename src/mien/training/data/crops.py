"""From a sample to the square of pixels that a net sees, and where the picture's points went."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError
from mien.core.types import Image, Pixels, Points
from mien.imaging.warp import move_points, warp_affine
from mien.training.data.listing import Sample
from mien.training.data.pictures import read_sample


@dataclass(frozen=True, slots=True, eq=False)
class Crop:
    """A square cut out of a picture.

    pixels: (size, size, 3) uint8 RGB.    matrix: (2, 3), picture pixels to crop pixels.
    mesh: (468, 3) crop pixels where a landmark network looked, else None; z as `Landmarks` has it.
    """

    pixels: Pixels
    matrix: NDArray[np.float64]
    mesh: Points | None = None

    def place(self, points: Points) -> NDArray[np.float64]:
        """Move (K, 2) picture points into the crop."""
        return move_points(self.matrix, points)


# (sample, size) -> the crop of that many pixels a side.
Align = Callable[[Sample, int], Crop]


def whole_picture(sample: Sample, size: int) -> Crop:
    """The whole picture, stretched to a square: for data sets that come as crops of one shape."""
    image = read_sample(sample)
    return cut(image, (-0.5, -0.5, image.width - 0.5, image.height - 0.5), size)


def centre_square(sample: Sample, size: int) -> Crop:
    """The largest square in the middle of the picture."""
    image = read_sample(sample)
    side = min(image.width, image.height)
    left, top = (image.width - side) / 2 - 0.5, (image.height - side) / 2 - 0.5
    return cut(image, (left, top, left + side, top + side), size)


def boxed(sample: Sample, size: int, margin: float = 0.2) -> Crop:
    """A square around the sample's box, wider by ``margin`` of its longer side on each side; black outside.

    raises: `InputError` for a sample without a box.
    """
    if sample.box is None:
        raise InputError(f"{sample.path} has no box: use a source that has boxes, or align with the pipeline")
    (x, y), half = sample.box.center, max(sample.box.width, sample.box.height) * (0.5 + margin)
    return cut(read_sample(sample), (x - half, y - half, x + half, y + half), size)


def cut(image: Image, corners: tuple[float, float, float, float], size: int) -> Crop:
    """Draw a rectangle of a picture as a square; sides may be scaled differently."""
    x1, y1, x2, y2 = corners
    sx, sy = size / (x2 - x1), size / (y2 - y1)
    # The rectangle's corner is the corner of the first pixel, half a pixel before its centre.
    matrix = np.array([[sx, 0.0, -x1 * sx - 0.5], [0.0, sy, -y1 * sy - 0.5]])
    return Crop(warp_affine(image.pixels, matrix, (size, size), antialias=True), matrix)


ALIGNMENTS: Mapping[str, Align] = {
    "whole": whole_picture,
    "centre": centre_square,
    "box": boxed,
}
