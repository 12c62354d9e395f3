"""A part of the photo on a coarser grid: where edges and brightness are looked for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.core.mesh import Camera
from mien.geometry.projection import project

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class SoftPicture:
    """A part of the photo, softened.

    colours: (h, w, C) float32.    camera: what saw this part.
    """

    colours: NDArray[np.float32]
    camera: Camera


def window_on(
    places: Array, width: int, height: int, camera: Camera, margin: float, grain: float
) -> tuple[Camera, tuple[Ints, Ints], tuple[int, int]]:
    """The part of a photo around places (N, 3) of the camera frame, on up to ``grain`` pixels a mm.

    margin: mm around the places.
    returns: the camera of that part; its corners in the photo, low and high, (x, y) pixels; its size (w, h).
    """
    seen, own = project(places, camera), camera.fx / float(np.median(places[:, 2]))  # photo pixels a mm
    low = np.clip(np.floor(seen.min(axis=0) - margin * own), 0, (width - 2, height - 2)).astype(np.int64)
    high = np.clip(np.ceil(seen.max(axis=0) + margin * own), low + 2, (width, height)).astype(np.int64)
    scale = min(1.0, grain / own)
    size = (max(2, round(float(high[0] - low[0]) * scale)), max(2, round(float(high[1] - low[1]) * scale)))
    x, y = (side / float(whole) for side, whole in zip(size, high - low, strict=True))
    cx, cy = (camera.cx - low[0] + 0.5) * x - 0.5, (camera.cy - low[1] + 0.5) * y - 0.5
    return Camera(camera.fx * x, camera.fy * y, float(cx), float(cy)), (low, high), size
