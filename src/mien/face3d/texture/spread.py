"""Colour that flows over the surface of the head, across the borders of the atlas."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from mien.face3d.model.basis import HeadModel
from mien.face3d.render.rasterize import Fragments, rasterize_plane
from mien.face3d.texture.atlas import SKIN
from mien.geometry.triangles import unique_edges

Singles = NDArray[np.float32]
Ints = NDArray[np.int64]

_STIFFNESS = 0.02  # how much a seen colour resists its neighbours; small lets colours run far


@functools.lru_cache(maxsize=4)
def _coarse(model: HeadModel, size: int) -> tuple[Ints, NDArray[np.float64], Fragments]:
    """Skin vertices of the coarsest level, its graph Laplacian, and its atlas."""
    triangles, uv_triangles = model.levels[-1]
    labels = [model.region_names.index(name) for name in SKIN]
    skin = np.isin(model.region[triangles], labels).all(axis=1)
    rows = np.unique(triangles[skin])
    new = np.full(len(model.mean), -1, np.int64)
    new[rows] = np.arange(len(rows))
    edges = new[unique_edges(triangles[skin])]
    laplacian = np.zeros((len(rows), len(rows)))
    laplacian[edges[:, 0], edges[:, 1]] = laplacian[edges[:, 1], edges[:, 0]] = -1.0
    laplacian[np.arange(len(rows)), np.arange(len(rows))] = -laplacian.sum(axis=1)
    points = model.uv.astype(np.float64) * size - 0.5
    return rows, laplacian, rasterize_plane(points, uv_triangles[skin], size, size)


def spread_over_surface(model: HeadModel, colours: Singles, weights: Singles) -> tuple[Singles, Singles]:
    """Extend atlas colours (S, S, 3) from where weights (S, S) are high over the whole skin.

    Solves (W + k L) c = W c0 on the vertices of the coarsest level (L: graph Laplacian).
    returns: colours (S, S, 3) and where they are valid (S, S).
    """
    size = len(weights)
    rows, laplacian, fragments = _coarse(model, size)
    triangles, uv_triangles = model.levels[-1]
    labels = [model.region_names.index(name) for name in SKIN]
    skin = np.isin(model.region[triangles], labels).all(axis=1)
    spots = np.zeros((len(model.mean), 2), np.int64)
    spots[triangles[skin].ravel()] = np.clip(model.uv[uv_triangles[skin].ravel()] * size, 0, size - 1)
    column, row = spots[rows].T
    # seen at all is seen: hair at the edge of view must not fade into the skin further in
    seen = np.minimum(4.0 * weights[row, column], 1.0).astype(np.float64)
    known = seen[:, None] * colours[row, column]
    if not seen.any():
        return np.full_like(colours, 150.0), fragments.covered.astype(np.float32)
    mean = known.sum(axis=0) / seen.sum()
    system = np.diag(seen + 1e-7) + _STIFFNESS * laplacian
    solution = np.linalg.solve(system, known + 1e-7 * mean)
    values = np.zeros((len(model.mean), 3), np.float32)
    values[rows] = solution
    picture = np.zeros_like(colours)
    picture[fragments.covered] = fragments.interpolate(values, triangles[skin])
    return picture, fragments.covered.astype(np.float32)
