"""How like real pictures drawn ones are, over the features of any net."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import ThinData


def frechet_distance(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    """How far apart two clouds of features are, as Gaussians: (N, D) and (M, D) -> >= 0.

    ``|m1 - m2|² + trace(C1 + C2 - 2 (C1 C2)^(1/2))`` (Dowson and Landau 1982), the formula of FID (Heusel et
    al., NeurIPS 2017); FID itself is over the features of Inception, this over any.
    raises: `ThinData` for fewer than two rows.
    """
    if min(len(first), len(second)) < 2:
        raise ThinData("a cloud needs two rows of features or more: draw more pictures")
    means, covariances = [], []
    for rows in (first, second):
        means.append(rows.mean(0, dtype=np.float64))
        covariances.append(np.atleast_2d(np.cov(rows.astype(np.float64), rowvar=False)))
    # The eigenvalues of C1 C2 are those of the symmetric C1^(1/2) C2 C1^(1/2).
    values, vectors = np.linalg.eigh(covariances[0])
    root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    shared = np.sqrt(np.clip(np.linalg.eigvalsh(root @ covariances[1] @ root), 0, None)).sum()
    apart = float(np.square(means[0] - means[1]).sum())
    return max(apart + float(np.trace(covariances[0]) + np.trace(covariances[1]) - 2 * shared), 0.0)
