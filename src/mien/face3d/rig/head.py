"""A finished head: shape, skin and movements, ready for any file format."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError
from mien.core.mesh import Coefficients, Mesh, Placement, TextureMap
from mien.face3d.model.basis import HeadModel
from mien.face3d.model.shape import eye_centres_of, eye_rotation, gaze_of, vertices_of

Floats = NDArray[np.floating]
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Eyeball:
    """An eyeball that turns about its centre: vertices (V, 3) relative to ``centre`` (3,), looking along +z.

    rotation: (3, 3) where it looks now.
    """

    name: str
    vertices: Array
    centre: Array
    rotation: Array
    triangles: NDArray[np.int64]
    uv: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class RiggedHead:
    """Skin, teeth and mouth as one mesh with movements, and the eyeballs beside it.

    body: one texture coordinate per vertex; vertices on seams are doubled.
    eyes: the person's left and right; none where the head model has no eyeballs.
    rows: (V,) the head model's vertex behind each vertex of the body.
    moves: (M, V, 3) mm, full movement of each name: all 52 with mien's own model.
    weights: (M,) how far each is applied now; ``body`` itself is at rest (all weights 0).
    """

    body: Mesh
    rows: NDArray[np.int64]
    names: tuple[str, ...]
    moves: NDArray[np.float32]
    weights: Array
    eyes: tuple[Eyeball, ...]
    texture: TextureMap | None

    def posed(self) -> Mesh:
        """One plain mesh with the movements applied and the eyeballs in place."""
        vertices = [self.body.vertices + np.tensordot(self.weights, self.moves, axes=1)]
        triangles = [np.asarray(self.body.triangles)]
        uv = [np.asarray(self.body.uv)]
        count = len(self.body.vertices)
        for eye in self.eyes:
            vertices.append(eye.vertices @ eye.rotation.T + eye.centre)
            triangles.append(eye.triangles + count)
            uv.append(eye.uv)
            count += len(eye.vertices)
        faces = np.concatenate(triangles)
        return Mesh(np.concatenate(vertices), faces, np.concatenate(uv), faces)


def rig(
    model: HeadModel,
    coefficients: Coefficients,
    texture: TextureMap | None = None,
    level: int = 0,
    hair: Floats | None = None,
) -> RiggedHead:
    """Build the head of some coefficients at one level of detail (0: finest).

    hair: (V, 3) mm by which hair lifts the scalp.
    """
    if not 0 <= level < len(model.levels):
        raise InputError(f"there is no level of detail {level}; choose 0 to {len(model.levels) - 1}")
    still = Coefficients(coefficients.identity, np.zeros(len(model.names)), np.zeros((2, 2)))
    vertices = vertices_of(model, still)
    if hair is not None:
        vertices = vertices + hair
    triangles, uv_triangles = model.levels[level]
    of_eyes = np.isin(
        model.region[triangles[:, 0]], [model.region_names.index(n) for n in ("eye_left", "eye_right")]
    )
    pairs = np.stack([triangles[~of_eyes].ravel(), uv_triangles[~of_eyes].ravel()], axis=1)
    unique, faces = np.unique(pairs, axis=0, return_inverse=True)
    rows, faces = unique[:, 0], faces.reshape(-1, 3)
    body = Mesh(vertices[rows], faces, model.uv[unique[:, 1]], faces)
    gaze = coefficients.gaze if coefficients.gaze is not None else gaze_of(model, coefficients.expression)
    centres = eye_centres_of(model, coefficients.identity)
    eyes = tuple(
        _eyeball(model, name, vertices, centres[i], eye_rotation(gaze[i]), triangles, uv_triangles)
        for i, name in enumerate(("eye_left", "eye_right"))
        if len(model.rows(name))
    )
    moving = moving_names(model)  # a model may know some of the 52 only
    weights = np.asarray(coefficients.expression, np.float64)[moving]
    names = tuple(model.names[number] for number in moving)
    return RiggedHead(body, rows, names, model.expression[moving][:, rows], weights, eyes, texture)


def moving_names(model: HeadModel) -> NDArray[np.int64]:
    """Numbers of the expressions that move something in this head model."""
    return np.flatnonzero(np.abs(model.expression).max(axis=(1, 2)) > 0)


def _eyeball(
    model: HeadModel,
    name: str,
    vertices: Array,
    centre: Array,
    rotation: Array,
    triangles: NDArray[np.int64],
    uv_triangles: NDArray[np.int64],
) -> Eyeball:
    mine = model.region[triangles[:, 0]] == model.region_names.index(name)
    unique, faces = np.unique(triangles[mine].ravel(), return_inverse=True)
    uv = np.zeros((len(model.mean), 2), np.float32)
    uv[triangles[mine].ravel()] = model.uv[uv_triangles[mine].ravel()]
    return Eyeball(name, vertices[unique] - centre, centre, rotation, faces.reshape(-1, 3), uv[unique])


def moved_mesh(mesh: Mesh, placement: Placement) -> Mesh:
    """The mesh in the camera frame (+y down, +z into the scene), as `--camera-space` saves it."""
    vertices = mesh.vertices @ placement.rotation.T + placement.translation
    return Mesh(vertices, mesh.triangles, mesh.uv, mesh.uv_triangles)
