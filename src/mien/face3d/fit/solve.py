"""Landmarks → pose, identity and expression: damped, robust, bounded Gauss-Newton.

Minimises, over identity z, expression e in [0, 1], rotation and translation (Blanz and Vetter's energy with
landmarks in place of pixels):

    sum_i rho(|project(R x_i(z, e) + t) - p_i| / sigma_i) + |z|^2 + |e / spread|^2

with Cauchy's rho.  ``mouthClose <= jawOpen`` holds throughout: mouthClose undoes the lips of an open jaw.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mien.core.mesh import Camera, Placement
from mien.face3d.fit.evidence import LinearPoints, joined
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
class Problem:
    """What is to be explained, and how.

    points: (N,) points of the model.    pixels: (N, 2), where they were seen.    sigma: (N,) pixels, expected
    error of each; inf for points without a say.
    """

    points: LinearPoints
    pixels: Array
    sigma: Array
    camera: Camera
    bounds: Bounds
    priors: Priors
    pairs: Pairs | None = None

    @property
    def prior(self) -> Array:
        """Weights (K + E,) of the squared coefficients."""
        weights = np.full(self.points.moves.shape[2], self.priors.expression**-2)
        weights[: self.points.identity] = self.priors.identity
        return weights

    @property
    def weights(self) -> Array:
        """Inverse variances (N + M,) of the residuals of points and pairs."""
        sigma = self.sigma if self.pairs is None else np.concatenate([self.sigma, self.pairs.sigma])
        return np.asarray(1 / sigma**2)

    def with_points(self, points: LinearPoints, pixels: Array, sigma: Array) -> Problem:
        """The same with further points behind its own."""
        return replace(
            self,
            points=joined(self.points, points),
            pixels=np.concatenate([self.pixels, pixels]),
            sigma=np.concatenate([self.sigma, sigma]),
        )

    def linearise(self, state: State) -> tuple[Array, Array]:
        """Residuals (N + M, 2) of points and pairs, and their derivative (N + M, 2, K + E + 6)."""
        both = residuals_and_jacobian(self.points, self.pixels, self.camera, state)
        return both if self.pairs is None else self.pairs.extend(*both)


def residuals_and_jacobian(
    points: LinearPoints, pixels: Floats, camera: Camera, state: State
) -> tuple[Array, Array]:
    """Pixels (N, 2) by which the model misses, and their derivative (N, 2, K + E + 6).

    The last six columns: a rotation vector in the camera frame about the head's origin, then the translation.
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


def solve(problem: Problem, start: State, iterations: int = 12, tolerance: float = 1e-4) -> State:
    """Search from ``start`` until a step gains less than ``tolerance`` of the energy."""
    prior, weights, outlier = problem.prior, problem.weights, problem.priors.outlier
    state, damping = start, 1e-3
    residuals, jacobian = problem.linearise(state)
    cost = _cost(residuals, weights, prior, state, outlier)
    for _ in range(iterations):
        precision, gradient = _normal_equations(residuals, jacobian, weights, prior, state, outlier)
        move = bounded_step(precision, gradient, damping, state.coefficients, problem.bounds)
        trial = moved(state, move, problem.bounds)
        trial_residuals, trial_jacobian = problem.linearise(trial)
        trial_cost = _cost(trial_residuals, weights, prior, trial, outlier)
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
    return state


def precision_at(problem: Problem, state: State) -> Array:
    """Gauss-Newton Hessian (K + E + 6, K + E + 6).

    Its inverse is the covariance of coefficients, rotation vector and translation.
    """
    residuals, jacobian = problem.linearise(state)
    weights, prior = problem.weights, problem.prior
    return _normal_equations(residuals, jacobian, weights, prior, state, problem.priors.outlier)[0]


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
    coefficients that would cross each other go on as one, and the rest adapts.  Nothing that stopped moves on
    within a step; the next one decides anew.
    """
    count = len(values)
    move, stuck = np.zeros(len(gradient)), np.zeros(len(gradient), bool)
    stuck[:count], as_one = _held(gradient[:count], values, bounds)
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


def _held(gradient: Array, values: Array, bounds: Bounds) -> tuple[NDArray[np.bool_], tuple[int, int] | None]:
    """Which coefficients (K + E,) press against their limits, and the tied two if they press together."""
    downhill: Array = -gradient
    as_one: tuple[int, int] | None = None
    if bounds.tied is not None:
        lower, upper = bounds.tied
        if values[lower] >= values[upper] and downhill[lower] > downhill[upper]:
            as_one = bounds.tied
            downhill[[lower, upper]] = downhill[lower] + downhill[upper]
    stuck = ((values <= bounds.low) & (downhill < 0)) | ((values >= bounds.high) & (downhill > 0))
    return stuck, None if as_one is None or stuck[list(as_one)].any() else as_one


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
