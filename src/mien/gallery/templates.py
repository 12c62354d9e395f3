"""Several photos, one template: a weighted mean direction that one bad photo cannot drag away."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# A photo counts by its quality and this: nearly as the unnormalised mean of the network's answers counts it,
# which identified best (python -m benchmarks.recognition); steeper weights lose more than they win.
EVEN = 0.5
LEAST_WEIGHT = 0.05
# How far a mean of photos is scaled up: by 1 to their full length, by 0 not at all. In between, strangers are
# as often alike with a person of many photos as with one of a single photo, which calibrations are made of.
# Chosen on the people of celeba10k whose number three divides (benchmarks/recognition.py asks the others).
CLEARER = 0.75
# Photos of one person agree with their mean at 0.5 to 0.9 (wild40, SFace); far below that is someone else.
STRANGER_COSINE = 0.22
# Photos below this agree worst with the person's others (benchmarks/recognition.py: "advice").
LOW = 0.47

Vectors = NDArray[np.float32]


def pool(vectors: Vectors, qualities: Vectors, common: Vectors | None = None) -> Vectors:
    """The vector whose inner products say how alike a face is with the person of these photos.

    vectors: (N, D) unit length.    qualities: (N,) 0..1.
    common: (D,) unit length, what all faces share (`mien.embedding.mean_face`); None where it is not known.
    returns: (D,) float32, of at most unit length.

    A quality-weighted mean is shorter than its photos, by what they disagree in. Scaled up to unit length it
    is more alike with everybody: in the part that all faces share, which therefore stays as it was, and with
    look-alikes, which `CLEARER` weighs. One step of a robust M-estimator on the sphere: photos that disagree
    with the mean lose weight in proportion, and the mean is taken again.
    """
    own = own_parts(vectors, common)
    weights = EVEN + qualities
    if len(vectors) > 2:
        weights = weights * np.maximum(own @ _unit(weights @ own), LEAST_WEIGHT)
    weights = weights / weights.sum()
    mean = weights @ vectors
    shared = 0.0 if common is None else (mean @ common) * common
    alone = 1.0 if common is None else np.sqrt(weights @ (1 - (vectors @ common) ** 2))
    length = max(float(np.linalg.norm(mean - shared) / alone), LEAST_WEIGHT)
    return np.asarray(shared + (mean - shared) * length**-CLEARER, dtype=np.float32)


def own_parts(vectors: Vectors, common: Vectors | None) -> Vectors:
    """The unit vectors of what faces do not share with all others.  vectors, returns: (N, D)."""
    if common is None:
        return vectors
    rest = vectors - np.outer(vectors @ common, common)
    return np.asarray(rest / np.maximum(np.linalg.norm(rest, axis=1, keepdims=True), 1e-6), dtype=np.float32)


def pool_bits(codes: NDArray[np.uint8], qualities: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The weighted majority of packed bits: (N, B) -> (B,) uint8; ties go to the better photo."""
    weights = EVEN + qualities
    signs = np.unpackbits(codes, axis=1) * 2.0 - 1.0
    votes = weights @ signs + 1e-6 * signs[int(np.argmax(weights))]
    return np.packbits(votes > 0)


def bits_clarity(codes: NDArray[np.uint8]) -> float:
    """What the similarity with `pool_bits` is multiplied by, as `pool` shortens means of vectors."""
    mutual = np.mean([similarities(code, codes).mean() for code in codes])
    return float(max(mutual, LEAST_WEIGHT) ** ((1 - CLEARER) / 2))


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


def advise(vectors: Vectors, qualities: Vectors, common: Vectors | None = None) -> list[str]:
    """For each photo, why another one would serve better; "" where it is fine.

    A photo is compared with the template of the others, so that it cannot vouch for itself.
    """
    if len(vectors) == 1:
        return [
            "only photo: add two more" if qualities[0] >= LOW else "only photo, of low quality: replace it"
        ]
    words = []
    own = own_parts(vectors, common)
    for i in range(len(vectors)):
        others = np.arange(len(vectors)) != i
        agreement = float(own[i] @ _unit(pool(own[others], qualities[others])))
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
