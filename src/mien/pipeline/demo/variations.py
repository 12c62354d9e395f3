"""What life does to a portrait: each function changes one thing and says where the face went."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.core.types import Box, Pixels
from mien.imaging.rotate import quarter_turns, rotate

Matrix = NDArray[np.float64]
IDENTITY: Matrix = np.eye(2, 3)


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """A changed picture.

    pixels: (H, W, 3) uint8 RGB as the file stores them.
    matrix: (2, 3), pixels of the portrait to pixels of the upright picture.
    orientation: EXIF's number for how the file has to be turned to stand upright; 1 is "as it is".
    """

    pixels: Pixels
    matrix: Matrix
    orientation: int = 1


@dataclass(frozen=True, slots=True)
class Variation:
    """make: (portrait, the face's box in it) to the changed picture."""

    name: str
    title: str
    make: Callable[[Pixels, Box], Made]


def scaled(pixels: Pixels, scale: float) -> Made:
    """Resize; the matrix maps centres of pixels, which corners scaled by ``scale`` bring along."""
    from PIL import Image

    height, width = pixels.shape[:2]
    size = round(width * scale), round(height * scale)
    small = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))
    x, y = size[0] / width, size[1] / height
    return Made(small, np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2]]))


def smaller(pixels: Pixels, face: Box) -> Made:
    """As in the back row: the face is 32 pixels wide."""
    return scaled(pixels, 32 / face.width)


def lying(pixels: Pixels, _: Box) -> Made:
    """As phones store it: lying on its side, with EXIF's note to turn it a quarter clockwise."""
    return Made(quarter_turns(pixels, -1).pixels, IDENTITY, orientation=6)


def turned(degrees: float) -> Callable[[Pixels, Box], Made]:
    def turn(pixels: Pixels, _: Box) -> Made:
        done = (
            rotate(pixels, math.radians(degrees))
            if degrees % 90
            else quarter_turns(pixels, int(degrees // 90))
        )
        return Made(done.pixels, done.matrix)

    return turn


def darker(pixels: Pixels, _: Box) -> Made:
    """A quarter of the brightness, as an underexposed picture is."""
    return Made((pixels // 4).astype(np.uint8), IDENTITY)


def grey(pixels: Pixels, _: Box) -> Made:
    from PIL import Image

    return Made(np.asarray(Image.fromarray(pixels).convert("L").convert("RGB")), IDENTITY)


def close_up(pixels: Pixels, face: Box) -> Made:
    """Cut so close that the face's frame is the picture's."""
    x1, y1 = max(0, round(face.x1)), max(0, round(face.y1))
    cut = pixels[y1 : round(face.y2), x1 : round(face.x2)]
    return Made(np.ascontiguousarray(cut), IDENTITY - np.array([[0, 0, x1], [0, 0, y1]]))


VARIATIONS = (
    Variation("small", "a face of 32 pixels", smaller),
    Variation("lying", "stored lying, with an EXIF note", lying),
    Variation("turned30", "turned by 30°", turned(30)),
    Variation("turned90", "turned by 90°, without a note", turned(90)),
    Variation("dark", "a quarter of the light", darker),
    Variation("grey", "without colour", grey),
    Variation("closeup", "cut close to the face", close_up),
)
