"""Shape from shading: let the photo's brightness correct what its landmarks said.

Brightness of a point of skin is taken for ``albedo * harmonics(normal) @ light``: nine spherical harmonics
of light, an albedo that is smooth and the same on both sides of the face.  Light and albedo are estimated
for the current head, then a Gauss-Newton step moves identity, expression and pose; from a soft picture to
the sharp one.  What step 1 knew (its Hessian) holds the head: brightness decides only what landmarks leave
open.  After Blanz and Vetter (1999) with the light of Ramamoorthi and Hanrahan (2001).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.core.mesh import Camera
from mien.face3d.fit.contour import LEVEL, face_front, outline_of
from mien.face3d.fit.evidence import LinearPoints, mesh468_points, surface_points
from mien.face3d.fit.soft import SoftPicture, window_on
from mien.face3d.fit.solve import Problem, State, bounded_step, moved
from mien.face3d.model.basis import HeadModel
from mien.face3d.render.light import harmonics, harmonics_slope
from mien.face3d.render.rasterize import rasterize
from mien.face3d.render.shade import sample
from mien.geometry.projection import place, project, projection_jacobian
from mien.geometry.rotation import vector_from_rotation
from mien.geometry.triangles import boundary_edges, face_crosses

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
Pixels = NDArray[np.uint8]

WITHIN = 0.85
"""Share of the cheeks' width within which skin counts."""
CHEEK_LEFT = 454
MARGIN = 10.0  # mm around the face
_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)


@dataclass(frozen=True, slots=True)
class PhotometricSettings:
    """How far brightness is believed.

    blurs: mm, over which the picture is softened, a round each: the pyramid.    steps: in each round.
    noise: error of brightness as a share of the skin's; spots, brows and shadows are not in the model.
    worth: how many independent points a face counts for; neighbouring ones err together.
    albedo_reach: mm, over which the albedo is smooth.    albedo_share: how much of what light does not
        explain is albedo.
    facing: cosine to the camera from which skin counts.
    """

    blurs: tuple[float, ...] = (6.0, 3.0, 1.5)
    steps: int = 3
    noise: float = 0.06
    outlier: float = 2.0
    worth: float = 50.0
    albedo_reach: float = 15.0
    albedo_share: float = 0.7
    facing: float = 0.35


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """The skin whose brightness counts: the front of the face on a coarser level of detail.

    points: (V,) vertices and how they move.    triangles: (T, 3).    inner: (N,) vertices within.
    twins: (N,) row of each inner vertex's mirror image.    near: (N, N) smoothing weights, rows sum to 1.
    """

    points: LinearPoints
    triangles: Ints
    inner: Ints
    twins: Ints
    near: Array


@dataclass(frozen=True, slots=True, eq=False)
class Shading:
    """Brightness of the patch as the current head explains it.

    light: (9,).    albedo: (N,).    level: the usual brightness of this skin.
    trust: (N,) 0..1, how squarely a point faces the camera.
    """

    light: Array
    albedo: Array
    level: float
    trust: Array


def refine(
    model: HeadModel,
    problem: Problem,
    state: State,
    precision: Array,
    pixels: Pixels,
    settings: PhotometricSettings,
) -> tuple[State, Array]:
    """Move a head to where the brightness of the photo (H, W, 3) has it; precision (P, P) holds it.

    returns: the new state, and the Hessian with what brightness added.
    """
    identity = problem.points.identity
    patch = patch_of(model, identity, settings.albedo_reach)
    start, hessian = state, precision
    for blur in settings.blurs:
        picture = bright_picture(model, state, pixels, problem.camera, blur, identity)
        for _ in range(settings.steps):
            shading = explained(patch, state, picture, settings)
            residual, jacobian = brightness_and_jacobian(patch, state, picture, shading)
            weights = _weights(residual, shading, settings)
            rows = jacobian * weights[:, None]
            hessian = precision + jacobian.T @ rows
            gradient = precision @ _difference(state, start) + rows.T @ residual
            move = bounded_step(hessian, gradient, 1e-3, state.coefficients, problem.bounds)
            state = moved(state, move, problem.bounds)
    return state, hessian


