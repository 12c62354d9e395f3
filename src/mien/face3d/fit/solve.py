"""Landmarks → pose, identity and expression: damped, robust, bounded Gauss-Newton.

Minimises, over identity z, expression e in [0, 1], rotation and translation (Blanz and Vetter's energy with
landmarks in place of pixels):

    sum_i rho(|project(R x_i(z, e) + t) - p_i| / sigma_i) + |z|^2 + |e / spread|^2

with Cauchy's rho.  ``mouthClose <= jawOpen`` holds throughout: mouthClose undoes the lips of an open jaw.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.core.mesh import Camera, Placement
from mien.face3d.fit.evidence import LinearPoints
from mien.geometry.projection import project, projection_jacobian
from mien.geometry.rotation import nearest_rotation, rotation_from_vector

Floats = NDArray[np.floating]
Array = NDArray[np.float64]

_PASSES = 6  # of the search for the limits that hold a step; most steps need one or two


@dataclass(frozen=True, slots=True)
class Priors:
    """How likely coefficients are before anything was seen.

    identity: weight of |z|^2; 1 is the population the model was learned from.
    expression: standard deviation of an expression weight.
    outlier: residual, in sigmas, where a landmark starts to lose influence.
    """

    identity: float = 1.0
    expression: float = 0.33
    outlier: float = 2.5


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """One point of the search: stacked coefficients (K + E,) and the placement."""

    coefficients: Array
    placement: Placement


@dataclass(frozen=True, slots=True, eq=False)
class Bounds:
    """Limits per stacked coefficient, (K + E,), and the two that are tied: value[lower] <= value[upper]."""

    low: Array
    high: Array
    tied: tuple[int, int] | None = None

    def clip(self, values: Array) -> Array:
        """The nearest allowed values."""
        clipped = np.clip(values, self.low, self.high)
        if self.tied is not None and clipped[self.tied[0]] > clipped[self.tied[1]]:
            clipped[self.tied[0]] = clipped[self.tied[1]]
        return clipped


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Points whose distance from each other is known better than where they are: lips and eyelids.

    first, second: (M,) landmark numbers.    sigma: (M,) pixels, expected error of their difference.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    sigma: Array

    def extend(self, residuals: Array, jacobian: Array) -> tuple[Array, Array]:
        """Append the differences to residuals (N, 2) and their derivative (N, 2, P)."""
        return (
            np.concatenate([residuals, residuals[self.first] - residuals[self.second]]),
            np.concatenate([jacobian, jacobian[self.first] - jacobian[self.second]]),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """Where the search ended.

    precision: (K + E + 6, K + E + 6) Gauss-Newton Hessian; its inverse is the covariance of coefficients,
        rotation vector and translation.    residuals: (N, 2) pixels.    cost: the energy.
    """

    state: State
    precision: Array
    residuals: Array
    cost: float
    iterations: int


def residuals_and_jacobian(
    points: LinearPoints, pixels: Floats, camera: Camera, state: State
) -> tuple[Array, Array]:
    """Pixels (N, 2) by which the model misses, and their derivative (N, 2, K + E + 6).

    The last six columns: a rotation vector applied in the camera frame about the camera's centre shifted to
    the
    head's origin, then the translation.
    """
    rotation = state.placement.rotation
    turned = points.at(state.coefficients) @ rotation.T
    seen = turned + state.placement.translation
    per_point = projection_jacobian(seen, camera)  # (N, 2, 3)
    count = points.moves.shape[2]
    jacobian = np.empty((len(seen), 2, count + 6))
    np.matmul(per_point @ rotation, points.moves, out=jacobian[:, :, :count])
    x, y, z = turned.T
    jx, jy, jz = per_point[:, :, 0], per_point[:, :, 1], per_point[:, :, 2]
    jacobian[:, :, count] = jz * y[:, None] - jy * z[:, None]
    jacobian[:, :, count + 1] = jx * z[:, None] - jz * x[:, None]
    jacobian[:, :, count + 2] = jy * x[:, None] - jx * y[:, None]
    jacobian[:, :, count + 3 :] = per_point
    return project(seen, camera) - pixels, jacobian


def solve(
    points: LinearPoints,
    pixels: Floats,
    sigma: Floats,
    camera: Camera,
    start: State,
    bounds: Bounds,
    priors: Priors,
    iterations: int = 12,
    tolerance: float = 1e-4,
    pairs: Pairs | None = None,
) -> Solution:
    """Search from ``start``; pixels (N, 2), sigma (N,) pixels, inf for points without a say."""
    prior = np.full(points.moves.shape[2], priors.expression**-2)
    prior[: points.identity] = priors.identity
    state, damping = start, 1e-3
    sigmas = np.asarray(sigma, np.float64)
    weights = 1 / (sigmas if pairs is None else np.concatenate([sigmas, pairs.sigma])) ** 2

    def linearise(at: State) -> tuple[Array, Array]:
        both = residuals_and_jacobian(points, pixels, camera, at)
        return both if pairs is None else pairs.extend(*both)

    residuals, jacobian = linearise(state)
    cost = _cost(residuals, weights, prior, state, priors.outlier)
    done = 0
    for step in range(iterations):
        done = step + 1
        precision, gradient = _normal_equations(residuals, jacobian, weights, prior, state, priors.outlier)
        move = bounded_step(precision, gradient, damping, state.coefficients, bounds)
        trial = moved(state, move, bounds)
        trial_residuals, trial_jacobian = linearise(trial)
        trial_cost = _cost(trial_residuals, weights, prior, trial, priors.outlier)
        if not trial_cost < cost:  # also where a point fell behind the camera and the cost is NaN
            damping = max(damping, 1e-3) * 10
            if damping > 1e6:
                break
            continue
        gain = (cost - trial_cost) / cost
        state, residuals, jacobian, cost = trial, trial_residuals, trial_jacobian, trial_cost
        damping = max(damping / 10, 1e-9)
        if gain < tolerance:
            break
    precision, _ = _normal_equations(residuals, jacobian, weights, prior, state, priors.outlier)
    return Solution(state, precision, residuals[: len(pixels)], cost, done)


def _cost(residuals: Array, weights: Array, prior: Array, state: State, outlier: float) -> float:
    squared = (residuals**2).sum(axis=1) * weights
    robust = outlier**2 * np.log1p(squared / outlier**2)
    return float(robust.sum() + (prior * state.coefficients**2).sum())


def _normal_equations(
    residuals: Array, jacobian: Array, weights: Array, prior: Array, state: State, outlier: float
) -> tuple[Array, Array]:
    squared = (residuals**2).sum(axis=1) * weights
    influence = np.sqrt(weights / (1 + squared / outlier**2))
    rows = (jacobian * influence[:, None, None]).reshape(-1, jacobian.shape[2])
    precision = rows.T @ rows
    gradient = rows.T @ (residuals * influence[:, None]).ravel()
    count = len(prior)
    precision[np.arange(count), np.arange(count)] += prior
    gradient[:count] += prior * state.coefficients
    return precision, gradient


def bounded_step(precision: Array, gradient: Array, damping: float, values: Array, bounds: Bounds) -> Array:
    """A Gauss-Newton step (P,); the first coefficients, now at ``values``, stay within their limits.

    An active set, found in a few passes: what the free step would carry across a limit stops there, two
    coefficients that would cross each other go on as one, and the rest adapts.
    """
    count = len(values)
    stuck = np.zeros(len(gradient), bool)
    stuck[:count] = ((values <= bounds.low) & (gradient[:count] > 0)) | (
        (values >= bounds.high) & (gradient[:count] < 0)
    )
    move = np.zeros(len(gradient))
    as_one: tuple[int, int] | None = None
    for _ in range(_PASSES):
        _free_step(precision, gradient, damping, stuck, as_one, values, move)
        target = values + move[:count]
        crossing = ~stuck[:count] & ((target < bounds.low) | (target > bounds.high))
        if crossing.any():
            move[:count][crossing] = (np.clip(target, bounds.low, bounds.high) - values)[crossing]
            stuck[:count] |= crossing
            as_one = None if as_one is None or stuck[list(as_one)].any() else as_one
            continue
        if bounds.tied is None or target[bounds.tied[0]] <= target[bounds.tied[1]] + 1e-12:
            break
        lower, upper = bounds.tied
        if not stuck[lower] and not stuck[upper]:
            as_one = bounds.tied
            continue
        late, first = (upper, lower) if stuck[lower] else (lower, upper)
        move[late] = target[first] - values[late]
        stuck[late] = True
    return move


def _free_step(
    precision: Array,
    gradient: Array,
    damping: float,
    stuck: NDArray[np.bool_],
    as_one: tuple[int, int] | None,
    values: Array,
    move: Array,
) -> None:
    """Write into ``move`` (P,) the damped step of what is not ``stuck``; ``as_one`` end at one value."""
    if as_one is not None:
        lower, upper = as_one
        stuck = stuck.copy()
        stuck[lower] = True
        move[lower] = values[upper] - values[lower]
    free, held = np.flatnonzero(~stuck), np.flatnonzero(stuck)
    system = precision[np.ix_(free, free)]
    right = -gradient[free] - precision[np.ix_(free, held)] @ move[held]
    if as_one is not None:
        place = int(np.searchsorted(free, upper))
        beside = precision[free, lower]
        system[place] += beside
        system[:, place] += beside
        system[place, place] += precision[lower, lower]
        right[place] -= gradient[lower] + precision[lower, held] @ move[held]
    system[np.arange(len(free)), np.arange(len(free))] *= 1 + damping
    move[free] = np.linalg.solve(system, right)
    if as_one is not None:
        move[lower] += move[upper]


def moved(state: State, move: Array, bounds: Bounds) -> State:
    """The state after a step (K + E + 6,), within the limits."""
    count = len(state.coefficients)
    turn = rotation_from_vector(move[count : count + 3])
    placement = Placement(
        nearest_rotation(turn @ state.placement.rotation), state.placement.translation + move[count + 3 :]
    )
    return State(bounds.clip(state.coefficients + move[:count]), placement)
