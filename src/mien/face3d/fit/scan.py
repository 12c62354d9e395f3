"""Scan points → head: parametric point-to-plane registration.

Each round takes the nearest surface point of the current head to every scan point and moves identity,
expression and pose such that the points come to lie in the tangent planes (Chen and Medioni 1992).  Sliding
along the surface costs a little (a share of point-to-point), distant pairs lose influence (Geman and
McClure), and every round may only go a little way: a nearest point is a guess that holds nearby.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import ShapeError, ThinData
from mien.core.mesh import Coefficients, Placement
from mien.face3d.fit.solve import Bounds, bounded_step
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
STAGES = ((5, 0.0), (8, 0.2), (10, 0.6), (12, 1.0))
"""Until which round which share of the identity components may move; expressions move after the last."""


@dataclass(frozen=True, slots=True)
class ScanSettings:
    """How a scan is registered.

    sigma: mm, the scan's grain and what the model cannot follow.
    outlier: sigmas where a pair loses influence.
    tangent: share of a slide along the surface that counts as error.
    landmark: mm, error of the seven points.
    evidence: how many independent observations the scan is worth; neighbouring points err together.
    expression: standard deviation of an expression weight.
    proximal: how dear a move is within one round.
    """

    rounds: int = 40
    sample: int = 3000
    sigma: float = 0.3
    outlier: float = 3.0
    tangent: float = 0.15
    landmark: float = 4.0
    evidence: float = 1500.0
    expression: float = 0.55
    proximal: float = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class ScanFit:
    """coefficients and placement of the head in the scan's frame; distances (N,) mm of the scan points."""

    coefficients: Coefficients
    placement: Placement
    distances: Array


@dataclass(frozen=True, slots=True, eq=False)
class _Equations:
    """Normal equations of one round: matrix and gradient of the coefficients that may move, then the pose."""

    matrix: Array
    gradient: Array

    def plus(self, rows: Array, residuals: Array, weights: Array) -> _Equations:
        weighted = rows * weights[:, None]
        return _Equations(self.matrix + rows.T @ weighted, self.gradient + weighted.T @ residuals)


def fit_scan(
    model: HeadModel, points: Floats, landmarks: Floats, settings: ScanSettings | None = None, seed: int = 0
) -> ScanFit:
    """Fit the head model to scan points (N, 3) in mm, started from seven landmarks (7, 3)."""
    settings = settings or ScanSettings()
    if landmarks.shape != (7, 3):
        raise ShapeError("landmarks", "(7, 3)", landmarks.shape)
    if len(points) < 200:
        raise ThinData(f"{len(points)} scan points do not show a head; give some thousands")
    triangles = model.skin_triangles()
    identity = len(model.identity)
    values = np.zeros(identity + len(model.names))
    placement = _rigid(model.mean[model.points68[list(LANDMARKS7)]].astype(np.float64), landmarks)
    scan = np.asarray(points, np.float64)
    chosen = scan[
        np.random.default_rng(seed).choice(len(scan), min(settings.sample, len(scan)), replace=False)
    ]
    for number in range(settings.rounds):
        allowed = _allowed(number, identity, len(values))
        values, placement = _round(
            model, triangles, chosen, landmarks, values, placement, settings, number, allowed
        )
    coefficients = _coefficients(values, identity)
    vertices = vertices_of(model, coefficients) @ placement.rotation.T + placement.translation
    found, _, _ = nearest_on_mesh(scan, vertices, triangles)
    return ScanFit(coefficients, placement, np.linalg.norm(found - scan, axis=1))


def _allowed(number: int, identity: int, total: int) -> int:
    for until, share in STAGES:
        if number < until:
            return round(identity * share)
    return total


def _coefficients(values: Array, identity: int) -> Coefficients:
    return Coefficients(values[:identity], values[identity:], np.zeros((2, 2)))


def _rigid(source: Array, target: Floats) -> Placement:
    a, b = source - source.mean(axis=0), target - target.mean(axis=0)
    rotation = nearest_rotation(b.T @ a)
    return Placement(rotation, target.mean(axis=0) - rotation @ source.mean(axis=0))


