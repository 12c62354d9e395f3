"""Fit a picture into a frame of fixed size, and map points back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError
from mien.core.types import Pixels, Points

MAX_STEPS = 8  # along each side of a new pixel


@dataclass(frozen=True, slots=True, eq=False)
class Letterboxed:
    """A picture in the top-left corner of a black frame.

    pixels: (H, W, 3) uint8 RGB.
    scale: frame pixels per picture pixel along x and y; they differ by rounding only.
    """

    pixels: Pixels
    scale: tuple[float, float]

    def to_picture(self, points: Points) -> NDArray[np.float64]:
        """Map points of the frame to the picture; the origin of both is a pixel's centre.

        points: (..., 2) pixels; boxes work too, as (..., 4).
        """
        scale = np.resize(self.scale, points.shape[-1])
        moved: NDArray[np.float64] = (points + 0.5) / scale - 0.5
        return moved


def letterbox(pixels: Pixels, width: int, height: int, *, enlarge: bool = True) -> Letterboxed:
    """Fit a picture into ``width`` x ``height``: shape kept, top left, black beyond it.

    enlarge: whether a smaller picture grows to the frame.
    """
    tall, wide = pixels.shape[:2]
    scale = min(width / wide, height / tall)
    if not enlarge:
        scale = min(scale, 1.0)
    w, h = min(max(round(wide * scale), 1), width), min(max(round(tall * scale), 1), height)
    fitted = shrink(pixels, w, h) if w <= wide and h <= tall else resize(pixels, w, h)
    if (w, h) != (width, height):
        frame = np.zeros((height, width, 3), np.uint8)
        frame[:h, :w] = fitted
        fitted = frame
    return Letterboxed(fitted, (w / wide, h / tall))


def frame_size(width: int, height: int, long_side: int, stride: int) -> tuple[int, int]:
    """Width and height of the smallest frame of whole strides for a picture scaled to ``long_side``.

    >>> frame_size(1000, 700, 640, 32)
    (640, 448)
    """
    scale = long_side / max(width, height)
    return _whole_strides(round(width * scale), stride), _whole_strides(round(height * scale), stride)


def _whole_strides(size: int, stride: int) -> int:
    return max(-(-size // stride), 1) * stride


def shrink(pixels: Pixels, width: int, height: int) -> Pixels:
    """Make a picture smaller, each new pixel the mean of old ones taken at even steps inside it.

    pixels: (H, W, 3) uint8, at least as large.    returns: (height, width, 3) uint8.
    Less than half the time of `resize`; about as smooth, since at least two steps are taken along each side.
    """
    from PIL import Image

    if pixels.shape[:2] == (height, width):
        return pixels
    steps = min(max(round(pixels.shape[1] / width), round(pixels.shape[0] / height), 2), MAX_STEPS)
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(picture.resize((steps * width, steps * height), Image.Resampling.NEAREST).reduce(steps))


def resize(pixels: Pixels, width: int, height: int) -> Pixels:
    """Resize by averaging whole blocks of pixels first and a triangle filter then, so nothing aliases.

    pixels: (H, W, 3) uint8.    returns: (height, width, 3) uint8; the same array where nothing changes.
    """
    from PIL import Image

    if width < 1 or height < 1:
        raise InputError(f"a picture cannot be resized to {width} x {height}: ask for at least one pixel")
    if pixels.shape[:2] == (height, width):
        return pixels
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=1.0))
