"""One face in one picture: 468 landmarks → head, camera, pose, and how sure all of it is."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError, ShapeError
from mien.core.mesh import Camera, Coefficients, Placement
from mien.face3d.fit.contour import ContourSettings, follow_outline
from mien.face3d.fit.evidence import OVAL, mesh468_points
from mien.face3d.fit.photometric import PhotometricSettings, refine
from mien.face3d.fit.solve import Bounds, Pairs, Priors, Problem, State, precision_at, solve
from mien.face3d.fit.start import placement_from_points
from mien.face3d.model.basis import HeadModel
from mien.geometry.projection import place, project
from mien.geometry.rotation import pose_of_head
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
    scatter: mm, typical distance between a landmark and its place on the model; more than a single point
        errs, because neighbouring points err together.
    pixel: px, the landmark network's own grain.
    oval: how many times the outline's points scatter more than the others.
    opening: mm, typical error of the distance between two lips or two lids.
    turned: by which factor points are trusted less, per squared radian of yaw.  They do not err so much more
        (median on 600 renders of our heads 2.0 mm up to 17 degrees, 2.4 up to 34, 3.4 up to 50), but more of
        them together, and the outline tells more there.
    facing: how much less a landmark counts whose skin is seen edge-on; 0 for points that err alike.
    agreement: landmarks that err together count as one; the covariance is widened by this factor.
    """

    components: int = 100
    scatter: float = 4.0
    pixel: float = 0.7
    oval: float = 2.6
    opening: float = 0.4
    turned: float = 8.0
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
    problem, start = _problem(model, pixels, camera, settings, weights, expression)
    state = solve(problem, start, settings.iterations)
    known = problem
    if picture is not None and settings.contour is not None:
        known, state = follow_outline(model, problem, picture, state, settings.contour)
    precision = precision_at(known, state)
    if picture is not None and settings.photometric is not None:
        state, precision = refine(model, problem, state, precision, picture, settings.photometric)
    return _report(problem, state, precision, settings)


def _problem(
    model: HeadModel,
    pixels: Array,
    camera: Camera,
    settings: FitSettings,
    weights: Floats | None,
    expression: bool,
) -> tuple[Problem, State]:
    """What the landmarks ask, and the mean head where they have it."""
    basis = mesh468_points(model, settings.components)
    start = placement_from_points(basis.mean, pixels, camera)
    depth = float(place(basis.mean, start)[:, 2].mean())
    sigma = _sigmas(model, settings, camera, depth, weights)
    sigma /= facing_trust(model, start) ** settings.facing
    sigma *= 1 + settings.turned * pose_of_head(start).yaw ** 2
    pairs = _openings(settings, camera, depth, weights)
    bounds = _bounds(model, basis.identity, expression)
    problem = Problem(basis, pixels, sigma, camera, bounds, settings.priors, pairs)
    return problem, State(np.zeros(basis.moves.shape[2]), start)


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


def _openings(settings: FitSettings, camera: Camera, depth: float, weights: Floats | None) -> Pairs:
    first, second = OPENINGS.T
    sigma = np.full(len(OPENINGS), np.hypot(settings.opening * camera.fx / depth, settings.pixel))
    if weights is not None:
        with np.errstate(divide="ignore"):
            sigma = sigma / np.sqrt(np.clip(np.minimum(weights[first], weights[second]), 0, 1))
    return Pairs(first, second, sigma)


def _report(problem: Problem, state: State, precision: Array, settings: FitSettings) -> HeadFit:
    values, identity = state.coefficients, problem.points.identity
    spread = _standard_deviations(precision, problem.prior, settings.agreement)
    landmarks = project(place(problem.points.at(values), state.placement), problem.camera)
    residual = np.linalg.norm(landmarks - problem.pixels, axis=1)
    yaw = pose_of_head(state.placement).yaw
    return HeadFit(
        coefficients=Coefficients(values[:identity], values[identity:]),
        placement=state.placement,
        camera=problem.camera,
        identity_sd=spread[:identity],
        expression_sd=spread[identity:],
        landmarks=landmarks,
        residual=float(np.median(residual)),
        notes=_notes(problem.pixels, residual, values[:identity], yaw),
    )


def _standard_deviations(precision: Array, prior: Array, agreement: float) -> Array:
    """Posterior standard deviations, with the evidence (not the prior) thinned by ``agreement``."""
    count = len(prior)
    thinned = precision / agreement
    thinned[np.arange(count), np.arange(count)] += prior * (1 - 1 / agreement)
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
