"""Fisherfaces: the directions in which people differ most for how much one person varies.

Belhumeur, Hespanha & Kriegman, Eigenfaces vs. Fisherfaces, IEEE TPAMI 19 (1997): principal axes first, so
that the scatter within people can be inverted (eq. 5 to 7), then Fisher's discriminant.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError, ShapeError, ThinData
from mien.training.classics.eigenfaces import Projection, principal_axes, rows_of
from mien.training.classics.grey import to_grey


def fit_fisherfaces(
    faces: NDArray[np.uint8],
    people: NDArray[np.integer],
    dim: int | None = None,
    *,
    axes: int | None = None,
    ridge: float = 0.1,
) -> Projection:
    """faces: (N, H, W[, 3]) uint8.    people: (N,) numbers of their people, C of them.

    dim: directions kept, at most C - 1, which is the default.
    axes: principal axes kept first; at most, and by default, N - C.
    ridge: share of the mean variance that is added to the scatter within people: with few pictures a person
        some of its variances are near zero by chance, and without this they decide (Friedman 1989, eq. 18).
    """
    grey = to_grey(faces)
    if people.shape != (len(grey),):
        raise ShapeError("people", f"({len(grey)},)", people.shape)
    count = len(np.unique(people))
    if count < 2 or len(grey) <= count:
        raise ThinData(
            f"{len(grey)} faces of {count} people have no scatter to compare: give two people or more, and "
            "several faces of some"
        )
    if dim is not None and dim < 1:
        raise InputError(f"{dim} directions describe nothing: ask for 1 or more")
    mean, first, _ = principal_axes(rows_of(grey), min(axes or len(grey), len(grey) - count))
    reduced = (rows_of(grey) - mean) @ first
    second = discriminants(reduced, people, ridge)[:, : dim or count - 1]
    return Projection(mean, first @ second, (grey.shape[1], grey.shape[2]))


def discriminants(
    rows: NDArray[np.float64], people: NDArray[np.integer], ridge: float
) -> NDArray[np.float64]:
    """(N, K) -> (K, C - 1): solve S_b v = λ S_w v, largest λ first, each v of unit variance within people.

    The problem is made symmetric by whitening S_w (Fukunaga, Statistical Pattern Recognition, 1990, 10.2).
    """
    within, between = scatter(rows, people)
    within = within + ridge * np.trace(within) / len(within) * np.eye(len(within))
    values, vectors = np.linalg.eigh(within)
    white = vectors / np.sqrt(np.maximum(values, 1e-12 * values.max()))
    ratios, turned = np.linalg.eigh(white.T @ between @ white)
    kept = np.argsort(-ratios)[: len(np.unique(people)) - 1]
    solved: NDArray[np.float64] = white @ turned[:, kept]
    return solved


def scatter(
    rows: NDArray[np.float64], people: NDArray[np.integer]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scatter within and between people, (K, K) each, per face: they sum to the covariance (divisor N)."""
    names, index, counts = np.unique(people, return_inverse=True, return_counts=True)
    means = np.zeros((len(names), rows.shape[1]))
    np.add.at(means, index, rows)
    means /= counts[:, None]
    apart = rows - means[index]
    away = means - rows.mean(axis=0)
    return apart.T @ apart / len(rows), (away * counts[:, None]).T @ away / len(rows)
