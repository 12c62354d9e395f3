"""Light and cameras differ: brightness, contrast, saturation and hue, as one linear map of the channels."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mien.core.types import Pixels

_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R 601


def recolour(pixels: Pixels, strength: float, grey: bool, rng: np.random.Generator) -> Pixels:
    """Change the light.

    strength: 1 halves or doubles brightness, contrast and saturation at most and turns the hue by 36 degrees.
    grey: take all colour away.
    """
    if strength == 0 and not grey:
        return pixels
    draws = rng.uniform(-1, 1, 4) * strength
    bright, contrast, saturation = 2.0 ** draws[:3]
    mix = _saturate(0.0 if grey else saturation) @ _turn_hue(0.0 if grey else draws[3] * math.pi / 5)
    mean = float(pixels.reshape(-1, 3).mean(0) @ _LUMA)
    matrix = mix * bright * contrast
    offset = mean * bright * (1 - contrast)
    moved = pixels.astype(np.float32) @ matrix.T.astype(np.float32) + np.float32(offset)
    return np.asarray(np.clip(moved + 0.5, 0, 255), np.uint8)


def _saturate(share: float) -> NDArray[np.float64]:
    """0: every channel is the luma; 1: nothing changes."""
    return share * np.eye(3) + (1 - share) * np.tile(_LUMA, (3, 1))


def _turn_hue(angle: float) -> NDArray[np.float64]:
    """Rotate colours about the axis of greys (Rodrigues)."""
    axis = np.full(3, 1 / math.sqrt(3))
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    turn: NDArray[np.float64] = np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross
    return turn
