"""What all faces have in common, as an embedding network sees it.

A network's answers are not spread evenly around the origin: strangers' cosines are 0.5 on average for dlib's
ResNet fused with SFace, 0.05 for SFace alone. That part says nothing of who a face is, and means of several
photos must not make more of it (`mien.gallery.templates.pool`). The vectors are measured, one JSON file a
network beside the model cards (``python -m benchmarks.make_mean_embedding``).
"""

from __future__ import annotations

import json
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from mien.embedding.fuse import JOINT, fusion_of


def common_direction(embedder: str) -> NDArray[np.float32] | None:
    """The direction of `mean_embedding`: (D,) of unit length."""
    mean = mean_embedding(embedder)
    return None if mean is None else np.asarray(mean / np.linalg.norm(mean), dtype=np.float32)


def mean_embedding(embedder: str) -> NDArray[np.float64] | None:
    """The mean of faces' embeddings, (D,), or None where it was not measured.

    Its squared length is the mean cosine of strangers.
    embedder: the name that `Embedding.model` carries; fused networks are joined with "+".

    >>> (mean_embedding("sface") ** 2).sum().round(2), mean_embedding("of my own")
    (np.float64(0.04), None)
    """
    parts = embedder.split(JOINT)
    means = [mean for mean in map(_mean, parts) if mean is not None]
    if len(means) < len(parts):
        return None
    if len(parts) > 1:
        means = [scale * mean for scale, mean in zip(fusion_of(embedder).scales, means, strict=True)]
    return np.concatenate(means)


def _mean(network: str) -> NDArray[np.float64] | None:
    file = resources.files("mien.zoo") / "cards" / "mean" / f"{network}.json"
    if not file.is_file():
        return None
    return np.array(json.loads(file.read_text(encoding="utf-8"))["mean"], dtype=np.float64)