@functools.lru_cache(maxsize=4)
def patch_of(model: HeadModel, components: int, reach: float) -> Patch:
    """The patch of a head model; computed once."""
    triangles = model.levels[min(LEVEL, len(model.levels) - 1)][0]
    marks, places = mesh468_points(model, 1).mean, model.mean.astype(np.float64)
    front = face_front(model, places) & (np.abs(places[:, 0]) < WITHIN * marks[CHEEK_LEFT, 0])
    front &= model.skin
    triangles = triangles[front[triangles].all(axis=1)]
    vertices, compact = np.unique(triangles, return_inverse=True)
    compact = compact.reshape(triangles.shape)
    corners = np.repeat(vertices[:, None], 3, axis=1)
    points = surface_points(model, corners, np.tile([1.0, 0.0, 0.0], (len(vertices), 1)), components)
    inner = np.setdiff1d(np.arange(len(vertices)), np.unique(boundary_edges(compact)))
    row = np.full(len(model.mean), -1)
    row[vertices[inner]] = np.arange(len(inner))
    twins = row[model.mirror[vertices[inner]]]
    known = (model.mirror[vertices[inner]] >= 0) & (twins >= 0)
    twins = np.where(known, twins, np.arange(len(inner))).astype(np.int64)
    places = points.mean[inner]
    near = np.exp(-0.5 * (np.linalg.norm(places[:, None] - places, axis=2) / reach) ** 2)
    return Patch(points, compact, inner.astype(np.int64), twins, near / near.sum(axis=1, keepdims=True))


def bright_picture(
    model: HeadModel, state: State, pixels: Pixels, camera: Camera, blur: float, identity: int
) -> SoftPicture:
    """Linear brightness of the photo's part around the face, (h, w, 1), softened over ``blur`` mm.

    Two pixels a ``blur``, or the photo's own where they are coarser.  What the current head does not cover is
    background, and is not mixed in.
    """
    from PIL import Image

    outline = outline_of(model, identity)
    stand = place(outline.points.at(state.coefficients), state.placement)
    front = stand[face_front(model, outline.points.mean)]
    window, (low, high), size = window_on(front, pixels.shape[1], pixels.shape[0], camera, MARGIN, 2 / blur)
    part = pixels[low[1] : high[1], low[0] : high[0]].astype(np.float32) / 255
    linear = Image.fromarray(np.asarray((part**2.2) @ _LUMA, np.float32))
    drawn = np.asarray(linear.resize(size, Image.Resampling.BILINEAR), np.float32)
    head = rasterize(stand, outline.triangles, window, *size).covered.astype(np.float32)
    radius = max(1, round(blur * window.fx / float(np.median(front[:, 2])) / 2))
    lit, known = _boxed(_boxed(drawn * head, radius), radius), _boxed(_boxed(head, radius), radius)
    return SoftPicture(np.asarray(lit / np.maximum(known, 1e-3), np.float32)[..., None], window)


def _boxed(picture: NDArray[np.float32], radius: int) -> NDArray[np.float32]:
    for axis in (0, 1):
        padded = np.pad(picture, [(radius + 1, radius) if a == axis else (0, 0) for a in (0, 1)], mode="edge")
        total = np.cumsum(padded, axis=axis, dtype=np.float64)
        count = picture.shape[axis]
        upper = np.take(total, np.arange(count) + 2 * radius + 1, axis=axis)
        lower = np.take(total, np.arange(count), axis=axis)
        picture = np.asarray((upper - lower) / (2 * radius + 1), np.float32)
    return picture


def _stand(patch: Patch, state: State) -> tuple[Array, Array, Array]:
    """Points (V, 3) in the camera frame; unit normals (N, 3) of the inner ones and the lengths they had."""
    stand = place(patch.points.at(state.coefficients), state.placement)
    crosses = np.repeat(face_crosses(stand, patch.triangles), 3, axis=0)
    corners = patch.triangles.ravel()
    sums = np.stack([np.bincount(corners, crosses[:, i], len(stand)) for i in range(3)], axis=1)[patch.inner]
    lengths = np.maximum(np.linalg.norm(sums, axis=1), 1e-12)
    return stand, sums / lengths[:, None], lengths


def explained(patch: Patch, state: State, picture: SoftPicture, settings: PhotometricSettings) -> Shading:
    """Light and albedo that explain the brightness of the current head best."""
    stand, normals, _ = _stand(patch, state)
    seen = sample(picture.colours, project(stand[patch.inner], picture.camera))[:, 0].astype(np.float64)
    facing = _facing(stand[patch.inner], normals, settings)
    basis = harmonics(normals)
    albedo, light = np.ones(len(seen)), np.zeros(9)
    usual = max(float(np.median(seen)), 1e-3)
    weights = facing
    for _ in range(4):
        rows = basis * albedo[:, None]
        normal = rows.T @ (rows * weights[:, None])
        ridge = 1e-3 * np.trace(normal) / 9 * np.eye(9)
        light = np.linalg.solve(normal + ridge, rows.T @ (weights * seen))
        shade = np.maximum(basis @ light, 0.05 * usual)
        gap = (seen - albedo * shade) / (settings.noise * usual)
        weights = facing / (1 + (gap / settings.outlier) ** 2)
        albedo = _albedo(patch, seen / shade, weights, settings)
    return Shading(light, albedo, usual, facing)


