"""Values that flow over the surface of the head, across the borders of the atlas."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from mien.face3d.model.basis import HeadModel
from mien.face3d.render.rasterize import Fragments, rasterize_plane
from mien.face3d.texture.atlas import SKIN
from mien.geometry.triangles import unique_edges

Singles = NDArray[np.float32]
Array = NDArray[np.float64]
Ints = NDArray[np.int64]

_STIFFNESS = 0.02  # how much a seen value resists its neighbours; small lets values run far
_ROUNDS = 300


@functools.lru_cache(maxsize=4)
def _coarse(model: HeadModel, size: int) -> tuple[Ints, Ints, Ints, Fragments]:
    """Skin vertices of the coarsest level, the texel of each (column, row), their edges, and its atlas."""
    triangles, uv_triangles = model.levels[-1]
    skin = _skin(model)
    rows = np.unique(triangles[skin])
    new = np.full(len(model.mean), -1, np.int64)
    new[rows] = np.arange(len(rows))
    spots = np.zeros((len(model.mean), 2), np.int64)
    # a little inside one of its triangles: at a seam the vertex itself lies beside its island
    corners = model.uv[uv_triangles[skin]]
    inside = 0.75 * corners + 0.25 * corners.mean(axis=1, keepdims=True)
    spots[triangles[skin].ravel()] = np.clip(inside.reshape(-1, 2) * size, 0, size - 1)
    points = model.uv.astype(np.float64) * size - 0.5
    fragments = rasterize_plane(points, uv_triangles[skin], size, size)
    return rows, spots[rows], new[unique_edges(triangles[skin])], fragments


def _skin(model: HeadModel) -> NDArray[np.bool_]:
    triangles = model.levels[-1][0]
    labels = [model.region_names.index(name) for name in SKIN]
    return np.asarray(np.isin(model.region[triangles], labels).all(axis=1))


def spread_over_surface(
    model: HeadModel,
    values: Singles,
    weights: Singles,
    prior: Singles | None = None,
    belief: float = 1e-6,
) -> tuple[Singles, Singles]:
    """Extend atlas values (S, S, C) from where weights (S, S) are high over the whole skin.

    Solves (W + b + k L) v = W v0 + b p on the vertices of the coarsest level (L: graph Laplacian), p being
    the ``prior`` (S, S, C), or the mean of what was seen, with weight b = ``belief``.
    returns: values (S, S, C) and where they are valid (S, S).
    """
    size = len(weights)
    rows, spots, edges, fragments = _coarse(model, size)
    column, row = spots.T
    valid = fragments.covered.astype(np.float32)
    # seen at all is seen: hair at the edge of view must not fade into the skin further in
    seen = np.minimum(4.0 * weights[row, column], 1.0).astype(np.float64)
    if prior is None and not seen.any():
        return np.full_like(values, 150.0), valid
    known = seen[:, None] * values[row, column]
    usual = known.sum(axis=0) / max(seen.sum(), 1e-9) if prior is None else prior[row, column]
    solution = _solve(seen + belief, edges, known + belief * usual)
    return _drawn(model, rows, solution, fragments), valid


def softened_over_surface(model: HeadModel, values: Singles, rounds: int) -> tuple[Singles, Singles]:
    """Atlas values (S, S), one a vertex of the coarsest level, averaged so many times with their neighbours'.

    A vertex is about 9 mm from the next.    returns: values (S, S) and where they are valid (S, S).
    """
    rows, spots, edges, fragments = _coarse(model, len(values))
    at = values[spots[:, 1], spots[:, 0]].astype(np.float64)
    ends, others = np.concatenate([edges, edges[:, ::-1]]).T
    count = np.maximum(np.bincount(ends, minlength=len(at)), 1)
    for _ in range(rounds):
        at = 0.5 * at + 0.5 * np.bincount(ends, at[others], len(at)) / count
    return _drawn(model, rows, at[:, None], fragments)[..., 0], fragments.covered.astype(np.float32)


def _drawn(model: HeadModel, rows: Ints, values: Array, fragments: Fragments) -> Singles:
    """Values (N, C) of some vertices as an atlas (S, S, C)."""
    at_vertices = np.zeros((len(model.mean), values.shape[1]), np.float32)
    at_vertices[rows] = values
    picture = np.zeros((*fragments.covered.shape, values.shape[1]), np.float32)
    picture[fragments.covered] = fragments.interpolate(at_vertices, model.levels[-1][0][_skin(model)])
    return picture


def _solve(diagonal: Array, edges: Ints, wanted: Array) -> Array:
    """Solve (diag + k L) x = wanted, (N, C), by conjugate gradients with the diagonal taken out."""
    count = len(diagonal)
    degree = np.bincount(edges.ravel(), minlength=count)
    ends, others = np.concatenate([edges, edges[:, ::-1]]).T
    order = np.argsort(ends, kind="stable")
    starts = np.searchsorted(ends[order], np.arange(count))
    neighbours = others[order]
    lonely = degree == 0  # reduceat would give them their neighbour's sum
    whole = (diagonal + _STIFFNESS * degree)[:, None]

    def times(x: Array) -> Array:
        around = np.add.reduceat(x[neighbours], np.minimum(starts, len(neighbours) - 1), axis=0)
        around[lonely] = 0
        return np.asarray(whole * x - _STIFFNESS * around)

    x = wanted / whole
    rest = wanted - times(x)
    step = rest / whole
    energy = (rest * step).sum(axis=0)
    enough = 1e-10 * np.maximum((wanted * wanted / whole).sum(axis=0), 1e-30)
    direction = step
    for _ in range(_ROUNDS):
        if (energy <= enough).all():
            break
        moved = times(direction)
        length = energy / np.maximum((direction * moved).sum(axis=0), 1e-300)
        x = x + length * direction
        rest = rest - length * moved
        step = rest / whole
        last, energy = energy, (rest * step).sum(axis=0)
        direction = step + energy / np.maximum(last, 1e-300) * direction
    return np.asarray(x)
