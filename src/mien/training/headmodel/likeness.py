"""Pairs of photos of one person → what tells people apart (`mien.face3d.fit.likeness`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import ThinData
from mien.face3d.fit.likeness import Likeness
from mien.geometry.schemes import scheme

Floats = NDArray[np.floating]
Array = NDArray[np.float64]

GRAIN = 0.05
"""mm, error of a landmark beyond what the pairs show: another camera, another crop."""
COMPONENTS = 160  # directions in which faces are compared, at most
LEAST = 1e-3  # of the largest spread between people: no direction tells nothing at all


def learn_likeness(first: Sequence[Floats], second: Sequence[Floats]) -> Likeness:
    """Learn from `frontal_offsets` (936,) of the same people in two moods, the first one neutral.

    Two covariances (Brümmer and De Villiers 2010, "The speaker partitioning problem"): of one person's
    photos, from the differences of pairs, and between people, from what is left of the spread of their means.
    """
    if len(first) != len(second) or len(first) < 20:
        raise ThinData(f"{min(len(first), len(second))} pairs of photos are too few; give at least 20")
    a, b = (_with_mirrored(np.asarray(photos, np.float64)) for photos in (first, second))
    middle = ((a + b) / 2).mean(axis=0)
    _, spread, axes = np.linalg.svd(np.concatenate([a, b]) - middle, full_matrices=False)
    axes = axes[:COMPONENTS][spread[:COMPONENTS] > 1e-6 * spread[0]].T
    within = _covariance((b - a) @ axes) / 2 + GRAIN**2 * np.eye(axes.shape[1])
    between = _at_least(_covariance(((a + b) / 2 - middle) @ axes) - within / 2, LEAST)
    total, turned = np.linalg.eigh(between + within)
    white = turned / np.sqrt(total)
    told, ways = np.linalg.eigh(white.T @ between @ white)
    order = np.argsort(told)[::-1]
    return Likeness(middle, axes @ white @ ways[:, order], np.clip(told[order], 1e-4, 0.9999))


def _with_mirrored(offsets: Array) -> Array:
    """Offsets (N, 936) and those of the same faces in a mirror, (2N, 936)."""
    twins = list(scheme("mesh468").mirror)
    mirrored = offsets.reshape(-1, 468, 2)[:, twins] * (-1, 1)
    return np.concatenate([offsets, mirrored.reshape(len(offsets), -1)])


def _covariance(rows: Array) -> Array:
    return rows.T @ rows / len(rows)


def _at_least(matrix: Array, share: float) -> Array:
    """A symmetric matrix whose eigenvalues are at least a ``share`` of the largest one."""
    values, axes = np.linalg.eigh(matrix)
    return np.asarray((axes * np.maximum(values, share * values[-1])) @ axes.T)
