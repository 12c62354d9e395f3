"""Is it the same head?  Identity coefficients of two photos, compared by what tells people apart.

A plain distance between coefficients counts every millimetre alike, but a smile moves cheeks and jaw in ways
that the blendshapes do not reach, and the landmark network errs in a few directions much more than in others.
Here landmarks are modelled as (two-covariance model, Brümmer and De Villiers 2010; probabilistic linear
discriminant analysis, Prince and Elder 2007, in its simplest form)

    offsets from the mean head = person + photo

with the spread of people and the spread of one person's photos learned from pairs: neutral and smiling.
Comparing is the logarithm of a likelihood ratio: one person against two.
"""

from __future__ import annotations

import functools
import io
from dataclasses import dataclass
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError, ModelMissing, ShapeError
from mien.core.mesh import Camera
from mien.face3d.fit.evidence import mesh468_points
from mien.face3d.fit.start import placement_from_points
from mien.face3d.model.basis import HeadModel
from mien.geometry.projection import place, unproject
from mien.geometry.rotation import pose_of_head

Floats = NDArray[np.floating]
Array = NDArray[np.float64]

TURNED = 0.45
"""Radians of yaw or pitch beyond which offsets in the picture say too little about a frontal face."""


@dataclass(frozen=True, slots=True, eq=False)
class Likeness:
    """A learned comparison.

    mean: (936,) mm, the usual offsets of a neutral face.
    read: (936, R) offsets → signature, whose entries are independent, the most telling first.
    told: (R,) 0..1, the share of an entry's spread over people that is the person.
    """

    mean: Array
    read: Array
    told: Array

    def signature(self, model: HeadModel, points: Floats, camera: Camera) -> Array:
        """What tells this person apart, (R,), of spread 1 over people, from 468 landmarks in pixels.

        raises: `InputError` for a face turned by more than `TURNED`.
        """
        return np.asarray((frontal_offsets(model, points, camera) - self.mean) @ self.read)

    def compare(self, first: Floats, second: Floats) -> Array:
        """Logarithm of the likelihood ratio, one person against two, (N, M), of (N, R) and (M, R).

        Entries of one person's two signatures are correlated by ``told``.  The higher, the more alike; take
        the order and not the number, since people of one set differ less than the model's population.
        """
        a, b = np.atleast_2d(first), np.atleast_2d(second)
        r2 = self.told**2
        gain, loss = self.told / (1 - r2), r2 / (2 * (1 - r2))
        alone = (a**2) @ loss, (b**2) @ loss
        constant = -0.5 * float(np.log(1 - r2).sum())
        return np.asarray((a * gain) @ b.T - alone[0][:, None] - alone[1] + constant)


@functools.cache
def load_likeness() -> Likeness:
    """The comparison that ships with mien, learned on the London set (CC BY 4.0)."""
    source = resources.files("mien.face3d") / "data" / "likeness.npz"
    if not source.is_file():
        raise ModelMissing("the identity comparison is not in this installation; install mien again")
    with np.load(io.BytesIO(source.read_bytes()), allow_pickle=False) as packed:
        return Likeness(*(packed[name].astype(np.float64) for name in ("mean", "read", "told")))


def frontal_offsets(model: HeadModel, points: Floats, camera: Camera) -> Array:
    """Offsets (936,) mm, across and up, of 468 landmarks from the mean head's, without what pose explains."""
    if points.ndim != 2 or points.shape[0] != 468 or points.shape[1] < 2:
        raise ShapeError("points", "(468, 2) or (468, 3) of scheme mesh468", points.shape)
    basis = mesh468_points(model, len(model.identity))
    pixels = np.asarray(points[:, :2], np.float64)
    placement = placement_from_points(basis.mean, pixels, camera)
    pose = pose_of_head(placement)
    if max(abs(pose.yaw), abs(pose.pitch)) > TURNED:
        raise InputError("the face is turned too far to compare its shape; take a photo from the front")
    stand = place(basis.mean, placement)
    seen = unproject(pixels, stand[:, 2], camera)
    offsets = ((seen - stand) @ placement.rotation)[:, :2].ravel()
    return np.asarray(without_pose(model, offsets[None])[0])


@functools.lru_cache(maxsize=4)
def pose_directions(model: HeadModel) -> Array:
    """Orthonormal (936, 6): what a small shift, growth or turn does to the mean head's landmarks."""
    x, y, z = mesh468_points(model, len(model.identity)).mean.T
    none, one = np.zeros_like(x), np.ones_like(x)
    moves = [(one, none), (none, one), (x, y), (-y, x), (z, none), (none, z)]
    stacked = np.stack([np.stack(move, axis=1).ravel() for move in moves], axis=1)
    return np.asarray(np.linalg.qr(stacked)[0])


def without_pose(model: HeadModel, rows: Array) -> Array:
    """Offsets (N, 936) without the part that a small shift, growth or turn of the head explains."""
    pose = pose_directions(model)
    return np.asarray(rows - (rows @ pose) @ pose.T)
