"""Parts that a photo hardly shows: eyeballs, teeth, gums, tongue and the inside of the mouth."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.face3d.model.basis import HeadModel
from mien.face3d.texture.atlas import Atlas, atlas_of, region_mask
from mien.face3d.texture.unwrap import INNER_LIPS, LIDS, OUTER_LIPS, openings_of

Singles = NDArray[np.float32]

EYE_TILES = ((0.73, 0.0, 0.26), (0.73, 0.27, 0.26))
"""Left, top and side of each eyeball's square: person's left, then right."""
TEETH, GUMS, TONGUE, BAG, SOCKET = (
    (218.0, 209.0, 194.0),
    (172.0, 100.0, 96.0),
    (158.0, 82.0, 82.0),
    (62.0, 26.0, 26.0),
    (110.0, 62.0, 56.0),
)
UNSEEN_TEETH = np.array([0.54, 0.48, 0.44])  # light on teeth that the photo does not show, between lips
PUPIL = np.array([18.0, 14.0, 13.0])
IRIS_ANGLE, PUPIL_ANGLE = np.radians(23.0), np.radians(8.0)


def paint_insides(
    model: HeadModel,
    atlas: Atlas,
    picture: Singles,
    eyes: EyeColours,
    exposure: float = 1.0,
    teeth: tuple[float, float, float] = TEETH,
) -> Singles:
    """Paint everything that is not skin into an atlas (S, S, 3).

    exposure: brightness of the photo, about 1.    teeth: their colour, 0..255, as the photo has it.
    """
    result = picture.copy()
    colours = {"gums": GUMS, "tongue": TONGUE, "mouth_bag": BAG, "eye_sockets": SOCKET}
    for name, colour in colours.items():
        result[region_mask(model, atlas, name)] = np.multiply(colour, exposure)
    result[region_mask(model, atlas, "teeth")] = teeth
    mouth, shade = _depth_shade(model, atlas.size)
    result[mouth] *= shade[:, None]
    for left, top, side in EYE_TILES:
        size = round(side * atlas.size)
        x, y = round(left * atlas.size), round(top * atlas.size)
        result[y : y + size, x : x + size] = eyeball(size, eyes)
    return result


@functools.lru_cache(maxsize=2)
def _depth_shade(model: HeadModel, size: int) -> tuple[NDArray[np.bool_], Singles]:
    """Texels (S, S) of teeth and gums, and the light that reaches them, (N,) 0..1: less further back."""
    atlas = atlas_of(model, size)
    mask = region_mask(model, atlas, "teeth", "gums")
    corners = model.levels[0][0][atlas.fragments.triangle[mask]]
    depth = (model.mean[corners, 2] * atlas.fragments.weights[mask]).sum(axis=1).astype(np.float64)
    return mask, np.asarray(1 - 0.5 * _step(depth.max() - depth, 6, 34), np.float32)


def tooth_colour(
    pixels: NDArray[np.uint8], landmarks: NDArray[np.floating] | None, exposure: float = 1.0
) -> tuple[float, float, float]:
    """Colour of the teeth, 0..255: the photo's where it shows teeth, a darker usual one behind closed lips.

    landmarks: (468, 2) pixels.    Teeth are what is brighter and paler than the lips around the opening.
    """
    hidden = np.multiply(TEETH, exposure) * UNSEEN_TEETH
    if landmarks is None:
        return _triple(hidden)
    height, width = pixels.shape[:2]
    spots = np.asarray(landmarks, np.float64)[:, :2]
    outer = spots[list(OUTER_LIPS)]
    low = np.clip(np.floor(outer.min(axis=0)).astype(int) - 2, 0, (width - 1, height - 1))
    high = np.clip(np.ceil(outer.max(axis=0)).astype(int) + 3, low + 1, (width, height))
    size = int(high[0] - low[0]), int(high[1] - low[1])
    inner = openings_of(spots - low, *size, rings=(INNER_LIPS,)) > 200
    lips = (openings_of(spots - low, *size, rings=(OUTER_LIPS,)) > 250) & (
        openings_of(spots - low, *size, rings=(INNER_LIPS,)) < 5
    )
    part = pixels[low[1] : high[1], low[0] : high[0]].astype(np.float64)
    if inner.sum() < 25 or lips.sum() < 25:
        return _triple(hidden)
    lip = np.median(part[lips], axis=0)
    opening = part[inner]
    pale = opening[:, 0] - opening[:, 2] < 0.75 * (lip[0] - lip[2]) * opening.sum(axis=1) / lip.sum()
    teeth = pale & (opening.sum(axis=1) > 1.05 * lip.sum())
    share = float(np.clip((teeth.mean() - 0.1) / 0.2, 0, 1))
    if not share:
        return _triple(hidden)
    bright = opening[teeth]
    bright = bright[bright.sum(axis=1) >= np.median(bright.sum(axis=1))]
    return _triple(share * np.median(bright, axis=0) + (1 - share) * hidden)


def _triple(colour: NDArray[np.float64]) -> tuple[float, float, float]:
    red, green, blue = (float(np.clip(value, 0, 245)) for value in colour)
    return red, green, blue


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
    rim = 1 - 0.35 * _step(across, 0.75, 1.0)
    glow = 1.12 - 0.22 * across
    disc = colour * (fibres * rim * glow)[..., None]
    veins = 1 - 0.16 * _step(angle, np.radians(35), np.radians(75))
    lid = 1 - 0.22 * _step(angle, np.radians(26), np.radians(62))  # lids and lashes shade the corners
    white = np.array(eyes.white) * np.stack([lid, lid * veins, lid * veins], axis=2)
    limbus = _step(angle, IRIS_ANGLE * 0.88, IRIS_ANGLE * 1.06)[..., None]
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
    inside = (
        openings_of(np.asarray(landmarks)[:, :2] - low, int(high[0] - low[0]), int(high[1] - low[1])) > 250
    )
    row, column = np.nonzero(inside)
    gap = np.min([np.hypot(*(np.stack([column, row]) - (eye[0] - low)[:, None])) for eye in irises], axis=0)
    radius = float(np.mean([np.linalg.norm(eye[1:] - eye[0], axis=1).mean() for eye in irises]))
    white = pixels[low[1] : high[1], low[0] : high[0]][row, column][gap > 1.25 * radius]
    if len(white) < 40:
        return EyeColours(iris)
    brightness = white.sum(axis=1)
    bright = np.median(white[brightness >= np.quantile(brightness, 0.6)], axis=0)
    # lids and lashes shade it: a third of the way to a white of that brightness
    mixed = 0.67 * bright + 0.33 * np.clip(bright.max() * 1.06, 110, 230) * np.array([1.0, 0.97, 0.945])
    red, green, blue = np.clip(mixed, 60, 240)
    return EyeColours(iris, (float(red), float(green), float(blue)))
