"""The photo conditions of the shipped calibrations, made out of `mien.evaluation.degradations`.

Each takes and returns an (H, W, 3) uint8 RGB picture.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mien.core.types import Pixels
from mien.evaluation.degradations import blur, compress, expose, hide_lower, noise, shrink, side_light, turn


def look_away(pixels: Pixels, yaw: float, centre: float, radius: float) -> Pixels:
    """Turn the head by ``yaw`` degrees, taking it for an upright cylinder; what was hidden is grey.

    centre: column of the axis in pixels.    radius: of the cylinder in pixels.
    """
    columns = np.arange(pixels.shape[1])
    across = np.clip((columns - centre) / radius, -1, 1)
    source_angle = np.arcsin(across) - np.radians(yaw)
    seen = (np.abs(across) < 1) & (np.abs(source_angle) < np.pi / 2)
    source = centre + radius * np.sin(source_angle)
    left = np.clip(np.floor(source).astype(int), 0, pixels.shape[1] - 2)
    share = np.clip(source - left, 0, 1)[None, :, None]
    turned = pixels[:, left] * (1 - share) + pixels[:, left + 1] * share
    return np.where(seen[None, :, None], turned, 128).round().astype(np.uint8)


def photo_conditions(face: float, centre: float, chin: float) -> dict[str, Callable[[Pixels], Pixels]]:
    """Name the conditions of the genuine pairs.

    face: height of the face in the studio picture; centre: column of its middle; chin: row; all in pixels.
    """

    def to(height: float) -> Callable[[Pixels], Pixels]:
        return lambda pixels: shrink(pixels, height / face)

    def away(degrees: float, height: float) -> Callable[[Pixels], Pixels]:
        return lambda pixels: to(height)(look_away(pixels, degrees, centre, 0.48 * face))

    def covered(pixels: Pixels) -> Pixels:
        rows = pixels.shape[0]
        return hide_lower(pixels, 1 - (chin - 0.22 * face) / rows)

    return {
        "studio": lambda pixels: pixels,
        "face 64 px": to(64),
        "face 40 px": to(40),
        "face 28 px": to(28),
        "96 px, blur 2 px": lambda pixels: blur(to(96)(pixels), 2.0),
        "96 px, JPEG 15": lambda pixels: compress(to(96)(pixels), 15),
        "turned 25 degrees": lambda pixels: turn(to(160)(pixels), 25),
        "3 stops dark": lambda pixels: expose(to(160)(pixels), -3),
        "1.5 stops bright": lambda pixels: expose(to(160)(pixels), 1.5),
        "side light": lambda pixels: side_light(to(160)(pixels), 4),
        "phone at night": lambda pixels: compress(noise(expose(to(64)(pixels), -2.5), 6, seed=1), 40),
        "bad camera": lambda pixels: compress(blur(turn(to(48)(pixels), 12), 0.8), 30),
        "away 30 degrees": away(30, 120),
        "away -45 degrees": away(-45, 120),
        "away 55 degrees": away(55, 120),
        "away -40, 48 px, JPEG": lambda pixels: compress(away(-40, 48)(pixels), 40),
        "away 35, dark": lambda pixels: noise(expose(away(35, 80)(pixels), -3), 3, seed=2),
        "mouth covered": lambda pixels: to(120)(covered(pixels)),
    }
