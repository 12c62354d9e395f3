"""Pairs out of labelled faces: strangers, mates, and strangers who are probably mates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.calibration_data import CHILDREN, Faces

BLOCK = 512
FIRST_SHARE, SECOND_SHARE = 2e-4, 1e-3
"""Two FairFace photos of the same sex are taken for one person when they are among this share of the most
similar pairs for the first network, and among this share for the second (docs/calibration.md says why)."""

Keys = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """scores: (N,) float64.    people: (N, 2) int32 row numbers of the faces (or numbers of people).
    same: (N,) bool.    total: how many pairs there were, where only the most similar ones are held.
    """

    scores: NDArray[np.float64]
    people: NDArray[np.int32]
    same: NDArray[np.bool_]
    total: int


def adults(faces: Faces) -> NDArray[np.bool_]:
    return ~np.isin(faces.labels["age"], CHILDREN)


def blocks(
    faces: Faces, rows: NDArray[np.intp]
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]]:
    """Yield all pairs a < b of some rows: (a, b, similarity), a block of rows at a time."""
    vectors = faces.vectors[rows]
    for start in range(0, len(rows), BLOCK):
        matrix = vectors[start : start + BLOCK] @ vectors[start:].T
        first, second = np.triu_indices(matrix.shape[0], 1, matrix.shape[1])
        yield rows[start + first], rows[start + second], matrix[first, second]


def impostor_pairs(
    faces: Faces, alike: tuple[str, ...], *, children: bool = False, least: float = -np.inf
) -> Pairs:
    """Pair all faces that share the named labels; people are the faces' row numbers.

    least: hold only pairs of at least this similarity, and count the others.
    """
    chosen = adults(faces) != children
    columns = [faces.labels[name] for name in alike] or [np.full(len(faces), "")]
    keys = np.array(["/".join(values) for values in zip(*columns, strict=True)])
    scores, people, total = [], [], 0
    for key in np.unique(keys[chosen]):
        for a, b, similarity in blocks(faces, np.flatnonzero(chosen & (keys == key))):
            near = similarity >= least
            scores.append(similarity[near].astype(np.float64))
            people.append(np.stack([a[near], b[near]], axis=1).astype(np.int32))
            total += len(similarity)
    count = sum(map(len, scores))
    return Pairs(np.concatenate(scores), np.concatenate(people), np.zeros(count, np.bool_), total)


def pair_keys(people: NDArray[np.int32]) -> Keys:
    """One number a pair, whatever its order."""
    low, high = people.min(axis=1).astype(np.int64), people.max(axis=1).astype(np.int64)
    return low << 32 | high


def likely_mates(first: Faces, second: Faces) -> Keys:
    """Find pairs of the same sex that two networks take for one person; rows are those of ``first``."""
    place = {file: row for row, file in enumerate(second.labels["file"])}
    partner = np.array([place.get(file, -1) for file in first.labels["file"]])
    least_first, least_second = quantile(first, 1 - FIRST_SHARE), quantile(second, 1 - SECOND_SHARE)
    found = []
    for sex in np.unique(first.labels["gender"]):
        for a, b, similarity in blocks(first, np.flatnonzero(first.labels["gender"] == sex)):
            near = (similarity >= least_first) & (partner[a] >= 0) & (partner[b] >= 0)
            a, b = a[near], b[near]
            opinion = np.einsum("ij,ij->i", second.vectors[partner[a]], second.vectors[partner[b]])
            found.append(np.stack([a, b], axis=1)[opinion >= least_second])
    return pair_keys(np.concatenate(found).astype(np.int32))


def rows_in(other: Faces, faces: Faces, keys: Keys) -> Keys:
    """The same pairs of pictures by their rows in another set, as far as both are in it."""
    place = {file: row for row, file in enumerate(other.labels["file"])}
    moved = np.array([place.get(file, -1) for file in faces.labels["file"]], np.int32)
    people = np.stack([moved[keys >> 32], moved[keys & 0xFFFFFFFF]], axis=1)
    return pair_keys(people[(people >= 0).all(axis=1)])


def quantile(faces: Faces, share: float, pairs: int = 4_000_000) -> float:
    """Quantile of the similarity of random adults of the same sex."""
    rng = np.random.default_rng(0)
    sampled = []
    for sex in np.unique(faces.labels["gender"]):
        rows = np.flatnonzero(adults(faces) & (faces.labels["gender"] == sex))
        for _ in range(pairs // 200_000):
            a, b = rng.choice(rows, 100_000), rng.choice(rows, 100_000)
            similarity = np.einsum("ij,ij->i", faces.vectors[a], faces.vectors[b])
            sampled.append(similarity[a != b])
    return float(np.quantile(np.concatenate(sampled), share))


def without(pairs: Pairs, mates: Keys) -> Pairs:
    kept = ~np.isin(pair_keys(pairs.people), mates)
    removed = int((~kept).sum())
    return Pairs(pairs.scores[kept], pairs.people[kept], pairs.same[kept], pairs.total - removed)


def genuine_scores(london: Faces) -> NDArray[np.float64]:
    """Compare every neutral with every smiling picture of each person, all conditions with all."""
    person, smiling = london.labels["person"], london.labels["expression"] == "smiling"
    scores = [
        (london.vectors[(person == name) & ~smiling] @ london.vectors[(person == name) & smiling].T).ravel()
        for name in np.unique(person)
    ]
    return np.concatenate(scores).astype(np.float64)


def labelled_pairs(faces: Faces) -> Pairs:
    """All pairs of a set with known people."""
    _, person = np.unique(faces.labels["person"], return_inverse=True)
    parts = list(blocks(faces, np.arange(len(faces))))
    a, b, scores = (np.concatenate(column) for column in zip(*parts, strict=True))
    people = np.stack([person[a], person[b]], axis=1).astype(np.int32)
    return Pairs(scores.astype(np.float64), people, people[:, 0] == people[:, 1], len(scores))
