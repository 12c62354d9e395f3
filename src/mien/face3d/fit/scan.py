"""Scan points → head: parametric point-to-plane registration.

Each round takes the nearest surface point of the current head to every scan point and solves for identity,
expression and pose such that the points come to lie in the tangent planes (Chen and Medioni 1992), trimmed
and
with the same priors as the landmark fit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import ShapeError, ThinData
from mien.core.mesh import Coefficients, Placement
from mien.face3d.model.basis import HeadModel
from mien.face3d.model.shape import vertices_of
from mien.geometry.nearest import nearest_on_mesh
from mien.geometry.rotation import nearest_rotation, rotation_from_vector
from mien.geometry.triangles import face_crosses

Floats = NDArray[np.floating]
Array = NDArray[np.float64]
Ints = NDArray[np.integer]

LANDMARKS7 = (36, 39, 42, 45, 33, 48, 54)
"""NoW's seven landmarks among the 68: outer and inner eye corners from the person's right, nose, mouth
corners."""


@dataclass(frozen=True, slots=True, eq=False)
class ScanFit:
    """coefficients and placement of the head in the scan's frame; distances (N,) mm of the scan points."""

    coefficients: Coefficients
    placement: Placement
    distances: Array


def fit_scan(
    model: HeadModel,
    points: Floats,
    landmarks: Floats,
    rounds: int = 25,
    sample: int = 3000,
    sigma: float = 0.7,
    expression_sd: float = 0.55,
    seed: int = 0,
) -> ScanFit:
    """Fit the head model to scan points (N, 3) in mm, started from seven landmarks (7, 3)."""
    if landmarks.shape != (7, 3):
        raise ShapeError("landmarks", "(7, 3)", landmarks.shape)
    if len(points) < 200:
        raise ThinData(f"{len(points)} scan points do not show a head; give some thousands")
    triangles = model.levels[0][0]
    triangles = triangles[np.isin(model.region[triangles], (0, 1)).all(axis=1)]
    identity, names = len(model.identity), len(model.names)
    values = np.zeros(identity + names)
    placement = _rigid(model.mean[model.points68[list(LANDMARKS7)]].astype(np.float64), landmarks)
    chosen = np.asarray(points, np.float64)[
        np.random.default_rng(seed).choice(len(points), min(sample, len(points)), replace=False)
    ]
    prior = np.concatenate([np.ones(identity), np.full(names, expression_sd**-2)])
    for number in range(rounds):
        allowed = 0 if number < 4 else identity if number < 8 else identity + names
        values, placement = _round(model, triangles, chosen, values, placement, prior, sigma, allowed)
    coefficients = Coefficients(values[:identity], values[identity:])
    vertices = vertices_of(model, coefficients) @ placement.rotation.T + placement.translation
    found, _, _ = nearest_on_mesh(points, vertices, triangles)
    return ScanFit(coefficients, placement, np.linalg.norm(found - points, axis=1))


def _rigid(source: Array, target: Floats) -> Placement:
    a, b = source - source.mean(axis=0), target - target.mean(axis=0)
    rotation = nearest_rotation(b.T @ a)
    return Placement(rotation, target.mean(axis=0) - rotation @ source.mean(axis=0))


def _round(
    model: HeadModel,
    triangles: Ints,
    points: Array,
    values: Array,
    placement: Placement,
    prior: Array,
    sigma: float,
    allowed: int,
) -> tuple[Array, Placement]:
    identity = len(model.identity)
    vertices = vertices_of(model, Coefficients(values[:identity], values[identity:]))
    local = (points - placement.translation) @ placement.rotation  # the scan in the head frame
    found, number, weights = nearest_on_mesh(local, vertices, triangles, candidates=2)
    gap = np.linalg.norm(found - local, axis=1)
    near = gap <= max(float(np.quantile(gap, 0.95)), 1e-9)
    corners, weights, found, local = triangles[number[near]], weights[near], found[near], local[near]
    normals = face_crosses(vertices, triangles[number[near]])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    along = np.zeros((len(found), len(values)))
    if allowed:
        for corner in range(3):  # normal part of what each coefficient does to the point
            share = weights[:, corner, None] * normals
            along[:, :identity] += np.einsum(
                "kni,ni->nk", model.identity[:, corners[:, corner]], share, optimize=True
            )
            if allowed > identity:
                moves = model.expression[:, corners[:, corner]]
                along[:, identity:] += np.einsum("kni,ni->nk", moves, share, optimize=True)
    rows = np.concatenate([along[:, :allowed], np.cross(found, normals), normals], axis=1)
    robust = 1 / (sigma**2 + ((found - local) * normals).sum(axis=1) ** 2)
    target = ((local - found) * normals).sum(axis=1)
    precision = rows.T @ (rows * robust[:, None])
    right = rows.T @ (robust * target)
    span = np.arange(allowed)
    precision[span, span] += prior[:allowed]
    right[:allowed] -= prior[:allowed] * values[:allowed]
    precision[np.arange(len(right)), np.arange(len(right))] += 1e-9
    move = np.linalg.solve(precision, right)
    updated = values.copy()
    updated[:allowed] += move[:allowed]
    updated[identity:] = np.clip(updated[identity:], 0, 1)
    updated[:identity] = np.clip(updated[:identity], -4, 4)
    rotation = placement.rotation @ rotation_from_vector(move[allowed : allowed + 3])
    shift = placement.rotation @ move[allowed + 3 :]
    return updated, Placement(nearest_rotation(rotation), placement.translation + shift)
