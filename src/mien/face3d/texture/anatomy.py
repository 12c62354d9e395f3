"""What grows where on a head: the scalp's hair, the plain of the face, the neck; and how strands run."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.face3d.model.basis import HeadModel
from mien.face3d.texture.atlas import SKIN, atlas_of, region_mask

Singles = NDArray[np.float32]
Array = NDArray[np.float64]

HAIRLINE = np.array(
    [
        (-110, -46), (-62, -44), (-38, -28), (-24, -4), (-14, 36), (0, 41), (16, 38), (24, 10), (34, 16),
        (44, 42), (56, 66), (74, 82), (95, 93), (140, 97),
    ],
    np.float64,
)  # fmt: skip
"""Lower end of hair on the mean head, (z, y) mm, from nape over ear and temple to the forehead."""
CROWN = np.array([0.0, 40.0, -22.0])
"""Inside the skull, mm; strands run from the pole above it."""


@dataclass(frozen=True, slots=True, eq=False)
class Anatomy:
    """Maps over the atlas, (S, S) float32, of the mean head.

    skin: 1 where face or scalp is.    hair: 0..1, how likely hair grows.    core: 0..1, the middle of the
    face between forehead, cheeks and chin.    bare: cheeks, nose and forehead, whose colour is the skin's.
    below: 0..1, neck and shoulders.    reach: 0..1, where hair may hang: not on neck, ears or face.
    strands: about -1..1, a pattern like combed hair, continuous over the atlas's seams.
    """

    skin: NDArray[np.bool_]
    hair: Singles
    core: Singles
    bare: NDArray[np.bool_]
    below: Singles
    reach: Singles
    strands: Singles


@functools.lru_cache(maxsize=4)
def anatomy_of(model: HeadModel, size: int) -> Anatomy:
    """The maps for an atlas of that size; the same for every head."""
    atlas = atlas_of(model, size)
    covered = atlas.fragments.covered
    points = atlas.fragments.interpolate(model.mean, model.levels[0][0]).astype(np.float64)
    skin = region_mask(model, atlas, *SKIN)

    def picture(values: Array) -> Singles:
        result = np.zeros((size, size), np.float32)
        result[covered] = values
        return np.where(skin, result, 0).astype(np.float32)

    x, y, z = np.abs(points[:, 0]), points[:, 1], points[:, 2]
    ear = (x > 66) & (z > -24) & (z < 26) & (y > -26) & (y < 41)
    wide = np.interp(y, (-70, -10, 20, 60), (50, 56, 66, 64))
    core = _step(wide - x, 0, 14) * _step(88 - y, 0, 18) * _step(y + 82, 0, 16) * _step(z - 42, 0, 20)
    cheeks = (x > 18) & (x < 50) & (y > -25) & (y < 22)
    bare = (z > 60) & (cheeks | ((x < 38) & (y > 64) & (y < 80)) | ((x < 10) & (y > 2) & (y < 50)))
    # the neck begins under the jaw, which rises from the chin to the ear
    jaw = np.interp(z, (0, 20, 60, 100), (-35, -45, -68, -82))
    below = _step(jaw - y, 0, 12)
    face = _step(66 - y, 0, 8) * _step(64 - x, 0, 12) * _step(z - 35, 0, 15)
    return Anatomy(
        skin,
        picture(hair_likelihood(points) * ~ear),
        picture(core),
        picture(bare.astype(np.float64)) > 0.5,
        picture(below),
        picture((1 - face) * (1 - below) * ~ear * np.maximum(_step(y, 12, 28), z < 10)),
        picture(_strands(points)),
    )


def hair_likelihood(points: Array) -> Array:
    """0..1 for points (N, 3) mm of the mean head."""
    return _step(points[:, 1] - np.interp(points[:, 2], *HAIRLINE.T), -7, 7)


def _step(value: Array, low: float, high: float) -> Array:
    t = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def _strands(points: Array) -> Array:
    """Noise that is fine around the crown and long away from it, in three octaves."""
    offsets = points - CROWN
    polar = np.arccos(np.clip(offsets[:, 1] / np.linalg.norm(offsets, axis=1), -1, 1))
    azimuth = np.arctan2(offsets[:, 0], -offsets[:, 2]) / (2 * np.pi) + 0.5
    azimuth = azimuth + 0.03 * polar  # combed a little to one side
    result = np.zeros(len(points))
    for octave, (turns, rings, weight) in enumerate(((70, 3, 0.3), (190, 5, 0.4), (460, 8, 0.45))):
        result += weight * _noise(azimuth * turns, polar / np.pi * rings, turns, octave)
    return np.asarray(result * np.clip(polar / 0.25, 0, 1))


def _noise(u: Array, v: Array, period: int, seed: int) -> Array:
    """Smooth random values in -1..1 over a lattice, periodic in u."""
    lattice = np.random.default_rng(seed).uniform(-1, 1, (period, 64))
    i, j = np.floor(u).astype(np.int64), np.floor(v).astype(np.int64)
    a, b = u - i, v - j
    a, b = a * a * (3 - 2 * a), b * b * (3 - 2 * b)
    i0, i1, j0, j1 = i % period, (i + 1) % period, j % 64, (j + 1) % 64
    near = lattice[i0, j0] * (1 - a) + lattice[i1, j0] * a
    far = lattice[i0, j1] * (1 - a) + lattice[i1, j1] * a
    return np.asarray(near * (1 - b) + far * b)
