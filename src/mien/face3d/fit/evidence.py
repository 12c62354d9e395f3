"""What the head model says about landmarks: where they lie and how they move with every coefficient."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.face3d.model.basis import HeadModel

Floats = NDArray[np.floating]
Array = NDArray[np.float64]
Ints = NDArray[np.integer]

OVAL: tuple[int, ...] = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176,
    149,
    150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
"""Outline of the face in the 468-point mesh: these points slide along the skin when the head turns."""


@dataclass(frozen=True, slots=True, eq=False)
class LinearPoints:
    """Points that move linearly with the coefficients.

    mean: (N, 3) mm.    moves: (N, 3, K + E): first the K identity components, then the E expressions.
    identity: K.
    """

    mean: Array
    moves: Array
    identity: int

    def at(self, coefficients: Floats) -> Array:
        """Positions (N, 3) in the head frame for stacked coefficients (K + E,)."""
        flat = self.moves.reshape(-1, self.moves.shape[2])  # one product is several times faster than N
        return self.mean + (flat @ coefficients).reshape(-1, 3)


@functools.lru_cache(maxsize=8)
def mesh468_points(model: HeadModel, components: int) -> LinearPoints:
    """The 468 landmarks with the first ``components`` identity components; computed once."""
    return surface_points(model, model.mesh468.corners, model.mesh468.weights, components)


def surface_points(model: HeadModel, corners: Ints, weights: Floats, components: int) -> LinearPoints:
    """Points of the surface given by corners (N, 3) and barycentric weights (N, 3)."""
    basis = np.concatenate([model.identity[:components], model.expression])
    moves = np.zeros((len(corners), 3, len(basis)))
    mean = np.zeros((len(corners), 3))
    for corner in range(3):
        share = weights[:, corner]
        mean += share[:, None] * model.mean[corners[:, corner]]
        moves += share[:, None, None] * basis[:, corners[:, corner]].transpose(1, 2, 0)
    return LinearPoints(mean, moves, min(components, len(model.identity)))


def joined(first: LinearPoints, second: LinearPoints) -> LinearPoints:
    """Both sets of points as one."""
    return LinearPoints(
        np.concatenate([first.mean, second.mean]),
        np.concatenate([first.moves, second.moves]),
        first.identity,
    )