def _albedo(patch: Patch, ratio: Array, weights: Array, settings: PhotometricSettings) -> Array:
    both, trust = ratio * weights, weights
    both, trust = both + both[patch.twins], trust + trust[patch.twins]
    smooth = (patch.near @ both) / np.maximum(patch.near @ trust, 1e-6)
    usual = float(np.average(smooth, weights=trust + 1e-9))
    return np.asarray(1 + settings.albedo_share * (np.clip(smooth / max(usual, 1e-6), 0.4, 1.8) - 1))


def brightness_and_jacobian(
    patch: Patch, state: State, picture: SoftPicture, shading: Shading
) -> tuple[Array, Array]:
    """Seen minus explained brightness (N,), and its derivative (N, K + E + 6) with light and albedo held.

    The last six columns as in `solve.residuals_and_jacobian`.
    """
    stand, normals, lengths = _stand(patch, state)
    inner, rotation = patch.inner, state.placement.rotation
    at = project(stand[inner], picture.camera)
    seen = sample(picture.colours, at)[:, 0].astype(np.float64)
    slope = np.stack(
        [
            sample(picture.colours, at + step)[:, 0] - sample(picture.colours, at - step)[:, 0]
            for step in (np.array([0.5, 0.0]), np.array([0.0, 0.5]))
        ],
        axis=1,
    ).astype(np.float64)
    by_point = np.einsum("np,npc->nc", slope, projection_jacobian(stand[inner], picture.camera))
    bend = shading.albedo[:, None] * np.einsum("nhc,h->nc", harmonics_slope(normals), shading.light)
    bend -= (bend * normals).sum(axis=1, keepdims=True) * normals
    spread = _by_vertices(patch, stand, bend / lengths[:, None])
    spread = -spread
    spread[np.arange(len(inner)), inner] += by_point
    count = patch.points.moves.shape[2]
    flat = (spread @ rotation).reshape(len(inner), -1)
    jacobian = np.empty((len(inner), count + 6))
    jacobian[:, :count] = flat @ patch.points.moves.reshape(-1, count)
    turned = stand[inner] - state.placement.translation
    jacobian[:, count : count + 3] = np.cross(turned, by_point) - np.cross(normals, bend)
    jacobian[:, count + 3 :] = by_point
    return seen - shading.albedo * (harmonics(normals) @ shading.light), jacobian


def _by_vertices(patch: Patch, stand: Array, weights: Array) -> Array:
    """Derivative of ``weights[i] @ sum of crosses around inner vertex i`` by all vertices: (N, V, 3)."""
    row = np.full(len(stand), -1)
    row[patch.inner] = np.arange(len(patch.inner))
    result = np.zeros((len(patch.inner), len(stand), 3))
    a, b, c = (stand[patch.triangles[:, i]] for i in range(3))
    first, second = b - a, c - a
    for corner in range(3):
        rows = row[patch.triangles[:, corner]]
        used = rows >= 0
        g = weights[rows[used]]
        by_b, by_c = np.cross(second[used], g), np.cross(g, first[used])
        for column, value in ((1, by_b), (2, by_c), (0, -by_b - by_c)):
            np.add.at(result, (rows[used], patch.triangles[used, column]), value)
    return result


def _facing(places: Array, normals: Array, settings: PhotometricSettings) -> Array:
    cosine = -(normals * places).sum(axis=1) / np.linalg.norm(places, axis=1)
    return np.asarray(np.clip((cosine - settings.facing) / 0.3, 0, 1))


def _weights(residual: Array, shading: Shading, settings: PhotometricSettings) -> Array:
    scale = settings.noise * shading.level
    robust = 1 / (1 + (residual / (settings.outlier * scale)) ** 2)
    return np.asarray(shading.trust * robust * (settings.worth / len(residual)) / scale**2)


def _difference(state: State, start: State) -> Array:
    turn = vector_from_rotation(state.placement.rotation @ start.placement.rotation.T)
    shift = state.placement.translation - start.placement.translation
    return np.concatenate([state.coefficients - start.coefficients, turn, shift])
