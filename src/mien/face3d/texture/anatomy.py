"""What grows where on a head: the scalp's hair, the plain of the face, the neck; and how strands run."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.face3d.model.basis import HeadModel
from mien.face3d.texture.atlas import SKIN, atlas_of, region_mask
from mien.face3d.texture.fill import blur, push_pull

Singles = NDArray[np.float32]
Bytes = NDArray[np.uint16]
Array = NDArray[np.float64]

HAIRLINE = np.array(
    [
        (-110, -46), (-62, -44), (-38, -28), (-24, -4), (-14, 36), (0, 41), (16, 38), (24, 10), (34, 16),
        (44, 42), (56, 66), (74, 82), (95, 93), (140, 97),
    ],
    np.float64,
)  # fmt: skip
"""Where hair begins to stand off the mean head, (z, y) mm, from nape over ear and temple to the forehead."""
GROWTH = np.array(
    [
        (-110, -46), (-62, -44), (-40, -34), (-30, -24), (-22, -6), (-18, 14), (-12, 28), (0, 33), (12, 32),
        (19, 20), (22, 4), (30, 2), (36, 12), (42, 34), (48, 50), (56, 64), (74, 82), (95, 93), (140, 97),
    ],
    np.float64,
)  # fmt: skip
"""Lower end of hair, (z, y) mm: around the ear and down before it."""
HOLLOWS = (((7.5, 0.5, 107.0), (6.5, 8.0, 11.5), 1.0), ((67.5, 4.0, 8.0), (7.0, 10.0, 9.0), 0.42))
"""Nostril and bowl of the ear: middle (|x|, y, z), half axes in mm, and how dark."""
EAR = (4.0, 7.0, 21.0, 30.0)
"""Middle (z, y) of the ear and how far it reaches from there, mm."""
CROWN = np.array([0.0, 40.0, -22.0])
"""Inside the skull, mm; strands run from the pole above it."""

_DEVIATION = 0.34


@dataclass(frozen=True, slots=True, eq=False)
class Anatomy:
    """Maps over the atlas, (S, S) float32, of the mean head.

    skin: 1 where face or scalp is.    hair: 0..1, how likely hair grows.    core: 0..1, the middle of the
    face between forehead, cheeks and chin.    bare: cheeks, nose and forehead, whose colour is the skin's.
    below: 0..1, neck and shoulders.    reach: 0..1, where hair may hang: not on neck, ears or face.
    strands: 0..1, evenly spread ranks in a pattern like combed hair, continuous over the atlas's seams.
    hollow: 0..1, nostrils, the bowl of the ear and the inner side of the lips, which little light reaches.
    weave: row and column in a tiling pattern of a quarter of the atlas, (S, S) each, one texel of which is
        equally wide all over the head.
    """

    skin: NDArray[np.bool_]
    hair: Singles
    core: Singles
    bare: NDArray[np.bool_]
    below: Singles
    reach: Singles
    strands: Singles
    hollow: Singles
    weave: tuple[Bytes, Bytes]


@functools.lru_cache(maxsize=4)
def anatomy_of(model: HeadModel, size: int) -> Anatomy:
    """The maps for an atlas of that size; the same for every head."""
    atlas = atlas_of(model, size)
    covered = atlas.fragments.covered
    points = atlas.fragments.interpolate(model.mean, model.levels[0][0]).astype(np.float64)
    skin = region_mask(model, atlas, *SKIN)

    def picture(values: Array) -> Singles:
        result = np.zeros((size, size, 1), np.float32)
        result[covered, 0] = values
        # run on beyond the islands: at a seam nothing must look like the end of hair
        wide = push_pull(result, covered.astype(np.float32))[..., 0]
        return np.where(skin | ~covered, wide, 0).astype(np.float32)

    x, y, z = np.abs(points[:, 0]), points[:, 1], points[:, 2]
    away = np.hypot((z - EAR[0] + 0.15 * (y - EAR[1])) / EAR[2], (y - EAR[1]) / EAR[3])
    ear = _step(1.12 - away, 0, 0.2) * (x > 62)
    wide = np.interp(y, (-70, -10, 20, 60), (50, 56, 66, 64))
    core = _step(wide - x, 0, 14) * _step(88 - y, 0, 18) * _step(y + 82, 0, 16) * _step(z - 42, 0, 20)
    cheeks = (x > 18) & (x < 50) & (y > -25) & (y < 22)
    bare = (z > 60) & (cheeks | ((x < 38) & (y > 64) & (y < 80)) | ((x < 10) & (y > 2) & (y < 50)))
    # the neck begins under the jaw, which rises from the chin to the ear
    jaw = np.interp(z, (0, 20, 60, 100), (-35, -45, -68, -82))
    below = _step(jaw - y, 0, 12)
    near = _step(y - np.interp(z, *GROWTH.T), -24, -10)
    reach = np.maximum(np.maximum(near, _step(y, 62, 72)), z < 10) * (1 - below) * (1 - ear)
    return Anatomy(
        skin,
        picture(hair_likelihood(points) * (1 - ear)),
        picture(core),
        picture(bare.astype(np.float64)) > 0.5,
        picture(below),
        picture(reach),
        picture(_strands(points, covered)),
        picture(hollow_likelihood(points)),
        _weave(points, covered),
    )


def hair_likelihood(points: Array) -> Array:
    """0..1 for points (N, 3) mm of the mean head."""
    return _step(points[:, 1] - np.interp(points[:, 2], *GROWTH.T), -7, 7)


def hollow_likelihood(points: Array) -> Array:
    """0..1 for points (N, 3) mm of the mean head: where less than a third of all directions is open."""
    at = np.abs(points) * (1, 0, 0) + points * (0, 1, 1)
    x, y, z = at.T
    # the inner side of the lips begins at the line where they meet, which runs back towards the corners
    behind = _step(113.4 - 0.0234 * x**2 - z, 0, 1.8)
    found = 0.7 * behind * (x < 24) * _step(y + 43, 0, 3) * _step(-26 - y, 0, 3) * (z > 94)
    for middle, reach, depth in HOLLOWS:
        found = np.maximum(
            found, depth * _step(1.15 - np.linalg.norm((at - middle) / reach, axis=1), 0, 0.35)
        )
    return np.asarray(found)


def _step(value: Array, low: float, high: float) -> Array:
    t = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def _strands(points: Array, covered: NDArray[np.bool_]) -> Array:
    """Noise that is fine around the crown and long away from it, in four octaves, as ranks 0..1.

    covered: (S, S), the texels that show the points (N, 3): an octave finer than they are is left out.
    """
    offsets = points - CROWN
    polar = np.arccos(np.clip(offsets[:, 1] / np.linalg.norm(offsets, axis=1), -1, 1))
    turn = np.arctan2(offsets[:, 0], -offsets[:, 2])
    step = _steps(turn, covered)
    # at the end of an island the texels of the next may be larger: what is fine ends before it
    inside = blur(covered.astype(np.float32), max(2, len(covered) // 24))[covered]
    ending = np.clip(4 * inside - 2.4, 0, 1)
    # combed a little to one side, and no strand is straight
    azimuth = turn / (2 * np.pi) + 0.5 + 0.03 * polar
    azimuth = azimuth + 0.006 * _noise(azimuth * 17, polar / np.pi * 9, 17, 9)
    result, power = np.zeros(len(points)), np.zeros(len(points))
    octaves = ((50, 4, 0.2), (130, 6, 0.35), (330, 9, 0.5), (800, 13, 0.5))
    for seed, (turns, rings, weight) in enumerate(octaves):
        share = weight * np.clip(2.4 - 3 * turns * step, 0, 1) * (ending if turns > 200 else 1)
        result += share * _noise(azimuth * turns, polar / np.pi * rings, turns, seed)
        power += share**2
    result *= np.clip(polar / 0.25, 0, 1) / (_DEVIATION * np.maximum(power, 0.04) ** 0.25)
    return np.asarray(0.5 + 0.5 * np.tanh(0.798 * result * (1 + 0.0447 * result**2)))  # near the normal ranks


def _steps(turn: Array, covered: NDArray[np.bool_]) -> Array:
    """How many turns around the head lie between a texel and the next, (N,)."""
    whole = np.full((*covered.shape, 2), np.nan)
    whole[covered] = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    squared = np.zeros(covered.shape)
    for axis in (0, 1):
        gap = (np.diff(whole, axis=axis) ** 2).sum(axis=2)
        pads = [((0, 1), (0, 0)), ((0, 0), (0, 1))][axis], [((1, 0), (0, 0)), ((0, 0), (1, 0))][axis]
        after, before = (np.pad(gap, pad, constant_values=np.nan) for pad in pads)
        squared += np.nan_to_num(np.fmin(after, before), nan=1.0)
    return np.asarray(np.sqrt(squared[covered]) / (2 * np.pi))


def _weave(points: Array, covered: NDArray[np.bool_]) -> tuple[Bytes, Bytes]:
    """Around the head and down it: five periods of 95 mm go around."""
    period = len(covered) // 4
    around = np.arctan2(points[:, 0], points[:, 2]) / (2 * np.pi) * 5
    # crown and shoulders fall outwards, the jaw's lower side falls inwards: there its distance counts
    height, reach = points[:, 1], np.hypot(points[:, 0], points[:, 2])
    outwards = np.interp(height, (-125, -95, 0, 60), (-1, 1, 1, -1))
    down = (height + outwards * (reach - np.interp(height, (-95, 0), (58, 80)))) / 95.0
    rows, columns = np.zeros(covered.shape, np.uint16), np.zeros(covered.shape, np.uint16)
    rows[covered] = np.floor(down % 1 * period).astype(np.int64) % period
    columns[covered] = np.floor(around % 1 * period).astype(np.int64) % period
    return rows, columns


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
