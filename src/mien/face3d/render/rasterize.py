"""Triangles → pixels with a depth buffer, vectorised over candidate pixels; no loop over triangles.

Every front-facing triangle contributes the pixels of its bounding box as candidates; the nearest candidate
inside its triangle wins.  Head meshes have small triangles, so about half of the candidates are inside.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import ShapeError
from mien.core.mesh import Camera

Array = NDArray[np.float64]
Floats = NDArray[np.floating]
Indices = NDArray[np.integer]

_CHUNK = 1_500_000  # candidates held at a time: about 100 MB
NEAR = 1.0  # mm in front of the camera; triangles that reach nearer are left out


@dataclass(frozen=True, slots=True, eq=False)
class Fragments:
    """What each pixel of a picture sees.

    triangle: (H, W) int32 triangle number, -1 where nothing is.
    weights: (H, W, 3) float32 barycentric weights on the surface (perspective-correct), 0 where nothing is.
    depth: (H, W) float32 z in mm, inf where nothing is.
    """

    triangle: NDArray[np.int32]
    weights: NDArray[np.float32]
    depth: NDArray[np.float32]

    @property
    def covered(self) -> NDArray[np.bool_]:
        """(H, W): whether the pixel sees the mesh."""
        return np.asarray(self.triangle >= 0)

    def interpolate(self, values: Floats, triangles: Indices) -> NDArray[np.float32]:
        """Vertex values (V, C) at the covered pixels, (N, C), in row order of ``covered``."""
        mask = self.covered
        corners = triangles[self.triangle[mask]]
        mixed = np.einsum("nkc,nk->nc", values.astype(np.float32)[corners], self.weights[mask])
        return np.asarray(mixed, np.float32)


def rasterize(points: Floats, triangles: Indices, camera: Camera, width: int, height: int) -> Fragments:
    """Rasterise a mesh given in the camera frame, (V, 3) mm; back faces are not seen."""
    if points.ndim != 2 or points.shape[1] != 3:
        raise ShapeError("points", "(V, 3)", points.shape)
    z = np.maximum(points[:, 2], NEAR * 1e-3)
    screen = np.stack(
        [camera.fx * points[:, 0] / z + camera.cx, camera.fy * points[:, 1] / z + camera.cy], axis=1
    )
    ahead = (points[:, 2] > NEAR)[triangles].all(axis=1)
    area = _signed_areas(screen, triangles)
    facing = np.flatnonzero(ahead & (area < -1e-9))  # counter-clockwise from outside is clockwise with y down
    return _fill(screen, 1.0 / z, triangles, facing, area, width, height)


def rasterize_plane(points: Floats, triangles: Indices, width: int, height: int) -> Fragments:
    """Rasterise triangles that lie flat in pixel coordinates (N, 2), either way round, as in a texture
    atlas."""
    area = _signed_areas(points, triangles)
    some = np.flatnonzero(np.abs(area) > 1e-12)
    return _fill(points, np.ones(len(points)), triangles, some, area, width, height)


def _signed_areas(screen: Floats, triangles: Indices) -> Array:
    a, b, c = (screen[triangles[:, i]] for i in range(3))
    return np.asarray((b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (c[:, 0] - a[:, 0]) * (b[:, 1] - a[:, 1]))


def _fill(
    screen: Floats, inverse: Floats, triangles: Indices, chosen: Indices, area: Array, width: int, height: int
) -> Fragments:
    corners = screen[triangles[chosen]]
    a, b, c = (corners[:, i] for i in range(3))  # numpy is slow at the smallest of three along an axis
    low = np.maximum(np.ceil(np.minimum(np.minimum(a, b), c) - 1e-9), 0).astype(np.int64)
    high = np.floor(np.maximum(np.maximum(a, b), c) + 1e-9)
    high = np.minimum(high, (width - 1, height - 1)).astype(np.int64)
    size = np.maximum(high - low + 1, 0)
    counts = size[:, 0] * size[:, 1]
    buffer = np.zeros(height * width, np.float32)
    winner = np.full(height * width, -1, np.int32)
    weights = np.zeros((height * width, 3), np.float32)
    for part in _chunks(counts):
        pixel, owner, bary = _candidates(corners[part], area[chosen[part]], low[part], size[part], width)
        near = (bary * inverse[triangles[chosen[part][owner]]]).astype(np.float32)  # weights over depth
        closeness = near.sum(axis=1)
        np.maximum.at(buffer, pixel, closeness)
        best = closeness >= buffer[pixel]
        pixel, closeness = pixel[best], closeness[best]
        winner[pixel] = chosen[part][owner[best]]
        weights[pixel] = near[best] / closeness[:, None]
    depth = np.where(winner >= 0, 1 / np.maximum(buffer, 1e-30), np.inf).astype(np.float32)
    return Fragments(
        winner.reshape(height, width), weights.reshape(height, width, 3), depth.reshape(height, width)
    )


def _chunks(counts: Indices) -> list[Indices]:
    """Split triangles with candidates into runs of at most about `_CHUNK` candidates."""
    alive = np.flatnonzero(counts)
    if not len(alive):
        return []
    cuts = np.flatnonzero(np.diff(np.cumsum(counts[alive]) // _CHUNK)) + 1
    return np.split(alive, cuts)


def _candidates(
    corners: Floats, area: Array, low: Indices, size: Indices, width: int
) -> tuple[Indices, Indices, NDArray[np.float32]]:
    """Pixels inside triangles: flat pixel number, triangle number within the chunk, weights (N, 3)."""
    counts = size[:, 0] * size[:, 1]
    owner = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    rank = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    row = rank // size[owner, 0]
    px, py = low[owner, 0] + rank - row * size[owner, 0], low[owner, 1] + row
    # barycentric weights are linear in the pixel: w = w0 + gx * x + gy * y, relative to the first corner
    (ax, ay), (bx, by), (cx, cy) = (corners[:, i].T for i in range(3))
    g1 = np.stack([(cy - ay), -(cx - ax)]) / area
    g2 = np.stack([-(by - ay), (bx - ax)]) / area
    dx, dy = px - ax[owner], py - ay[owner]
    w1 = g1[0][owner] * dx + g1[1][owner] * dy
    w2 = g2[0][owner] * dx + g2[1][owner] * dy
    w0 = 1 - w1 - w2
    inside = np.flatnonzero((w0 >= -1e-7) & (w1 >= -1e-7) & (w2 >= -1e-7))
    bary = np.stack([w0[inside], w1[inside], w2[inside]], axis=1).astype(np.float32)
    return py[inside] * width + px[inside], owner[inside], bary
