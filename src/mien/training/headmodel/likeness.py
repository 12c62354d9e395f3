"""Pairs of photos of one person → what tells people apart (`mien.face3d.fit.likeness`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import ThinData
from mien.face3d.fit.evidence import mesh468_points
from mien.face3d.fit.likeness import Likeness, pose_directions, without_pose
from mien.face3d.model.basis import HeadModel
from mien.geometry.schemes import scheme

Floats = NDArray[np.floating]
Array = NDArray[np.float64]

GRAIN = 0.22
"""mm, error of a landmark that no mood explains, beyond what the pairs show."""
MOODS = 20
EXPRESSION_SD = 0.33
_ANY_POSE = 100.0  # mm: pose is as good as unknown


def learn_likeness(model: HeadModel, first: Sequence[Floats], second: Sequence[Floats]) -> Likeness:
    """Learn from `frontal_offsets` (936,) of the same people in two moods, the first one neutral."""
    if len(first) != len(second) or len(first) < 20:
        raise ThinData(f"{min(len(first), len(second))} pairs of photos are too few; give at least 20")
    neutral = _with_mirrored(np.asarray(first, np.float64))
    moods, variance = _moods(_with_mirrored(np.asarray(second, np.float64)) - neutral)
    basis = mesh468_points(model, len(model.identity))
    flat = basis.moves[:, :2].reshape(936, -1)
    identity = without_pose(model, flat[:, : basis.identity].T).T
    expression = without_pose(model, flat[:, basis.identity :].T).T * EXPRESSION_SD
    loads = np.concatenate([identity, expression, moods, _ANY_POSE * pose_directions(model)], axis=1)
    weighted = loads / variance[:, None]
    precision = loads.T @ weighted
    precision[np.diag_indices_from(precision)] += 1
    covariance = np.linalg.inv(precision)
    posterior = (weighted @ covariance)[:, : basis.identity]  # offsets -> identity coefficients
    spread, axes = np.linalg.eigh(np.eye(basis.identity) - covariance[: basis.identity, : basis.identity])
    order = np.argsort(spread)[::-1]
    told = np.clip(spread[order], 1e-4, 0.9999)
    return Likeness(neutral.mean(axis=0), posterior @ axes[:, order] / np.sqrt(told), told)


def _with_mirrored(offsets: Array) -> Array:
    """Offsets (N, 936) and those of the same faces in a mirror, (2N, 936)."""
    twins = list(scheme("mesh468").mirror)
    mirrored = offsets.reshape(-1, 468, 2)[:, twins] * (-1, 1)
    return np.concatenate([offsets, mirrored.reshape(len(offsets), -1)])


def _moods(differences: Array) -> tuple[Array, Array]:
    """The main directions (936, MOODS) of one person's differences, and what is left as variance (936,)."""
    d = differences / np.sqrt(2)
    _, spread, axes = np.linalg.svd(d / np.sqrt(len(d)), full_matrices=False)
    kept = axes[:MOODS]
    left = d - (d @ kept.T) @ kept
    variance = (left**2).reshape(len(d), 468, 2).mean(axis=(0, 2)) + GRAIN**2
    return (kept * spread[:MOODS, None]).T, np.repeat(variance, 2)
