"""Nearest points, by brute force in blocks: exact on vertices, and no tree to build."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mien.geometry.triangles import closest_on_triangles

Array = NDArray[np.float64]
Floats = NDArray[np.floating]
Indices = NDArray[np.integer]
Singles = NDArray[np.float32]

_BLOCK = 400_000  # distances held at a time: 1.6 MB


def nearest_vertices(points: Floats, vertices: Floats, count: int = 1) -> Indices:
    """Numbers of the ``count`` vertices (V, D) nearest to each point (N, D): (N, count), nearest first.

    >>> nearest_vertices(np.array([[0.9, 0.0]]), np.array([[0.0, 0.0], [1.0, 0.0]])).tolist()
    [[1]]
    """
    middle = vertices.mean(axis=0)  # small numbers keep float32 exact enough
    v = np.asarray(vertices - middle, np.float32)
    columns = np.concatenate([-2 * v, (v * v).sum(axis=1, keepdims=True)], axis=1)  # |v|^2 - 2 p v
    rows = np.ones((len(points), v.shape[1] + 1), np.float32)
    rows[:, :-1] = points - middle
    result = np.empty((len(points), count), np.int64)
    for start, score in _products(rows, columns):
        for rank in range(count):  # a few sweeps of argmin are several times faster than argpartition
            best = score.argmin(axis=1)
            result[start : start + len(score), rank] = best
            if rank + 1 < count:
                score[np.arange(len(score)), best] = np.inf
    return result


def _products(rows: Singles, columns: Singles) -> Iterator[tuple[int, Singles]]:
    """``rows @ columns.T`` in blocks of rows that stay in the processor's cache: first row, block.

    All blocks lie in one buffer: use one before taking the next.
    """
    step = max(1, _BLOCK // len(columns))
    turned = np.ascontiguousarray(columns.T)
    buffer = np.empty((min(step, len(rows)), len(columns)), np.float32)
    for start in range(0, len(rows), step):
        part = rows[start : start + step]
        yield start, np.matmul(part, turned, out=buffer[: len(part)])


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
    rows, columns = np.nonzero(options >= 0)
    _improve(points, vertices, triangles, rows, options[rows, columns], best, found, chosen, weights)
    if exact:
        for near_rows, others in _nearer_spheres(points, vertices, triangles, np.sqrt(best)):
            _improve(points, vertices, triangles, near_rows, others, best, found, chosen, weights)
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
    """Try triangle ``tried[i]`` for point ``rows[i]`` and keep the nearest."""
    a, b, c = (vertices[triangles[tried, i]] for i in range(3))
    close, barycentric = closest_on_triangles(points[rows], a, b, c)
    distance = ((close - points[rows]) ** 2).sum(axis=1)
    order = np.lexsort((distance, rows))  # the nearest of each point comes first of its run
    first = np.diff(rows[order], prepend=-1) > 0
    won = order[first & (distance < best[rows])[order]]
    rows = rows[won]
    best[rows], chosen[rows] = distance[won], tried[won]
    found[rows], weights[rows] = close[won], barycentric[won]


def _nearer_spheres(
    points: Floats, vertices: Floats, triangles: Indices, reached: Array
) -> Iterator[tuple[Indices, Indices]]:
    """Pairs of point and triangle whose bounding sphere begins nearer than ``reached`` (N,), in blocks."""
    corners = np.asarray(vertices, np.float64)[triangles]
    middle = corners.mean(axis=(0, 1))
    centres = corners.mean(axis=1)
    radius = np.linalg.norm(corners - centres[:, None], axis=2).max(axis=1)
    # |p - c|^2 < (reached + radius)^2, all on one side and as one product
    c, p = centres - middle, points - middle
    one, unit = np.ones(len(p)), np.ones(len(c))
    columns = np.column_stack([-2 * c, -2 * radius, (c * c).sum(axis=1) - radius**2, unit])
    rows = np.column_stack([p, reached, one, (p * p).sum(axis=1) - reached**2])
    for start, gap in _products(np.asarray(rows, np.float32), np.asarray(columns, np.float32)):
        near, others = np.nonzero(gap < 0)
        yield near + start, others


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
