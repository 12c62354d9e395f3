"""Registered shapes → mean, orthonormal basis and standard deviations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import ShapeError, ThinData

Floats = NDArray[np.floating]


@dataclass(frozen=True, slots=True, eq=False)
class Identity:
    """How heads of a population differ.

    mean: (V, 3) mm.    basis: (K, V, 3), rows orthonormal over all 3 V numbers.    sigma: (K,) mm.
    A head of the population is ``mean + sum(z * sigma * basis)`` with z standard normal.
    """

    mean: NDArray[np.float64]
    basis: NDArray[np.float32]
    sigma: NDArray[np.float64]

    def project(self, heads: Floats) -> NDArray[np.float64]:
        """Coefficients z (N, K) of heads (N, V, 3), by orthogonal projection."""
        flat = (heads - self.mean).reshape(len(heads), -1)
        return np.asarray(flat @ self.basis.reshape(len(self.basis), -1).T / self.sigma, np.float64)

    def shape(self, z: Floats) -> NDArray[np.float64]:
        """Heads (N, V, 3) of coefficients (N, K)."""
        moved = np.einsum("nk,kvc->nvc", z * self.sigma, self.basis, optimize=True)
        return np.asarray(self.mean + moved, np.float64)


def learn_identity(heads: Floats, components: int) -> Identity:
    """Learn the identity space of neutral heads (N, V, 3) in mm by principal component analysis.

    The N x N Gram matrix is diagonalised instead of the 3V x 3V covariance (Turk and Pentland 1991), so N may
    be a few thousand.  Components without variance are left out.
    """
    if heads.ndim != 3 or heads.shape[2] != 3:
        raise ShapeError("heads", "(N, V, 3)", heads.shape)
    if len(heads) < 8:
        raise ThinData(f"{len(heads)} heads do not make a head model; give at least 8, better some hundreds")
    mean = heads.mean(axis=0, dtype=np.float64)
    centred = (heads - mean.astype(np.float32)).reshape(len(heads), -1)
    values, vectors = np.linalg.eigh((centred @ centred.T).astype(np.float64))
    order = np.argsort(values)[::-1][:components]
    order = order[values[order] > values[order[0]] * 1e-9]
    basis = (vectors[:, order] / np.sqrt(values[order])).astype(np.float32).T @ centred
    basis = np.linalg.qr(basis.T.astype(np.float64))[
        0
    ].T  # rounding of the Gram matrix costs a little orthogonality
    basis *= np.sign(np.einsum("kd,kd->k", basis, (vectors[:, order].astype(np.float32).T @ centred)))[
        :, None
    ]
    sigma = np.sqrt(values[order] / (len(heads) - 1))
    return Identity(mean, basis.reshape(-1, *heads.shape[1:]).astype(np.float32), sigma)


def reconstruction_error(identity: Identity, heads: Floats) -> NDArray[np.float64]:
    """Root mean square distance in mm, per head, between heads (N, V, 3) and their best image in the
    space."""
    rebuilt = identity.shape(identity.project(heads))
    return np.asarray(np.sqrt(((rebuilt - heads) ** 2).sum(axis=2).mean(axis=1)), np.float64)
