"""One face in one picture: 468 landmarks → head, camera, pose, and how sure all of it is."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError, ShapeError
from mien.core.mesh import Camera, Coefficients, Placement
from mien.face3d.fit.contour import ContourSettings, follow_outline, joined
from mien.face3d.fit.evidence import OVAL, LinearPoints, mesh468_points
from mien.face3d.fit.photometric import PhotometricSettings, refine
from mien.face3d.fit.solve import (
    Bounds,
    Pairs,
    Priors,
    Solution,
    State,
    residuals_and_jacobian,
    solve,
)
from mien.face3d.fit.start import placement_from_points
from mien.face3d.model.basis import HeadModel
from mien.geometry.projection import place
from mien.geometry.rotation import HEAD_TO_CAMERA, pose_from_rotation
from mien.geometry.triangles import interpolate, vertex_normals
from mien.runtime.blas import on_one_thread

Floats = NDArray[np.floating]
Array = NDArray[np.float64]

UNSEEN = ("tongueOut",)
"""Expressions without a trace in the landmarks; eyeLook weights follow from the gaze, not from lids."""

PROFILE = 0.85
"""Radians of yaw beyond which half of the landmarks are hidden."""

OPENINGS = np.array([(13, 14), (81, 178), (311, 402), (160, 144), (158, 153), (385, 380), (387, 373)])
"""Upper and lower inner lip, upper and lower eyelid: how far they are apart decides what the face does."""


@dataclass(frozen=True, slots=True)
class FitSettings:
    """Settings of a fit; the defaults were chosen on the development scans (benchmarks/geometry.py).

    components: identity components that are solved for.
    contour: how the outline of a turned face is followed in the photo, or None.
    photometric: how brightness corrects the shape, or None: on scans it did not help (docs/face3d.md).
    scatter: mm, typical distance between a landmark and its place on the model; much more than a single point
        errs, because neighbouring points err together.
    pixel: px, the landmark network's own grain.
    oval: how many times the outline's points scatter more than the others.
    opening: mm, typical error of the distance between two lips or two lids.
    turned: by which factor points scatter more, per squared radian of yaw; on 600 renders of our heads the
        median error was 2.0 mm up to 17 degrees, 2.4 mm up to 34 and 3.4 mm up to 50.
    facing: how much less a landmark counts whose skin is seen edge-on; 0 for points that err alike.
    agreement: landmarks that err together count as one; the covariance is widened by this factor.
    """

    components: int = 100
    scatter: float = 10.0
    pixel: float = 0.7
    oval: float = 2.6
    opening: float = 0.4
    turned: float = 1.2
    facing: float = 1.0
    agreement: float = 1.0
    priors: Priors = field(default_factory=Priors)
    iterations: int = 14
    contour: ContourSettings | None = field(default_factory=ContourSettings)
    photometric: PhotometricSettings | None = None


@dataclass(frozen=True, slots=True, eq=False)
class HeadFit:
    """What the landmarks of one picture say about the head.

    coefficients, placement, camera: the head, where it stands and what saw it.
    identity_sd: (K,) standard deviation of each identity coefficient; near 1 where nothing was learned.
    expression_sd: (E,) the same for the expression weights.
    landmarks: (468, 2) pixels, the model's landmarks projected back.
    residual: median distance between them and the measured ones, pixels.
    notes: plain words about what weakens this fit; empty for a good one.
    """

    coefficients: Coefficients
    placement: Placement
    camera: Camera
    identity_sd: Array
    expression_sd: Array
    landmarks: Array
    residual: float
    notes: tuple[str, ...] = ()


@on_one_thread
def fit_landmarks(
    model: HeadModel,
    points: Floats,
    camera: Camera,
    settings: FitSettings | None = None,
    weights: Floats | None = None,
    expression: bool = True,
    picture: NDArray[np.uint8] | None = None,
) -> HeadFit:
    """Fit the head model to 468 landmarks (468, 2) or (468, 3), pixels.

    weights: (468,) 0..1, how far each point is to be trusted (occluded points: 0).
    picture: (H, W, 3), the photo; with it the outline of a turned face is followed as well.
    """
    settings = settings or FitSettings()
    if len(model.mesh468.corners) != 468:
        raise InputError(
            "this head model knows no landmarks, so no photo fits it: train it again without --no-landmarks, "
            "on heads that look along +z and whose mean shows a face"
        )
    if points.shape not in ((468, 2), (468, 3)):
        raise ShapeError("points", "(468, 2) or (468, 3) of scheme mesh468", points.shape)
    if not np.isfinite(points).all():
        raise InputError("landmarks contain values that are not numbers; locate them again")
    pixels = np.asarray(points[:, :2], np.float64)
    if float(np.ptp(pixels, axis=0).min()) < 1.0:
        raise InputError("all landmarks lie on one spot; locate them again on a larger face")
    basis = mesh468_points(model, settings.components)
    start = placement_from_points(basis.mean, pixels, camera)
    state = State(np.zeros(basis.moves.shape[2]), start)
    bounds = _bounds(model, basis.identity, expression)
    depth = float(place(basis.mean, start)[:, 2].mean())
    sigma = _sigmas(model, settings, camera, depth, weights)
    sigma /= facing_trust(model, start) ** settings.facing
    sigma *= 1 + settings.turned * _yaw(start) ** 2
    pairs = _openings(settings, camera, depth, weights)
    solution = solve(
        basis, pixels, sigma, camera, state, bounds, settings.priors, settings.iterations, pairs=pairs
    )
    if picture is not None and settings.contour is not None:
        solution = _with_outline(
            model, basis, pixels, sigma, camera, bounds, settings, pairs, picture, solution
        )
    if picture is not None and settings.photometric is not None:
        solution = _with_brightness(model, basis, pixels, camera, bounds, settings, picture, solution)
    return _report(model, basis.identity, pixels, camera, solution, settings)


def _with_outline(
    model: HeadModel,
    basis: LinearPoints,
    pixels: Array,
    sigma: Array,
    camera: Camera,
    bounds: Bounds,
    settings: FitSettings,
    pairs: Pairs,
    picture: NDArray[np.uint8],
    solution: Solution,
) -> Solution:
    """Pass 2: the same landmarks and the outline that the photo shows, in a few rounds."""
    contour = settings.contour or ContourSettings()
    for number in range(contour.rounds):
        state = solution.state
        found = follow_outline(
            model, basis.identity, picture, camera, state, _yaw(state.placement), contour, number
        )
        if found is None:
            break
        points, targets, errors = found
        solution = solve(
            joined(basis, points),
            np.concatenate([pixels, targets]),
            np.concatenate([sigma, errors]),
            camera,
            state,
            bounds,
            settings.priors,
            contour.iterations,
            pairs=pairs,
        )
    if abs(_yaw(solution.state.placement)) > contour.furthest:
        alone = solve(
            basis, pixels, sigma, camera, solution.state, bounds, settings.priors, iterations=0, pairs=pairs
        )
        solution = replace(solution, precision=alone.precision)
    return solution


def _with_brightness(
    model: HeadModel,
    basis: LinearPoints,
    pixels: Array,
    camera: Camera,
    bounds: Bounds,
    settings: FitSettings,
    picture: NDArray[np.uint8],
    solution: Solution,
) -> Solution:
    photometric = settings.photometric or PhotometricSettings()
    state, precision = refine(
        model, solution.state, solution.precision, bounds, picture, camera, photometric, basis.identity
    )
    residuals, _ = residuals_and_jacobian(basis, pixels, camera, state)
    return replace(solution, state=state, precision=precision, residuals=residuals)


def _bounds(model: HeadModel, identity: int, expression: bool) -> Bounds:
    low = np.concatenate([np.full(identity, -3.5), np.zeros(len(model.names))])
    high = np.concatenate([np.full(identity, 3.5), np.full(len(model.names), 1.0 if expression else 0.0)])
    for number, name in enumerate(model.names):
        unmoving = not model.expression[number].any()
        if name in UNSEEN or name.startswith("eyeLook") or unmoving:
            high[identity + number] = 0.0
    tied = None
    if {"mouthClose", "jawOpen"} <= set(model.names):
        tied = (identity + model.names.index("mouthClose"), identity + model.names.index("jawOpen"))
    return Bounds(low, high, tied)


def _sigmas(
    model: HeadModel, settings: FitSettings, camera: Camera, depth: float, weights: Floats | None
) -> Array:
    """Expected error of each landmark in pixels, (468,)."""
    relative = model.mesh468.scatter / np.median(model.mesh468.scatter)
    relative = np.array(relative)
    relative[list(OVAL)] = np.maximum(relative[list(OVAL)], settings.oval)
    sigma = np.hypot(settings.scatter * relative * camera.fx / depth, settings.pixel)
    if weights is not None:
        with np.errstate(divide="ignore"):
            sigma = sigma / np.sqrt(np.clip(weights, 0, 1))
    return np.asarray(sigma, np.float64)


@functools.lru_cache(maxsize=4)
def _landmark_normals(model: HeadModel) -> Array:
    normals = vertex_normals(model.mean, model.levels[0][0])
    mixed = interpolate(normals, model.mesh468.corners, model.mesh468.weights)
    return np.asarray(mixed / np.linalg.norm(mixed, axis=1, keepdims=True))


def facing_trust(model: HeadModel, placement: Placement) -> Array:
    """0.05..1 per landmark: the cosine between its skin and the view; what is seen edge-on is guessed."""
    points = place(mesh468_points(model, 1).mean, placement)
    towards = -points / np.linalg.norm(points, axis=1, keepdims=True)
    cosine = ((_landmark_normals(model) @ placement.rotation.T) * towards).sum(axis=1)
    return np.asarray(np.clip(cosine, 0.05, 1), np.float64)


def _yaw(placement: Placement) -> float:
    return pose_from_rotation(placement.rotation @ HEAD_TO_CAMERA).yaw


def _openings(settings: FitSettings, camera: Camera, depth: float, weights: Floats | None) -> Pairs:
    first, second = OPENINGS.T
    sigma = np.full(len(OPENINGS), np.hypot(settings.opening * camera.fx / depth, settings.pixel))
    if weights is not None:
        with np.errstate(divide="ignore"):
            sigma = sigma / np.sqrt(np.clip(np.minimum(weights[first], weights[second]), 0, 1))
    return Pairs(first, second, sigma)


def _report(
    model: HeadModel, identity: int, pixels: Array, camera: Camera, solution: Solution, settings: FitSettings
) -> HeadFit:
    values = solution.state.coefficients
    spread = _standard_deviations(solution, identity, settings)
    missed = solution.residuals[: len(pixels)]  # beyond them: the outline
    residual = np.linalg.norm(missed, axis=1)
    return HeadFit(
        coefficients=Coefficients(values[:identity], values[identity:]),
        placement=solution.state.placement,
        camera=camera,
        identity_sd=spread[:identity],
        expression_sd=spread[identity:],
        landmarks=pixels + missed,
        residual=float(np.median(residual)),
        notes=_notes(pixels, residual, values[:identity], _yaw(solution.state.placement)),
    )


def _standard_deviations(solution: Solution, identity: int, settings: FitSettings) -> Array:
    """Posterior standard deviations, with the evidence (not the prior) thinned by ``agreement``."""
    count = len(solution.state.coefficients)
    prior = np.full(count, settings.priors.expression**-2)
    prior[:identity] = settings.priors.identity
    thinned = solution.precision / settings.agreement
    thinned[np.arange(count), np.arange(count)] += prior * (1 - 1 / settings.agreement)
    return np.asarray(np.sqrt(np.diag(np.linalg.inv(thinned))[:count]), np.float64)


def _notes(pixels: Array, residual: Array, identity: Array, yaw: float) -> tuple[str, ...]:
    notes = []
    if abs(yaw) > PROFILE:
        notes.append(f"the face is turned by {np.degrees(abs(yaw)):.0f} degrees: its far side is guessed")
    size = float(np.linalg.norm(pixels[263] - pixels[33]))
    if size < 24:
        notes.append(f"the eyes are {size:.0f} pixels apart: the shape is mostly the average head")
    if float(np.median(residual)) > 0.04 * max(size, 1.0):
        notes.append("the landmarks do not agree with a head: occlusion, or a pose that they do not follow")
    length = float(np.linalg.norm(identity) / np.sqrt(len(identity)))
    if length > 1.2:
        notes.append(f"the shape lies {length:.1f} times further out than a usual head")
    return tuple(notes)
