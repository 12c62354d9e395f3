"""A linear layer of fewer numbers that answers as the full one does, on the values it really sees.

Plain NumPy on second moments, which are summed over as many samples as there are: no sample is kept.
Zhang, Zou, He & Sun, Accelerating Very Deep Convolutional Networks, TPAMI 2016 (arXiv 1505.06798): sections
3.1 (the responses of a layer lie near a subspace) and 3.3 (asymmetric: the input of the smaller network
against the response of the whole one, so that what earlier layers lost is made good).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

# Shrinkage of a correction, in units of the mean variance of an input; infinite: no correction.
RIDGES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0, np.inf)


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Sums over samples of what a layer reads, x, and what it should answer, y.

    count: samples.    x: (I,).    y: (O,).    xx: (I, I).    xy: (I, O).    yy: (O,) squares.
    """

    count: int
    x: Matrix
    y: Matrix
    xx: Matrix
    xy: Matrix
    yy: Matrix

    def __add__(self, other: Moments) -> Moments:
        return Moments(
            self.count + other.count,
            self.x + other.x,
            self.y + other.y,
            self.xx + other.xx,
            self.xy + other.xy,
            self.yy + other.yy,
        )

    def centred(self) -> tuple[Matrix, Matrix, Matrix]:
        """Covariance of x (I, I), of x and y (I, O), and variance of y (O,)."""
        n = max(self.count, 1)
        x, y = self.x / n, self.y / n
        return self.xx / n - np.outer(x, x), self.xy / n - np.outer(x, y), self.yy / n - y**2


def moments(x: NDArray[np.floating], y: NDArray[np.floating]) -> Moments:
    """Sum up samples.    x: (n, I).    y: (n, O).

    >>> moments(np.eye(2), np.ones((2, 1))).xy.ravel()
    array([1., 1.])
    """
    x, y = x.astype(np.float64), y.astype(np.float64)
    return Moments(len(x), x.sum(0), y.sum(0), x.T @ x, x.T @ y, (y**2).sum(0))


@dataclass(frozen=True, slots=True, eq=False)
class Affine:
    """y = weight @ x + bias.    weight: (O, I).    bias: (O,)."""

    weight: Matrix
    bias: Matrix


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """y = up @ (down @ x) + bias.    down: (r, I).    up: (O, r).    bias: (O,)."""

    down: Matrix
    up: Matrix
    bias: Matrix


def corrected(weight: Matrix, parts: Sequence[Moments]) -> Affine:
    """Least squares with the old weight as the start: where x is what it always was, nothing changes.

    weight: (O, I).    parts: two or more; the last says how far the correction is to be trusted (ridge), and
        then all are used.
    """
    known = summed(parts[:-1])
    ridge = min(RIDGES, key=lambda one: squared_error(_corrected(weight, known, one), parts[-1]))
    return with_bias(_corrected(weight, summed(parts), ridge), summed(parts))


def squared_error(weight: Matrix, seen: Moments) -> float:
    """Mean squared error of ``weight @ x`` with the best bias, over the variance of y."""
    xx, xy, yy = seen.centred()
    error = yy.sum() + float(np.sum((weight @ xx - 2 * xy.T) * weight))
    return float(error / max(yy.sum(), 1e-30))


def with_bias(weight: Matrix, seen: Moments) -> Affine:
    """The bias that gets the mean answer right."""
    n = max(seen.count, 1)
    return Affine(weight, seen.y / n - weight @ (seen.x / n))


def halved(weight: Matrix, seen: Moments, rank: int) -> Pair:
    """The nearest pair of layers with ``rank`` values between them: least squares on the inputs seen.

    The principal components of the answers carry most of them; with all components the pair is exact.
    """
    xx, _, _ = seen.centred()
    up = principal(weight @ xx @ weight.T)[1][:, :rank]
    down = up.T @ weight
    return Pair(down, up, with_bias(up @ down, seen).bias)


