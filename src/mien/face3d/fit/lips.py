"""Lips that touch: landmarks say how far they are apart, the photo whether anything shows between them.

The landmark network draws closed lips up to 6 % of the eyes' distance apart, full lips more than thin ones,
and a head with such lips shows its teeth.  On the London set (CC BY 4.0) the gap alone tells little: lips 5 %
apart are often closed, lips 2 % apart sometimes show teeth.  The colour between them tells: teeth are as
bright as the lips and less red.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mien.face3d.render.shade import sample

Array = NDArray[np.float64]
Floats = NDArray[np.floating]
Pixels = NDArray[np.uint8]

UPPER, LOWER = (191, 80, 81, 82, 13, 312, 311, 310, 415), (95, 88, 178, 87, 14, 317, 402, 318, 324)
"""Inner edges of the lips in the 468-point mesh, pair by pair."""
ABOVE, BELOW = (40, 39, 37, 0, 267, 269, 270), (91, 181, 84, 17, 314, 405, 321)
"""Outer edges of the lips, opposite to the inner pairs without the first and the last."""
CLOSED, PARTED = 0.0106, 0.065
"""Gap of the middle pair as a share of the eyes' distance: on the mean head, and beyond doubt."""
TEETH = 0.08
"""By how much teeth lie above lips in green over red; 0.10 to 0.35 where they show, else below 0.07."""
BRIGHT, DARK = 0.8, 0.4  # brightness of teeth and of an open mouth, as shares of the lips'


def with_closed_lips(photo: Pixels, points: Floats) -> Floats:
    """468 landmarks (468, 2 or 3) in pixels of the photo (H, W, 3), with lips together that touch in it."""
    marks = np.asarray(points[:, :2], np.float64)
    eyes = float(np.linalg.norm(marks[263] - marks[33]))
    gap = float(np.linalg.norm(marks[13] - marks[14])) / max(eyes, 1e-6)
    if not CLOSED < gap < PARTED or _something_between(photo, marks):
        return points
    upper, lower = list(UPPER), list(LOWER)
    closed = points.copy()
    middle, reach = (points[upper] + points[lower]) / 2, (points[upper] - points[lower]) / 2 * (CLOSED / gap)
    closed[upper], closed[lower] = middle + reach, middle - reach
    return closed


def _something_between(photo: Pixels, marks: Array) -> bool:
    """Whether teeth or the dark of an open mouth show between the inner edges of the lips."""
    upper, lower = marks[list(UPPER[1:-1])], marks[list(LOWER[1:-1])]
    flesh = np.concatenate([upper + marks[list(ABOVE)], lower + marks[list(BELOW)]]) / 2
    down = np.linspace(0.1, 0.9, 9)[:, None, None]
    between = (upper * (1 - down) + lower * down).reshape(-1, 2)
    seen, lips = _brightness_and_hue(photo, between), _brightness_and_hue(photo, flesh)
    brightness, hue = seen[0] / max(float(np.median(lips[0])), 1.0), seen[1] - float(np.median(lips[1]))
    teeth = np.quantile(np.where(brightness > BRIGHT, hue, -1.0), 0.93) > TEETH
    return bool(teeth or np.quantile(brightness, 0.15) < DARK)


def _brightness_and_hue(photo: Pixels, places: Array) -> tuple[Array, Array]:
    """Luma, and green over red, (N,) each, at places (N, 2)."""
    colours = sample(photo, places).astype(np.float64)
    return colours @ (0.30, 0.59, 0.11), (colours[:, 1] + 1) / (colours[:, 0] + 1)
