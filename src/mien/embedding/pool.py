"""Several looks at one face, or several photos of one person, as one embedding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError
from mien.core.types import Embedding
from mien.embedding.embedder import unit_rows


def pool(embeddings: Sequence[Embedding], weights: NDArray[np.floating] | None = None) -> Embedding:
    """The mean direction of embeddings of one model.

    weights: (N,) >= 0, e.g. qualities; equal when None.
    The cosine with a mean direction is, up to one factor, the mean of the cosines with its parts, so pooling
    is score averaging at the price of one comparison.

    >>> a, b = (Embedding(np.array(v, np.float32), "m") for v in ([1, 0], [0, 1]))
    >>> pool([a, b]).vector.round(3).tolist()
    [0.7070000171661377, 0.7070000171661377]
    """
    models = sorted({item.model for item in embeddings})
    if len(models) != 1:
        what = "no embeddings" if not models else f"embeddings of {' and '.join(models)}"
        raise InputError(f"{what} cannot be pooled: give at least one, all of one model")
    if weights is not None and weights.shape != (len(embeddings),):
        raise InputError(f"{len(embeddings)} embeddings need as many weights, not {weights.shape}")
    rows = np.stack([item.vector for item in embeddings]).astype(np.float64)
    share = np.ones(len(rows)) if weights is None else weights
    norms = [item.norm for item in embeddings if item.norm is not None]
    norm = float(np.mean(norms)) if len(norms) == len(embeddings) else None
    return Embedding(unit_rows((share @ rows)[None])[0], models[0], norm)