def channel_basis(weight: Matrix, xx: Matrix) -> tuple[Matrix, Matrix, Matrix]:
    """The channels that a fully connected layer makes most of.

    weight: (O, C, P) over C channels and P places.    xx: (C, C) their covariance, the same at every place
        and none between places: what is lost by that, `corrected_by` finds again.
    returns: values (C,), largest first: variance of the answers that each brings; down (C, C) and lift
        (C, C): ``lift[:, :r] @ down[:r] @ x`` is x in r numbers, and x itself at r = C.
    """
    variances, axes = principal(xx)
    deviations = np.sqrt(np.maximum(variances, 1e-9 * max(float(variances[0]), 1e-30)))
    root, back = axes * deviations @ axes.T, axes / deviations @ axes.T
    values, vectors = principal(root @ np.einsum("ocp,odp->cd", weight, weight, optimize=True) @ root)
    return values, vectors.T @ back, root @ vectors


def channel_covariance(x: NDArray[np.floating]) -> Matrix:
    """(n, C, P) samples of C channels at P places -> (C, C), mean over the places of their covariances."""
    centred = (x - x.mean(0)).transpose(1, 0, 2).reshape(x.shape[1], -1)
    found: Matrix = (centred @ centred.T).astype(np.float64) / centred.shape[1]
    return found


def corrected_by(weight: Matrix, x: NDArray[np.floating], y: NDArray[np.floating]) -> Affine:
    """`corrected` for layers that read more numbers than there are samples: solved in samples.

    weight: (O, I).    x: (n, I).    y: (n, O).    The last quarter says how far to trust the correction.
    """
    taught = max(1, len(x) * 3 // 4)
    inner = _dual(weight, x[:taught], y[:taught])
    left = y[taught:] - y[taught:].mean(0)

    def error(ridge: float) -> float:
        answers = x[taught:] @ inner(ridge).T
        return float(((answers - answers.mean(0) - left) ** 2).sum())

    best = min(RIDGES, key=error)
    found = _dual(weight, x, y)(best)
    return Affine(found, y.mean(0) - found @ x.mean(0))


def _dual(weight: Matrix, x: NDArray[np.floating], y: NDArray[np.floating]) -> Callable[[float], Matrix]:
    """Ridge -> weight + correction, by way of the (n, n) products of the samples."""
    centred = x.astype(np.float64) - x.mean(0)
    error = y - y.mean(0) - centred @ weight.T
    values, vectors = principal(centred @ centred.T)
    turned = vectors.T @ error
    shrink = float(values.sum()) / centred.shape[1]

    def solve(ridge: float) -> Matrix:
        if not np.isfinite(ridge):
            return weight
        scaled = turned / (values + ridge * max(shrink, 1e-12))[:, None]
        found: Matrix = weight + (centred.T @ (vectors @ scaled)).T
        return found

    return solve


def principal(covariance: Matrix) -> tuple[Matrix, Matrix]:
    """Eigenvalues, largest first and not below zero, and eigenvectors as columns."""
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    return np.maximum(values[::-1], 0.0), vectors[:, ::-1]


def residuals(values: Matrix) -> Matrix:
    """(n,) eigenvalues, largest first -> (n + 1,) share of the variance lost with 0, 1, … n of them kept."""
    total = max(float(values.sum()), 1e-30)
    return np.maximum(1 - np.concatenate([[0.0], np.cumsum(values)]) / total, 0.0)


def _corrected(weight: Matrix, seen: Moments, ridge: float) -> Matrix:
    if not np.isfinite(ridge):
        return weight
    xx, xy, _ = seen.centred()
    shrunk = xx + ridge * max(float(np.trace(xx)) / len(xx), 1e-12) * np.eye(len(xx))
    change = np.linalg.solve(shrunk, xy - xx @ weight.T)
    return weight + change.T


def summed(parts: Sequence[Moments]) -> Moments:
    """One or more parts together."""
    whole = parts[0]
    for part in parts[1:]:
        whole = whole + part
    return whole
