"""Parts that are built rather than scanned: eyeballs that can turn, and the tongue that comes out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Array = NDArray[np.float64]
Ints = NDArray[np.int64]

SEGMENTS = 24
RINGS = np.radians([3, 7, 11, 15, 19, 22.5, 26, 32, 42, 54, 68, 84, 104, 128, 154])
"""Angles from the optical axis: close where iris, limbus and cornea are seen."""


@dataclass(frozen=True, slots=True, eq=False)
class EyeGrid:
    """The topology of an eyeball: pole, rings, opposite pole; axis +z.

    directions: (V, 3) unit vectors.    triangles: (T, 3) outward.    uv: (V, 2) 0..1, the pupil in the
    middle,
    distance from it proportional to the angle from the axis.
    """

    directions: Array
    triangles: Ints
    uv: Array


def eye_grid() -> EyeGrid:
    """Build the eyeball that both eyes share."""
    turn = np.arange(SEGMENTS) * 2 * np.pi / SEGMENTS
    angle, azimuth = np.repeat(RINGS, SEGMENTS), np.tile(turn, len(RINGS))
    angle, azimuth = np.concatenate([[0.0], angle, [np.pi]]), np.concatenate([[0.0], azimuth, [0.0]])
    directions = np.stack(
        [np.sin(angle) * np.cos(azimuth), np.sin(angle) * np.sin(azimuth), np.cos(angle)], axis=1
    )
    radius = np.sqrt(np.minimum(angle / np.pi, 0.98)) / 2  # the part that is seen gets most of the texels
    uv = 0.5 + np.stack([radius * np.cos(azimuth), -radius * np.sin(azimuth)], axis=1)
    return EyeGrid(directions, _grid_triangles(len(RINGS)), uv)


def _grid_triangles(rings: int) -> Ints:
    i = np.arange(SEGMENTS)
    j = (i + 1) % SEGMENTS
    faces = [np.stack([np.zeros_like(i), 1 + i, 1 + j], axis=1)]
    for ring in range(rings - 1):
        inner, outer = 1 + ring * SEGMENTS, 1 + (ring + 1) * SEGMENTS
        faces.append(np.stack([inner + i, outer + i, outer + j], axis=1))
        faces.append(np.stack([inner + i, outer + j, inner + j], axis=1))
    last = 1 + (rings - 1) * SEGMENTS
    faces.append(np.stack([last + i, np.full_like(i, last + SEGMENTS), last + j], axis=1))
    return np.concatenate(faces).astype(np.int64)


def fit_sphere(points: Floats) -> tuple[Array, float]:
    """Centre (3,) and radius of the sphere through (N, 3) points, linear least squares (Coope 1993)."""
    a = np.concatenate([2 * points, np.ones((len(points), 1))], axis=1)
    solution = np.linalg.lstsq(a, (points**2).sum(axis=1), rcond=None)[0]
    centre = solution[:3]
    return centre, float(np.sqrt(solution[3] + centre @ centre))


def radial_profile(points: Floats, centre: Array, grid: EyeGrid) -> Array:
    """Distance from the centre at each vertex of the grid, (V,): the outer surface, averaged around the
    axis."""
    offsets = points - centre
    radius = np.linalg.norm(offsets, axis=1)
    angle = np.arccos(np.clip(offsets[:, 2] / radius, -1, 1))
    wanted = np.arccos(np.clip(grid.directions[:, 2], -1, 1))
    steps = np.concatenate([[0.0], RINGS, [np.pi]])
    profile = np.array([np.median(radius[np.argsort(np.abs(angle - step))[:16]]) for step in steps])
    return np.asarray(np.interp(wanted, steps, profile), np.float64)


def similarity_displacement(points: Floats, centre: Array, moved: Floats) -> tuple[Array, Array]:
    """Write displacements (..., N, 3) of an eyeball as shift (..., 3) and relative growth (...,).

    A ball that is to turn later must stay a ball in every identity.
    """
    shift = moved.mean(axis=-2)
    offsets = points - points.mean(axis=0)
    growth = np.einsum("...ni,ni->...", moved, offsets) / (offsets**2).sum()
    shift = shift + growth[..., None] * (centre - points.mean(axis=0))
    return shift, growth


def tongue_out(tongue: Floats, jaw_open: Floats) -> Array:
    """Displacement (V, 3) mm of the tongue's vertices (V, 3) when it is put out, without the jaw's part.

    The root stays; towards the tip it comes forward, over the lower teeth, thins and bends down.
    ``jaw_open`` (V, 3) is what an open jaw does to the same vertices: the tongue leaves through the gap.
    """
    back, front = np.percentile(tongue[:, 2], [10, 100])
    along = np.clip((tongue[:, 2] - back) / (front - back), 0, 1)
    ease = along**2 * (3 - 2 * along)
    middle = (tongue[:, 1].max() + tongue[:, 1].min()) / 2
    rise = 10.0 * np.sin(np.pi * np.clip(along, 0, 1)) ** 2 * along - 3.0 * ease
    moved = np.zeros_like(tongue, dtype=np.float64)
    moved[:, 0] = -0.25 * ease * tongue[:, 0]
    moved[:, 1] = rise - 0.45 * ease * (tongue[:, 1] - middle) - 7.0 * np.clip(2 * along - 1, 0, 1) ** 2
    moved[:, 2] = 30.0 * ease
    return np.asarray(moved - 0.35 * ease[:, None] * (jaw_open * (0.0, 0.35, 1.0)), np.float64)
