"""Coefficients → vertices."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import ShapeError
from mien.core.mesh import Coefficients
from mien.face3d.model.basis import HeadModel
from mien.geometry.rotation import rotation_from_vector

LOOK_SIDEWAYS, LOOK_UP, LOOK_DOWN = 0.6, 0.45, 0.5
"""Radians that an eyeball turns at full eyeLook weight (about 34, 26 and 29 degrees)."""


def vertices_of(model: HeadModel, coefficients: Coefficients) -> NDArray[np.float64]:
    """Vertices (V, 3) in mm of a head; fewer identity coefficients than the model has are followed by zeros.

    The eyeballs turn with ``gaze``, or where that is unknown with the eyeLook weights.
    """
    k = len(coefficients.identity)
    if k > len(model.identity) or len(coefficients.expression) != len(model.names):
        wanted = f"({len(model.identity)},) and ({len(model.names)},)"
        raise ShapeError("identity and expression", wanted, (k, len(coefficients.expression)))
    count = len(model.mean)
    flat = np.asarray(coefficients.identity, np.float32) @ model.identity[:k].reshape(k, count * 3)
    active = np.flatnonzero(coefficients.expression)
    if len(active):
        weights = np.asarray(coefficients.expression, np.float32)[active]
        flat = flat + weights @ model.expression[active].reshape(len(active), count * 3)
    vertices = np.asarray(model.mean + flat.reshape(count, 3), np.float64)
    return _turn_eyes(model, coefficients, vertices)


def eye_centres_of(model: HeadModel, identity: NDArray[np.floating]) -> NDArray[np.float64]:
    """Centres of rotation of the person's left and right eyeball, (2, 3) mm."""
    moved = np.tensordot(identity, model.eye_modes[: len(identity)], axes=1)
    return np.asarray(model.eye_centres + moved, np.float64)


def gaze_of(model: HeadModel, expression: NDArray[np.floating]) -> NDArray[np.float64]:
    """Yaw (to the person's left) and pitch (up) of left and right eye, (2, 2) radians, from eyeLook
    weights."""
    weight = dict(zip(model.names, expression, strict=True))

    def turn(side: str, outward: float) -> tuple[float, float]:
        sideways = float(weight.get(f"eyeLookOut{side}", 0)) - float(weight.get(f"eyeLookIn{side}", 0))
        up, down = float(weight.get(f"eyeLookUp{side}", 0)), float(weight.get(f"eyeLookDown{side}", 0))
        return outward * LOOK_SIDEWAYS * sideways, LOOK_UP * up - LOOK_DOWN * down

    return np.array([turn("Left", 1.0), turn("Right", -1.0)])


def eye_rotation(gaze: NDArray[np.floating]) -> NDArray[np.float64]:
    """Rotation (3, 3) in the head frame of an eye that looks along (yaw, pitch)."""
    yaw = rotation_from_vector(np.array([0.0, float(gaze[0]), 0.0]))
    return yaw @ rotation_from_vector(np.array([-float(gaze[1]), 0.0, 0.0]))


def _turn_eyes(
    model: HeadModel, coefficients: Coefficients, vertices: NDArray[np.float64]
) -> NDArray[np.float64]:
    gaze = coefficients.gaze
    if gaze is None:
        gaze = gaze_of(model, coefficients.expression)
    if not np.any(gaze):
        return vertices
    for centre, angles, name in zip(
        eye_centres_of(model, coefficients.identity), gaze, ("eye_left", "eye_right"), strict=True
    ):
        rows = model.rows(name)
        vertices[rows] = (vertices[rows] - centre) @ eye_rotation(angles).T + centre
    return vertices
