"""Eigenfaces: a face as a sum of the directions in which faces differ most.

Turk & Pentland, Eigenfaces for Recognition, J. Cognitive Neuroscience 3 (1991). Each direction is scaled to
unit variance by default (the Mahalanobis cosine of the CSU face identification system, Bolme et al. 2003):
otherwise light, which varies most, decides.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError, ShapeError, ThinData
from mien.training.classics.grey import Grey, to_grey, unit

TINY = 1e-10  # of the largest variance: below it there is rounding, not a direction


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """One matrix from pixels to features, after the mean face is taken away.

    mean: (P,) float64.    basis: (P, D) float64.    shape: (H, W) of the faces, P = H W.
    """

    mean: NDArray[np.float64]
    basis: NDArray[np.float64]
    shape: tuple[int, int]

    @property
    def dim(self) -> int:
        return int(self.basis.shape[1])

    def embed(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(N, H, W[, 3]) uint8 -> (N, D) float32 of unit length."""
        grey = to_grey(faces)
        if grey.shape[1:] != self.shape:
            raise ShapeError("faces", f"(N, {self.shape[0]}, {self.shape[1]}), as in training", faces.shape)
        return unit((grey.reshape(len(grey), -1) - self.mean) @ self.basis)


def fit_eigenfaces(
    faces: NDArray[np.uint8], people: NDArray[np.integer], dim: int = 100, *, whiten: bool = True
) -> Projection:
    """faces: (N, H, W[, 3]) uint8.    people: (N,), not used: this method has no labels.

    dim: directions kept, at most N - 1.
    """
    del people
    if dim < 1:
        raise InputError(f"{dim} directions describe nothing: ask for 1 or more")
    grey = to_grey(faces)
    mean, axes, variances = principal_axes(rows_of(grey), dim)
    basis = axes / np.sqrt(variances) if whiten else axes
    return Projection(mean, basis, (grey.shape[1], grey.shape[2]))


def rows_of(grey: Grey) -> NDArray[np.float64]:
    """(N, H, W) -> (N, H W) float64."""
    return grey.reshape(len(grey), -1).astype(np.float64)


def principal_axes(
    rows: NDArray[np.float64], most: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Mean (P,), axes (P, K) of unit length and variances (K,) with divisor N - 1, largest first.

    Of pixels and faces the fewer decide the size of the eigenproblem (Turk & Pentland 1991, eq. 7).
    K <= most: directions without variance are left out.
    """
    if len(rows) < 2:
        raise ThinData(f"{len(rows)} faces have no variance: give two or more")
    mean = rows.mean(axis=0)
    centred = rows - mean
    wide = centred.shape[0] < centred.shape[1]
    values, vectors = np.linalg.eigh(centred @ centred.T if wide else centred.T @ centred)
    order = np.argsort(-values)[:most]
    order = order[values[order] > TINY * max(values.max(), 1e-300)]
    if len(order) == 0:
        raise ThinData("all faces are the same picture: give faces that differ")
    axes = centred.T @ vectors[:, order] / np.sqrt(values[order]) if wide else vectors[:, order]
    return mean, axes, values[order] / (len(rows) - 1)
