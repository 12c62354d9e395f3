"""Nearest points, by brute force in blocks: exact on vertices, and no tree to build."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mien.geometry.triangles import closest_on_triangles

Array = NDArray[np.float64]
Floats = NDArray[np.floating]
Indices = NDArray[np.integer]

_BLOCK = 4_000_000  # distances held at a time: 16 MB


def nearest_vertices(points: Floats, vertices: Floats, count: int = 1) -> Indices:
    """Numbers of the ``count`` vertices (V, D) nearest to each point (N, D): (N, count), nearest first.

    >>> nearest_vertices(np.array([[0.9, 0.0]]), np.array([[0.0, 0.0], [1.0, 0.0]])).tolist()
    [[1]]
    """
    middle = vertices.mean(axis=0)  # small numbers keep float32 exact enough
    v = np.asarray(vertices - middle, np.float32)
    squares = (v * v).sum(axis=1)
    step = max(1, _BLOCK // len(v))
    result = np.empty((len(points), count), np.int64)
    for start in range(0, len(points), step):
        p = np.asarray(points[start : start + step] - middle, np.float32)
        score = squares - 2 * (p @ v.T)
        for rank in range(count):  # a few sweeps of argmin are several times faster than argpartition
            best = score.argmin(axis=1)
            result[start : start + step, rank] = best
            if rank + 1 < count:
                score[np.arange(len(score)), best] = np.inf
    return result


def nearest_on_mesh(
    points: Floats, vertices: Floats, triangles: Indices, candidates: int = 3, exact: bool = False
) -> tuple[Array, Indices, Array]:
    """Nearest point of a surface to each of (N, 3) points.

    Looks at the triangles around the ``candidates`` nearest vertices, which misses a large triangle behind
    small ones; ``exact`` then looks at every other triangle whose bounding sphere comes nearer still.
    returns: points (N, 3), triangle numbers (N,), barycentric weights (N, 3).
    """
    used = np.unique(triangles)
    near = used[nearest_vertices(points, vertices[used], min(candidates, len(used)))]
    table = _triangles_around(triangles, len(vertices))
    options = table[near].reshape(len(points), -1)
    best = np.full(len(points), np.inf)
    found, chosen = np.zeros((len(points), 3)), np.zeros(len(points), np.int64)
    weights = np.zeros((len(points), 3))
    for column in options.T:
        some = np.flatnonzero(column >= 0)  # few vertices have as many triangles as the busiest one
        _improve(points, vertices, triangles, some, column[some], best, found, chosen, weights)
    if exact:
        for rows, others in _nearer_spheres(points, vertices, triangles, np.sqrt(best)):
            order = np.argsort(rows, kind="stable")
            rows, others = rows[order], others[order]
            rank = np.arange(len(rows)) - np.searchsorted(rows, rows)
            for turn in range(int(rank.max(initial=-1)) + 1):  # each point once a turn
                now = rank == turn
                _improve(points, vertices, triangles, rows[now], others[now], best, found, chosen, weights)
    return found, chosen, weights


def _improve(
    points: Floats,
    vertices: Floats,
    triangles: Indices,
    rows: Indices,
    tried: Indices,
    best: Array,
    found: Array,
    chosen: Indices,
    weights: Array,
) -> None:
    """Try triangle ``tried[i]`` for point ``rows[i]`` and keep it where it is nearer; rows are distinct."""
    a, b, c = (vertices[triangles[tried, i]] for i in range(3))
    close, barycentric = closest_on_triangles(points[rows], a, b, c)
    distance = ((close - points[rows]) ** 2).sum(axis=1)
    better = distance < best[rows]
    rows = rows[better]
    best[rows], chosen[rows] = distance[better], tried[better]
    found[rows], weights[rows] = close[better], barycentric[better]


def _nearer_spheres(
    points: Floats, vertices: Floats, triangles: Indices, reached: Array
) -> Iterator[tuple[Indices, Indices]]:
    """Pairs of point and triangle whose bounding sphere begins nearer than ``reached`` (N,), in blocks."""
    corners = np.asarray(vertices, np.float64)[triangles]
    middle = corners.mean(axis=(0, 1))
    centres = corners.mean(axis=1)
    radius = np.linalg.norm(corners - centres[:, None], axis=2).max(axis=1).astype(np.float32)
    c = np.asarray(centres - middle, np.float32)
    squares = (c * c).sum(axis=1)
    step = max(1, _BLOCK // len(c))
    for start in range(0, len(points), step):
        p = np.asarray(points[start : start + step] - middle, np.float32)
        gap = (p * p).sum(axis=1)[:, None] + squares - 2 * (p @ c.T)
        limit = reached[start : start + step].astype(np.float32)[:, None] + radius
        rows, others = np.nonzero(gap < limit * limit)
        yield rows + start, others


def _triangles_around(triangles: Indices, vertices: int) -> Indices:
    """Triangles around each vertex, (V, widest), padded with -1."""
    corners = triangles.ravel()
    order = np.argsort(corners, kind="stable")
    counts = np.bincount(corners, minlength=vertices)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    table = np.full((vertices, max(int(counts.max()), 1)), -1, np.int64)
    rank = np.arange(len(corners)) - starts[corners[order]]
    table[corners[order], rank] = order // 3
    return table
