"""Our own topology, from the registered one: which vertices stay, where they lie in the atlas, what they
are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.training.headmodel.anatomy import SEGMENTS, EyeGrid, eye_grid
from mien.training.headmodel.decimate import Level, SymmetricDecimation, mirror_map
from mien.training.headmodel.ict import BACK, GUMS, SOCKETS, TEETH, TEETH_END, Registered

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

REGIONS = ("face", "scalp", "mouth_bag", "eye_sockets", "gums", "tongue", "teeth", "eye_left", "eye_right")
TILES = {0: (0.0, 0.0, 0.72), 1: (0.0, 0.72, 0.28), 2: (0.28, 0.72, 0.22), 3: (0.50, 0.72, 0.22)}
"""Material → left, top and side of its square in the atlas: face, back of the head, gums and tongue,
teeth."""
EYE_TILES = ((0.73, 0.0, 0.26), (0.73, 0.27, 0.26))
_MARGIN = 0.004  # between squares, so that neighbours do not bleed into each other


@dataclass(frozen=True, slots=True, eq=False)
class Topology:
    """rows: (S,) registered vertices that stay, coarsest level first; the eyeballs' vertices follow them.

    levels: triangles and uv triangles per level of detail, in the new numbering.
    sizes: number of the S vertices that each level uses.
    region: (S + eyes,) number in REGIONS.    mirror: (S,) new numbers.
    """

    rows: Ints
    levels: tuple[Level, ...]
    sizes: tuple[int, ...]
    uv: Floats
    region: NDArray[np.uint8]
    mirror: Ints
    eyes: EyeGrid


def build_topology(shapes: Registered, sizes: tuple[int, ...]) -> Topology:
    """Coarsen the registered mesh to ``sizes`` vertices (finest first), without and then with the
    eyeballs."""
    keep = shapes.triangles.max(axis=1) < TEETH_END
    vertices = shapes.mean[:TEETH_END]
    mirror = mirror_map(vertices, 0.35)
    level = Level(shapes.triangles[keep], shapes.uv_triangles[keep])
    tile_of_uv = np.zeros(len(shapes.uv), np.int64)
    tile_of_uv[shapes.uv_triangles[keep].ravel()] = np.repeat(shapes.tile[keep], 3)
    weights = _weights(shapes, mirror)
    levels: list[Level] = []
    for number, size in enumerate(sizes):
        # only the finest level keeps lids, lips and nostrils whole
        kept = weights if number == 0 else np.minimum(weights, 60.0)
        level = SymmetricDecimation(vertices, level.triangles, level.uv_triangles, mirror, kept).reduce_to(
            size
        )
        levels.append(level)
    return _renumber(shapes, levels, mirror, tile_of_uv)


def _weights(shapes: Registered, mirror: Ints) -> Floats:
    """What a vertex is worth: infinite at lids, lips and nostrils, little at the back and inside."""
    vertices = shapes.mean[:TEETH_END]
    number = np.arange(len(vertices))
    weights = np.select(
        [number < 6706, number < BACK, number < SOCKETS, number < 13294, number < GUMS, number < TEETH],
        [9.0, 3.0, 0.2, 0.15, 0.03, 0.25],
        0.1,
    )
    for first, last, reach in ((36, 48, 8.0), (48, 68, 7.0), (27, 36, 7.0)):
        marks = vertices[shapes.landmarks68[first:last]]
        gap = np.linalg.norm(vertices[:SOCKETS, None] - marks, axis=2).min(axis=1)
        weights[:SOCKETS][gap < reach] = np.inf
    weights[shapes.landmarks68] = np.inf
    weights[mirror < 0] = np.inf
    return weights


def _renumber(shapes: Registered, levels: list[Level], mirror: Ints, tile_of_uv: Ints) -> Topology:
    used = [np.unique(level.triangles) for level in levels]
    rows = used[-1]
    for finer in reversed(used[:-1]):
        rows = np.concatenate([rows, np.setdiff1d(finer, rows)])
    new = np.full(len(mirror), -1, np.int64)
    new[rows] = np.arange(len(rows))
    uv_rows = np.unique(np.concatenate([level.uv_triangles.ravel() for level in levels]))
    new_uv = np.full(len(shapes.uv), -1, np.int64)
    new_uv[uv_rows] = np.arange(len(uv_rows))
    grid = eye_grid()
    eye_triangles, eye_uv = _place_eyes(grid, len(rows), len(uv_rows))
    done = tuple(
        Level(
            np.concatenate([new[level.triangles], eye_triangles[0]]),
            np.concatenate([new_uv[level.uv_triangles], eye_triangles[1]]),
        )
        for level in levels
    )
    uv = np.concatenate([_into_atlas(shapes.uv[uv_rows], tile_of_uv[uv_rows]), eye_uv])
    region = np.concatenate([_regions(shapes, rows), np.repeat([7, 8], len(grid.directions))]).astype(
        np.uint8
    )
    return Topology(rows, done, tuple(len(u) for u in used), uv, region, new[mirror[rows]], grid)


def _place_eyes(grid: EyeGrid, first: int, first_uv: int) -> tuple[tuple[Ints, Ints], Floats]:
    count = len(grid.directions)
    shift = np.array([0, count])[:, None, None]
    triangles = (grid.triangles + first + shift).reshape(-1, 3)
    flat = grid.triangles.copy()
    # the back pole has one place in the picture but a whole ring around it: its triangles get no area
    flat[-SEGMENTS:, 1] = flat[-SEGMENTS:, 0]
    uv_triangles = (flat + first_uv + shift).reshape(-1, 3)
    uv = np.concatenate([grid.uv * side + (left, top) for left, top, side in EYE_TILES])
    return (triangles, uv_triangles), uv


def _into_atlas(uv: Floats, tile: Ints) -> Floats:
    """Place each UDIM tile (v up) into its square of the one atlas (v down)."""
    inside = np.stack([uv[:, 0] - np.floor(uv[:, 0]), 1 - (uv[:, 1] - np.floor(uv[:, 1]))], axis=1)
    square = np.array([TILES[int(t)] for t in tile])
    return square[:, :2] + _MARGIN / 2 + inside * (square[:, 2:] - _MARGIN)


def _regions(shapes: Registered, rows: Ints) -> Ints:
    bounds = [(BACK, 0), (SOCKETS, 1), (13294, 2), (GUMS, 3), (TEETH, 4), (TEETH_END, 6)]
    region = np.select([rows < end for end, _ in bounds], [label for _, label in bounds])
    tongue = np.isin(rows, tongue_rows(shapes))
    return np.where(tongue, 5, region)


def tongue_rows(shapes: Registered) -> Ints:
    """Registered vertices of the tongue: the large texture islands of the mouth that stay between the
    teeth."""
    inside = (shapes.triangles >= GUMS).all(axis=1) & (shapes.triangles < TEETH).all(axis=1)
    island = _islands(shapes.uv_triangles[inside], len(shapes.uv))
    rows = []
    for label in np.unique(island):
        found = np.unique(shapes.triangles[inside][island == label])
        if len(found) > 200 and np.abs(shapes.mean[found, 0]).max() < 20.5:
            rows.append(found)
    return np.unique(np.concatenate(rows))


def _islands(triangles: Ints, count: int) -> Ints:
    """A label per triangle, the same for all that hang together: the least vertex number reached."""
    label = np.arange(count)
    while True:
        least = label[triangles].min(axis=1)
        spread = label.copy()
        np.minimum.at(spread, triangles.ravel(), np.repeat(least, 3))
        spread = spread[spread]
        if np.array_equal(spread, label):
            return np.asarray(least)
        label = spread
