"""Nearest points, by brute force in blocks: exact on vertices, and no tree to build."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mien.geometry.triangles import closest_on_triangles

Array = NDArray[np.float64]
Floats = NDArray[np.floating]
Indices = NDArray[np.integer]

_BLOCK = 4_000_000  # distances held at a time: 16 MB


def nearest_vertices(points: Floats, vertices: Floats, count: int = 1) -> Indices:
    """Numbers of the ``count`` vertices (V, D) nearest to each point (N, D): (N, count), in no order.

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
        if count == 1:
            result[start : start + step, 0] = score.argmin(axis=1)
        else:
            result[start : start + step] = np.argpartition(score, count - 1, axis=1)[:, :count]
    return result


def nearest_on_mesh(
    points: Floats, vertices: Floats, triangles: Indices, candidates: int = 3
) -> tuple[Array, Indices, Array]:
    """Nearest point of a surface to each of (N, 3) points.

    Looks at the triangles around the ``candidates`` nearest vertices: exact unless triangles are long
    slivers.
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
        a, b, c = (vertices[triangles[np.maximum(column, 0), i]] for i in range(3))
        close, barycentric = closest_on_triangles(points, a, b, c)
        distance = np.where(column >= 0, ((close - points) ** 2).sum(axis=1), np.inf)
        better = distance < best
        best[better], chosen[better] = distance[better], column[better]
        found[better], weights[better] = close[better], barycentric[better]
    return found, chosen, weights


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
