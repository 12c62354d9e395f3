"""Several photos, one template: a weighted mean direction that one bad photo cannot drag away."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# A photo counts by its quality and this: nearly as the unnormalised mean of the network's answers counts it,
# which identified best (python -m benchmarks.recognition); steeper weights lose more than they win.
EVEN = 0.5
LEAST_WEIGHT = 0.05
# Photos of one person agree with their mean at 0.5 to 0.9 (wild40, SFace); far below that is someone else.
STRANGER_COSINE = 0.25
# Photos below this agree worst with the person's others (benchmarks/recognition.py: "advice").
LOW = 0.47


def pool(vectors: NDArray[np.float32], qualities: NDArray[np.float32]) -> NDArray[np.float32]:
    """The unit vector that best agrees with the photos.

    vectors: (N, D) unit length.    qualities: (N,) 0..1.    returns: (D,) float32, unit length.
    One step of a robust M-estimator on the sphere: after the quality-weighted mean, photos that disagree with
    it lose weight in proportion and the mean is taken again.
    """
    weights = EVEN + qualities
    centre = _unit(weights @ vectors)
    if len(vectors) > 2:
        centre = _unit((weights * np.maximum(vectors @ centre, LEAST_WEIGHT)) @ vectors)
    return centre


def pool_bits(codes: NDArray[np.uint8], qualities: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The weighted majority of packed bits: (N, B) -> (B,) uint8; ties go to the better photo."""
    weights = EVEN + qualities
    signs = np.unpackbits(codes, axis=1) * 2.0 - 1.0
    votes = weights @ signs + 1e-6 * signs[int(np.argmax(weights))]
    return np.packbits(votes > 0)


def similarities(query: NDArray[Any], templates: NDArray[Any]) -> NDArray[np.float32]:
    """Cosine of a query with each template; for packed bits its estimate from the Hamming distance.

    query: (D,).    templates: (N, D).
    Two directions at angle a differ in a fraction a / pi of the signs of random projections (Charikar 2002),
    so the cosine of packed codes is cos(pi * distance / bits).
    """
    if templates.dtype == np.uint8:
        bits = templates.shape[1] * 8
        distance = np.bitwise_count(np.bitwise_xor(templates, query)).sum(axis=1, dtype=np.float32)
        return np.asarray(np.cos(np.pi * distance / bits), dtype=np.float32)
    # Not a matrix product: for one query, waking BLAS's threads costs more than they save.
    return np.asarray(np.vecdot(templates, query), dtype=np.float32)


def comparable(templates: NDArray[Any]) -> NDArray[np.float32]:
    """Templates for a server that knows inner products only: packed bits become signs.

    The inner product of two rows of B signs is B - 2 * their Hamming distance, so the order is the same.
    """
    if templates.dtype == np.uint8:
        return np.unpackbits(templates, axis=-1).astype(np.float32) * 2 - 1
    return np.asarray(templates, dtype=np.float32)


def advise(vectors: NDArray[np.float32], qualities: NDArray[np.float32]) -> list[str]:
    """For each photo, why another one would serve better; "" where it is fine.

    A photo is compared with the template of the others, so that it cannot vouch for itself.
    """
    if len(vectors) == 1:
        return [
            "only photo: add two more" if qualities[0] >= LOW else "only photo, of low quality: replace it"
        ]
    words = []
    for i in range(len(vectors)):
        others = np.arange(len(vectors)) != i
        agreement = float(vectors[i] @ pool(vectors[others], qualities[others]))
        if agreement < STRANGER_COSINE:
            words.append("does not look like the other photos: check who it shows")
        elif qualities[i] < LOW and qualities[i] < float(np.median(qualities[others])):
            words.append("of lower quality than the others: replace it")
        else:
            words.append("")
    return words


def _unit(vector: NDArray[np.floating]) -> NDArray[np.float32]:
    length = float(np.linalg.norm(vector))
    return np.asarray(vector / (length if length > 0 else 1.0), dtype=np.float32)
