"""Least-squares similarity between two point sets."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError, ShapeError
from mien.core.types import Points


def fit_similarity(
    src: Points, dst: Points, weights: NDArray[np.floating] | None = None
) -> NDArray[np.float64]:
    """Find the 2x3 matrix M that minimises the distance from ``M @ [src, 1]`` to ``dst``.

    src: (N, 2) pixels, N >= 2.    dst: (N, 2) pixels.    weights: (N,) >= 0, equal when None.
    returns: (2, 3) float64.    Points that all lie on one spot raise InputError.
    Rotation, uniform scale and shift only; a reflection is never returned (Umeyama, PAMI 1991, in the plane,
    where the rotation has a closed form).

    >>> m = fit_similarity(np.eye(2), np.eye(2) * 2 + 5)
    >>> (m @ [0.5, 0.5, 1.0]).round(3)
    array([6., 6.])
    """
    if src.ndim != 2 or src.shape != dst.shape or src.shape[1] != 2 or len(src) < 2:
        raise ShapeError("src and dst", "(N, 2) with N >= 2", src.shape)
    share = np.ones(len(src)) if weights is None else np.asarray(weights, np.float64)
    if share.shape != (len(src),):
        raise ShapeError("weights", f"({len(src)},)", share.shape)
    share = share / share.sum()
    src_mean, dst_mean = share @ src, share @ dst
    a, b = src - src_mean, dst - dst_mean
    spread = float(share @ (a**2).sum(axis=1))
    if not spread > 1e-12:
        raise InputError("the points to align lie on one spot; give at least two different points")
    cos = float(share @ (a * b).sum(axis=1)) / spread
    sin = float(share @ (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])) / spread
    turn = np.array([[cos, -sin], [sin, cos]])
    return np.column_stack([turn, dst_mean - turn @ src_mean])