def _round(
    model: HeadModel,
    triangles: Ints,
    points: Array,
    landmarks: Floats,
    values: Array,
    placement: Placement,
    settings: ScanSettings,
    number: int,
    allowed: int,
) -> tuple[Array, Placement]:
    identity = len(model.identity)
    vertices = vertices_of(model, _coefficients(values, identity))
    local = (points - placement.translation) @ placement.rotation  # the scan in the head frame
    found, hit, shares = nearest_on_mesh(local, vertices, triangles)
    corners, gap = triangles[hit], found - local
    sigma = settings.sigma * max(1.0, 4.0 * 0.85**number)
    weights = _influence(np.linalg.norm(gap, axis=1), sigma, settings)
    normals = face_crosses(vertices, corners)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    rows = _derivative(model, found, corners, shares, allowed)
    across = np.einsum("nck,nc->nk", rows, normals, optimize=True)
    size = allowed + 6
    system = _Equations(np.zeros((size, size)), np.zeros(size))
    system = system.plus(across, (gap * normals).sum(axis=1), weights)
    system = system.plus(rows.reshape(-1, size), gap.ravel(), np.repeat(weights * settings.tangent**2, 3))
    marks = model.points68[list(LANDMARKS7)][:, None]
    missed = vertices[marks[:, 0]] - (landmarks - placement.translation) @ placement.rotation
    rows = _derivative(model, vertices[marks[:, 0]], marks, np.ones((7, 1)), allowed)
    system = system.plus(rows.reshape(-1, size), missed.ravel(), np.full(21, settings.landmark**-2))
    return _step(system, values, placement, settings, identity, allowed)


def _influence(distance: Array, sigma: float, settings: ScanSettings) -> Array:
    each = settings.evidence / len(distance) / sigma**2
    return np.asarray(each / (1 + (distance / (settings.outlier * sigma)) ** 2) ** 2)


def _derivative(model: HeadModel, found: Array, corners: Ints, shares: Array, allowed: int) -> Array:
    """How surface points move with the first ``allowed`` coefficients and the pose: (N, 3, allowed + 6).

    The last six columns: a rotation vector in the head frame, then a shift.
    """
    basis = [model.identity[:allowed], model.expression[: max(0, allowed - len(model.identity))]]
    rows = np.zeros((len(found), 3, allowed + 6))
    for corner in range(corners.shape[1]):
        moves = np.concatenate([part[:, corners[:, corner]] for part in basis])
        rows[:, :, :allowed] += shares[:, corner, None, None] * moves.transpose(1, 2, 0)
    x, y, z = found.T
    turn = rows[:, :, allowed : allowed + 3]
    turn[:, 0, 1], turn[:, 0, 2] = z, -y
    turn[:, 1, 0], turn[:, 1, 2] = -z, x
    turn[:, 2, 0], turn[:, 2, 1] = y, -x
    rows[:, range(3), allowed + 3 + np.arange(3)] = 1.0
    return rows


def _step(
    system: _Equations,
    values: Array,
    placement: Placement,
    settings: ScanSettings,
    identity: int,
    allowed: int,
) -> tuple[Array, Placement]:
    prior = np.ones(len(values))
    prior[identity:] = settings.expression**-2
    matrix, gradient = system.matrix.copy(), system.gradient.copy()
    span = np.arange(allowed)
    matrix[span, span] += prior[:allowed] + settings.proximal
    gradient[:allowed] += prior[:allowed] * values[:allowed]
    matrix[allowed:, allowed:] += 1e-9 * np.eye(6)
    low = np.concatenate([np.full(identity, -4.0), np.zeros(len(values) - identity)])
    high = np.concatenate([np.full(identity, 4.0), np.ones(len(values) - identity)])
    bounds = Bounds(low[:allowed], high[:allowed])
    move = bounded_step(matrix, gradient, 0.0, values[:allowed], bounds)
    updated = values.copy()
    updated[:allowed] = bounds.clip(values[:allowed] + move[:allowed])
    rotation = placement.rotation @ rotation_from_vector(move[allowed : allowed + 3])
    shift = placement.rotation @ move[allowed + 3 :]
    return updated, Placement(nearest_rotation(rotation), placement.translation + shift)
