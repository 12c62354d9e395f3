"""Parts that a photo hardly shows: eyeballs, teeth, gums, tongue and the inside of the mouth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.face3d.model.basis import HeadModel
from mien.face3d.texture.atlas import Atlas, region_mask
from mien.face3d.texture.unwrap import LIDS, openings_of

Singles = NDArray[np.float32]

EYE_TILES = ((0.73, 0.0, 0.26), (0.73, 0.27, 0.26))
"""Left, top and side of each eyeball's square: person's left, then right."""
TEETH, GUMS, TONGUE, BAG, SOCKET = (
    (222.0, 214.0, 200.0),
    (150.0, 74.0, 74.0),
    (158.0, 82.0, 82.0),
    (62.0, 26.0, 26.0),
    (110.0, 62.0, 56.0),
)
PUPIL = np.array([18.0, 14.0, 13.0])
IRIS_ANGLE, PUPIL_ANGLE = np.radians(23.0), np.radians(8.0)


def paint_insides(
    model: HeadModel, atlas: Atlas, picture: Singles, eyes: EyeColours, exposure: float = 1.0
) -> Singles:
    """Paint everything that is not skin into an atlas (S, S, 3).

    exposure: brightness of the photo, about 1.
    """
    result = picture.copy()
    colours = {"teeth": TEETH, "gums": GUMS, "tongue": TONGUE, "mouth_bag": BAG, "eye_sockets": SOCKET}
    for name, colour in colours.items():
        result[region_mask(model, atlas, name)] = np.multiply(colour, exposure)
    for left, top, side in EYE_TILES:
        size = round(side * atlas.size)
        x, y = round(left * atlas.size), round(top * atlas.size)
        result[y : y + size, x : x + size] = eyeball(size, eyes)
    return result


@dataclass(frozen=True, slots=True)
class EyeColours:
    """iris: its mean colour, 0..255.    white: the sclera's."""

    iris: tuple[float, float, float]
    white: tuple[float, float, float] = (226.0, 219.0, 213.0)


def eyeball(size: int, eyes: EyeColours) -> Singles:
    """An eyeball (size, size, 3), pupil in the middle, distance as the root of the angle from the axis."""
    at = (np.arange(size) + 0.5) / size - 0.5
    x, y = np.meshgrid(at, at)
    angle = np.minimum(np.hypot(x, y) / 0.5, 1) ** 2 * np.pi
    turn = np.arctan2(y, x)
    colour = np.array(eyes.iris)
    across = np.clip((angle - PUPIL_ANGLE) / (IRIS_ANGLE - PUPIL_ANGLE), 0, 1)
    fibres = 1 + 0.10 * np.sin(47 * turn + 5 * across) * np.sin(13 * turn) + 0.05 * np.sin(90 * turn)
    rim = 1 - 0.55 * _step(across, 0.78, 1.0)
    glow = 1.12 - 0.22 * across
    disc = colour * (fibres * rim * glow)[..., None]
    veins = 1 - 0.16 * _step(angle, np.radians(35), np.radians(75))
    white = np.array(eyes.white) * np.stack([np.ones_like(veins), veins, veins], axis=2)
    limbus = _step(angle, IRIS_ANGLE * 0.94, IRIS_ANGLE * 1.06)[..., None]
    hole = _step(angle, PUPIL_ANGLE * 0.9, PUPIL_ANGLE * 1.1)[..., None]
    ball = limbus * white + (1 - limbus) * (hole * disc + (1 - hole) * PUPIL)
    return np.asarray(np.clip(ball, 0, 255), np.float32)


def _step(value: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    t = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def iris_colour(pixels: NDArray[np.uint8], irises: NDArray[np.floating] | None) -> tuple[float, float, float]:
    """Mean colour of the ring between pupil and rim, 0..255; brown where the irises are unknown or too small.

    irises: (2, 5, 2) pixels, centre and four rim points of each.
    """
    brown = (92.0, 66.0, 48.0)
    if irises is None:
        return brown
    found = []
    height, width = pixels.shape[:2]
    for iris in irises:
        radius = float(np.linalg.norm(iris[1:] - iris[0], axis=1).mean())
        if radius < 3:
            continue
        turn = np.linspace(-0.6, np.pi + 0.6, 24)  # the lower part: lids and lashes shade the upper
        way = np.stack([np.cos(turn), np.sin(turn)], axis=1)[:, None]
        ring = iris[0] + radius * way * np.array([[0.5], [0.7]])
        column, row = np.round(ring.reshape(-1, 2)).astype(int).T
        inside = (column >= 0) & (row >= 0) & (column < width) & (row < height)
        found.append(pixels[row[inside], column[inside]])
    if not found:
        return brown
    red, green, blue = np.median(np.concatenate(found), axis=0)
    return float(red), float(green), float(blue)


def eye_colours(
    pixels: NDArray[np.uint8], irises: NDArray[np.floating] | None, landmarks: NDArray[np.floating] | None
) -> EyeColours:
    """Colours of iris and sclera in the photo; the usual ones where eyes are shut or too small."""
    iris = iris_colour(pixels, irises)
    if irises is None or landmarks is None:
        return EyeColours(iris)
    height, width = pixels.shape[:2]
    spots = np.asarray(landmarks)[list(LIDS[0] + LIDS[1]), :2]
    low = np.clip(np.floor(spots.min(axis=0)).astype(int) - 2, 0, (width - 1, height - 1))
    high = np.clip(np.ceil(spots.max(axis=0)).astype(int) + 3, low + 1, (width, height))
    inside = openings_of(np.asarray(landmarks)[:, :2] - low, *(int(v) for v in high - low)) > 250
    row, column = np.nonzero(inside)
    gap = np.min([np.hypot(*(np.stack([column, row]) - (eye[0] - low)[:, None])) for eye in irises], axis=0)
    radius = float(np.mean([np.linalg.norm(eye[1:] - eye[0], axis=1).mean() for eye in irises]))
    white = pixels[low[1] : high[1], low[0] : high[0]][row, column][gap > 1.25 * radius]
    if len(white) < 40:
        return EyeColours(iris)
    brightness = white.sum(axis=1)
    bright = np.median(white[brightness >= np.quantile(brightness, 0.6)], axis=0)
    # lids and lashes shade it: half-way to a white of that brightness
    mixed = 0.5 * bright + 0.5 * np.clip(bright.max() * 1.12, 120, 235) * np.array([1.0, 0.97, 0.945])
    red, green, blue = np.clip(mixed, 60, 240)
    return EyeColours(iris, (float(red), float(green), float(blue)))
