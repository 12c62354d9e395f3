"""The nouns of the 3-D half: surfaces, cameras and what a fit found.

Head frame: millimetres, +x the person's left, +y up, +z out of the face; the origin lies inside the head.
Camera frame: +x right, +y down, +z into the scene (as `HeadPose`).  Texture coordinates: (0, 0) is the
top-left corner of the picture, u to the right, v down, as glTF has it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import ShapeError

Floats = NDArray[np.floating]
Triangles = NDArray[np.integer]


@dataclass(frozen=True, slots=True, eq=False)
class Mesh:
    """A triangle surface.

    vertices: (V, 3) millimetres.
    triangles: (T, 3) vertex numbers, counter-clockwise seen from outside.
    uv: (U, 2) texture coordinates, or None; a vertex on a seam has several.
    uv_triangles: (T, 3) rows of ``uv``, corner by corner with ``triangles``.
    """

    vertices: Floats
    triangles: Triangles
    uv: Floats | None = None
    uv_triangles: Triangles | None = None

    def __post_init__(self) -> None:
        if self.vertices.ndim != 2 or self.vertices.shape[1] != 3:
            raise ShapeError("vertices", "(V, 3)", self.vertices.shape)
        if self.triangles.ndim != 2 or self.triangles.shape[1] != 3:
            raise ShapeError("triangles", "(T, 3)", self.triangles.shape)
        if self.uv is not None and (self.uv.ndim != 2 or self.uv.shape[1] != 2):
            raise ShapeError("uv", "(U, 2)", self.uv.shape)
        if self.uv_triangles is not None and self.uv_triangles.shape != self.triangles.shape:
            raise ShapeError("uv_triangles", f"{self.triangles.shape}", self.uv_triangles.shape)


@dataclass(frozen=True, slots=True, eq=False)
class TextureMap:
    """The skin as a picture.

    pixels: (S, S, 3) uint8 RGB, laid out by the mesh's ``uv``.
    seen: (S, S) float32, 0..1: how far a texel was seen in a photo; the rest was completed.
    """

    pixels: NDArray[np.uint8]
    seen: NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.pixels.ndim != 3 or self.pixels.shape[2] != 3:
            raise ShapeError("pixels", "(S, S, 3)", self.pixels.shape)
        if self.seen.shape != self.pixels.shape[:2]:
            raise ShapeError("seen", f"{self.pixels.shape[:2]}", self.seen.shape)


@dataclass(frozen=True, slots=True)
class Camera:
    """A perspective camera without distortion: ``(fx * x / z + cx, fy * y / z + cy)``, in pixels."""

    fx: float
    fy: float
    cx: float
    cy: float


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """Where the head stands: ``camera point = rotation @ head point + translation``.

    rotation: (3, 3) from the head frame to the camera frame; it includes the flip of y and z.
    translation: (3,) millimetres.
    """

    rotation: NDArray[np.float64]
    translation: NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.rotation.shape != (3, 3):
            raise ShapeError("rotation", "(3, 3)", self.rotation.shape)
        if self.translation.shape != (3,):
            raise ShapeError("translation", "(3,)", self.translation.shape)


@dataclass(frozen=True, slots=True, eq=False)
class Coefficients:
    """A head in the terms of the head model.

    identity: (K,) in standard deviations of the population.
    expression: (52,) ARKit blendshape weights, 0..1.
    gaze: (2, 2) radians, or None: yaw (to the person's left) and pitch (up) of the person's left and right
    eye.
    """

    identity: Floats
    expression: Floats
    gaze: Floats | None = None

    def __post_init__(self) -> None:
        if self.identity.ndim != 1:
            raise ShapeError("identity", "(K,)", self.identity.shape)
        if self.expression.ndim != 1:
            raise ShapeError("expression", "(E,)", self.expression.shape)
