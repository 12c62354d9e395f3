"""Numbers about triangle meshes: normals, areas, barycentric points, nearest points."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Floats = NDArray[np.floating]
Indices = NDArray[np.integer]


def face_crosses(vertices: Floats, triangles: Indices) -> Array:
    """Cross product of two edges of each triangle, (T, 3): its normal, as long as twice its area."""
    a, b, c = (np.asarray(vertices, np.float64)[triangles[:, i]] for i in range(3))
    return np.cross(b - a, c - a)


def triangle_areas(vertices: Floats, triangles: Indices) -> Array:
    """Area of each triangle, (T,), in squared units of the vertices.

    >>> triangle_areas(np.array([[0, 0, 0], [2, 0, 0], [0, 3, 0]]), np.array([[0, 1, 2]]))
    array([3.])
    """
    return np.asarray(np.linalg.norm(face_crosses(vertices, triangles), axis=1) / 2, np.float64)


def vertex_areas(vertices: Floats, triangles: Indices) -> Array:
    """A third of the area of the triangles around each vertex, (V,); sums to the area of the surface."""
    thirds = np.repeat(triangle_areas(vertices, triangles) / 3, 3)
    return np.asarray(np.bincount(triangles.ravel(), thirds, minlength=len(vertices)), np.float64)


def vertex_normals(vertices: Floats, triangles: Indices) -> Array:
    """Unit outward normals, (V, 3), the area-weighted mean of the triangles around; zero for a loose
    vertex."""
    crosses = np.repeat(face_crosses(vertices, triangles), 3, axis=0)
    corners = triangles.ravel()
    sums = np.stack([np.bincount(corners, crosses[:, i], minlength=len(vertices)) for i in range(3)], axis=1)
    return np.asarray(sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-30), np.float64)


def interpolate(values: Floats, triangles: Indices, barycentric: Floats) -> Array:
    """Values (V, C) at points given by their (N, 3) corners and (N, 3) barycentric weights."""
    return np.asarray(np.einsum("nkc,nk->nc", np.asarray(values, np.float64)[triangles], barycentric))


def unique_edges(triangles: Indices) -> Indices:
    """Every edge once, (E, 2), smaller vertex number first.

    >>> unique_edges(np.array([[0, 1, 2], [2, 1, 3]])).tolist()
    [[0, 1], [0, 2], [1, 2], [1, 3], [2, 3]]
    """
    edges = np.sort(
        np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1
    )
    return np.unique(edges, axis=0)


def boundary_edges(triangles: Indices) -> Indices:
    """Edges that belong to one triangle only, (E, 2)."""
    edges = np.sort(
        np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1
    )
    unique, counts = np.unique(edges, axis=0, return_counts=True)
    return np.asarray(unique[counts == 1])


def closest_on_triangles(points: Floats, a: Floats, b: Floats, c: Floats) -> tuple[Array, Array]:
    """Closest point of triangle i to point i, for all i at once (Ericson, Real-Time Collision Detection,
    5.1.5).

    points, a, b, c: (N, 3).    returns: closest points (N, 3) and their barycentric weights (N, 3).
    """
    ab, ac, ap = b - a, c - a, points - a
    d1, d2 = _dot(ab, ap), _dot(ac, ap)
    bp, cp = points - b, points - c
    d3, d4, d5, d6 = _dot(ab, bp), _dot(ac, bp), _dot(ab, cp), _dot(ac, cp)
    va, vb, vc = d3 * d6 - d5 * d4, d5 * d2 - d1 * d6, d1 * d4 - d3 * d2
    total = np.where(np.abs(va + vb + vc) < 1e-30, 1.0, va + vb + vc)
    v, w = vb / total, vc / total
    on_ab = (vc <= 0) & (d1 >= 0) & (d3 <= 0)
    on_ac = (vb <= 0) & (d2 >= 0) & (d6 <= 0)
    on_bc = (va <= 0) & (d4 - d3 >= 0) & (d5 - d6 >= 0)
    along_ab = _ratio(d1, d1 - d3)
    along_ac = _ratio(d2, d2 - d6)
    along_bc = _ratio(d4 - d3, (d4 - d3) + (d5 - d6))
    conditions = [
        (d1 <= 0) & (d2 <= 0),
        (d3 >= 0) & (d4 <= d3),
        (d6 >= 0) & (d5 <= d6),
        on_ab,
        on_ac,
        on_bc,
    ]
    zero, one = np.zeros_like(v), np.ones_like(v)
    v = np.select(conditions, [zero, one, zero, along_ab, zero, 1 - along_bc], v)
    w = np.select(conditions, [zero, zero, one, zero, along_ac, along_bc], w)
    weights = np.stack([1 - v - w, v, w], axis=1)
    return a + v[:, None] * ab + w[:, None] * ac, weights


def _dot(x: Floats, y: Floats) -> Array:
    return np.asarray(np.einsum("ni,ni->n", np.asarray(x, np.float64), y))


def _ratio(top: Array, bottom: Array) -> Array:
    return np.asarray(top / np.where(np.abs(bottom) < 1e-30, 1.0, bottom), np.float64)
