"""Where a landmark network puts its 468 points on our heads, learned from photos of many people.

Points that anatomy fixes (lid rims, lips, nose) stay where they are.  The others - cheeks, forehead,
outline -
are what the network says they are: each is moved to where, after fitting every person, it is on average seen.
What remains from person to person is the scatter that the fit weights points with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import ThinData
from mien.core.mesh import Camera
from mien.face3d.fit.evidence import mesh468_points
from mien.face3d.fit.head import FitSettings, fit_landmarks
from mien.face3d.model.basis import Embedding, HeadModel
from mien.geometry.nearest import nearest_on_mesh
from mien.geometry.projection import place, unproject
from mien.geometry.triangles import interpolate

Floats = NDArray[np.floating]
Array = NDArray[np.float64]

EYES = (
    33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246,
    263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466,
)  # fmt: skip
LIPS = (
    61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409,
    78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415,
)  # fmt: skip
NOSE = (
    1, 2, 4, 5, 6, 168, 195, 197, 98, 327, 97, 326, 94, 19, 48, 278, 64, 294, 115, 344, 45, 275, 44, 274,
    129, 358, 49, 279, 220, 440,
)  # fmt: skip
SAME_AS_68 = {
    36: 33, 37: 160, 38: 158, 39: 133, 40: 153, 41: 144, 42: 362, 43: 385, 44: 387, 45: 263, 46: 373, 47: 380,
    61: 81, 62: 13, 63: 311, 65: 402, 66: 14, 67: 178,
}  # fmt: skip
"""Points of the 68 and their twins in the mesh."""
_CLOSED_GAP = 0.33  # mm that the network keeps either lip from the line of a closed mouth


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """embedding: the new one.    moved: (468,) mm from the old.    left: (468,) mm, mean error that
    remains."""

    embedding: Embedding
    moved: Array
    left: Array


def anatomical(model: HeadModel) -> HeadModel:
    """Put the twins of the 68 points exactly onto their vertices; lips by what a closed mouth looks like."""
    points = interpolate(model.mean, model.mesh468.corners, model.mesh468.weights)
    for of68, of468 in SAME_AS_68.items():
        lift = 0.0 if of68 < 60 else _CLOSED_GAP if of68 < 64 else -_CLOSED_GAP
        points[of468] = model.mean[model.points68[of68]] + np.array([0.0, lift, 0.0])
    return replace(model, mesh468=_snapped(model, points, _first_scatter()))


def learn_embedding(model: HeadModel, people: Sequence[Floats], camera: Camera, rounds: int = 4) -> Learned:
    """Learn from frontal neutral landmarks (468, 2) of different people, all seen by the same camera."""
    if len(people) < 20:
        raise ThinData(f"{len(people)} people do not average out; give at least 20")
    start = anatomical(model)
    fixed = np.zeros(468, bool)
    fixed[[*EYES, *LIPS, *NOSE]] = True
    home = interpolate(start.mean, start.mesh468.corners, start.mesh468.weights)
    current, errors = start, np.zeros((1, 468, 3))
    for _ in range(rounds):
        errors = np.array([_misses(current, pixels, camera) for pixels in people])
        shift = np.where(fixed[:, None], 0.0, np.median(errors, axis=0))
        points = interpolate(current.mean, current.mesh468.corners, current.mesh468.weights) + shift
        points[fixed] = home[fixed]
        current = replace(current, mesh468=_along_view(current, points))
    learned = current.mesh468
    now = interpolate(current.mean, learned.corners, learned.weights)
    left = np.linalg.norm(np.median(errors, axis=0), axis=1)
    return Learned(learned, np.linalg.norm(now - home, axis=1), left)


def _misses(model: HeadModel, pixels: Floats, camera: Camera) -> Array:
    """Head-frame vectors (468, 3) mm, in the image plane, from the fitted points to the seen ones."""
    # a fit that follows closely: what it cannot reach is the network's, not the person's
    fit = fit_landmarks(model, pixels, camera, FitSettings(scatter=2.0))
    values = np.concatenate([fit.coefficients.identity, fit.coefficients.expression])
    points = place(mesh468_points(model, len(fit.coefficients.identity)).at(values), fit.placement)
    seen = unproject(np.asarray(pixels[:, :2]), points[:, 2], camera)
    return np.asarray((seen - points) @ fit.placement.rotation)


def _along_view(model: HeadModel, points: Array) -> Embedding:
    """Onto the surface along the viewing direction: a frontal picture says nothing about depth."""
    on = points.copy()
    for _ in range(4):
        found, _, _ = nearest_on_mesh(on, model.mean.astype(np.float64), model.skin_triangles(), candidates=4)
        on = np.concatenate([points[:, :2], found[:, 2:]], axis=1)
    return _snapped(model, on, model.mesh468.scatter)


def _snapped(model: HeadModel, points: Array, scatter: Array) -> Embedding:
    outside = model.skin_triangles()
    _, chosen, weights = nearest_on_mesh(points, model.mean.astype(np.float64), outside, candidates=6)
    return Embedding(outside[chosen], weights, scatter)


def _first_scatter() -> Array:
    """mm: rims of lids and lips are sharp, everything else is a guess of the network."""
    scatter = np.full(468, 2.0)
    scatter[list(EYES)] = 1.0
    scatter[list(LIPS)] = 1.2
    return scatter
