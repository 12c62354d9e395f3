"""What the irises say: where the eyes look, and how large the head is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import ShapeError
from mien.core.mesh import Camera, Placement

Floats = NDArray[np.floating]
Array = NDArray[np.float64]

IRIS_DIAMETER = 11.7
"""mm across; nearly the same in all adults (11.7 +- 0.5, Rufer et al. 2005)."""
_IRIS_DEPTH = 0.93  # where the iris plane lies, as a share of the model's corneal radius


def gaze_from_irises(
    centres: Floats, radii: Floats, irises: Floats, placement: Placement, camera: Camera
) -> Array:
    """Yaw and pitch (2, 2) of the person's left and right eye from the iris centres.

    centres: (2, 3) mm, eyeballs in the head frame, left first.    radii: (2,) mm of the eyeballs.
    irises: (2, 5, 2) pixels, the eye on the picture's left first (that is the person's right).
    """
    if irises.shape != (2, 5, 2):
        raise ShapeError("irises", "(2, 5, 2)", irises.shape)
    result = np.zeros((2, 2))
    for side, seen in enumerate((irises[1, 0], irises[0, 0])):
        middle = placement.rotation @ centres[side] + placement.translation
        ray = np.array([(seen[0] - camera.cx) / camera.fx, (seen[1] - camera.cy) / camera.fy, 1.0])
        ray /= np.linalg.norm(ray)
        along = float(ray @ middle)
        reach = float(radii[side]) * _IRIS_DEPTH
        inside = reach**2 - (float(middle @ middle) - along**2)
        spot = ray * (along - np.sqrt(max(inside, 0.0)))  # a ray that misses touches where it is nearest
        x, y, z = placement.rotation.T @ (spot - middle)
        result[side] = np.arctan2(x, max(z, 1e-6)), np.arctan2(y, max(float(np.hypot(x, z)), 1e-6))
    return np.clip(result, -0.8, 0.8)


def scale_from_irises(centres: Floats, irises: Floats, placement: Placement, camera: Camera) -> float:
    """Factor that makes the head as large as its irises say: seen from the same camera it looks the same.

    centres: (2, 3) mm as in `gaze_from_irises`.
    """
    factors = []
    for side, iris in enumerate((irises[1], irises[0])):
        depth = float((placement.rotation @ centres[side] + placement.translation)[2])
        across = max(float(np.linalg.norm(iris[1:, None] - iris[1:], axis=2).max()), 1e-6)
        factors.append(IRIS_DIAMETER / (across * depth / camera.fx))
    return float(np.sqrt(factors[0] * factors[1]))
