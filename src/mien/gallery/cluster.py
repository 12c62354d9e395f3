"""Group faces by person: exact average linkage under constraints, then a second look at the small groups.

Average linkage (UPGMA) resists the chains that make DBSCAN join look-alikes. For unit vectors the mean
similarity of two groups is the dot product of their mean vectors, so no N x N matrix is kept: memory is
O(N D). All mutual nearest neighbours merge at once, which gives the same tree as one merge at a time because
the linkage is reducible (Murtagh 1983); it stays so under "never join" constraints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int64]
Pairs = NDArray[np.int64]
_BLOCK = 1024
_NEVER = np.float32(-2)
# Groups up to this size may join a larger one, if no other group comes within the margin.
SMALL = 3
MARGIN = 0.05
# Strangers that one face may expect to meet above the linking threshold, and the false joins of small groups
# that are expected, as a share of all faces (chosen on wild40 and celeba10k; docs/gallery.md).
STRANGERS, FALSE_JOINS = 0.5, 0.01
STRICTEST, LOOSEST = 1e-6, 3e-3

ThresholdAt = Callable[[float], float]


def cluster(
    vectors: NDArray[np.float32],
    threshold_at: ThresholdAt,
    photos: Sequence[object] | None = None,
    people: Labels | None = None,
    apart: Iterable[tuple[int, int]] = (),
) -> Labels:
    """Label faces by person: 0, 1, ... in order of first appearance.

    vectors: (N, D) unit length.
    threshold_at: the cosine at a false match rate; the rates follow from the number of faces, because the
        more strangers there are the more of them look alike.
    photos: (N,) where each face comes from; two faces of one photo are never one person.
    people: (N,) who is known: faces of one number >= 0 are one person, of two numbers are two; -1 is unknown.
    apart: pairs of rows that are different people.
    """
    count = len(vectors)
    if count == 0:
        return np.zeros(0, dtype=np.int64)
    labels, fixed = _start(count, people)
    rows = np.array(list(apart), dtype=np.int64).reshape(-1, 2)
    never = rows if photos is None else np.concatenate([rows, _photo_pairs(photos)])
    link = threshold_at(float(np.clip(STRANGERS / count, STRICTEST, LOOSEST)))
    labels, fixed = _link(vectors, labels, fixed, never, link)
    return _in_order(_attach(vectors, labels, fixed, never, threshold_at))


def _start(count: int, people: Labels | None) -> tuple[Labels, NDArray[np.bool_]]:
    """One group a face, or a known person; and which groups are known people."""
    if people is None:
        return np.arange(count), np.zeros(count, dtype=bool)
    keys = np.where(people >= 0, people, people.max(initial=0) + 1 + np.arange(count))
    unique, labels = np.unique(keys, return_inverse=True)
    return labels.astype(np.int64), unique <= people.max(initial=-1)


def _photo_pairs(photos: Sequence[object]) -> Pairs:
    by_photo: dict[object, list[int]] = {}
    for row, photo in enumerate(photos):
        by_photo.setdefault(photo, []).append(row)
    pairs = [(a, b) for rows in by_photo.values() for i, a in enumerate(rows) for b in rows[i + 1 :]]
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def _link(
    vectors: NDArray[np.float32], labels: Labels, fixed: NDArray[np.bool_], never: Pairs, threshold: float
) -> tuple[Labels, NDArray[np.bool_]]:
    means = _means(vectors, labels)
    # best: nearest group, or -1 where it must be looked for again
    best = np.full(len(means), -1, dtype=np.int64)
    score = np.full(len(means), _NEVER, dtype=np.float32)
    while True:
        stale = np.flatnonzero(best < 0)
        best[stale], score[stale] = _nearest(means, stale, fixed, _lift(never, labels))
        groups = np.arange(len(means))
        mutual = (best[best] == groups) & (score >= threshold) & (groups < best)
        if not mutual.any():
            return labels, fixed
        target = groups.copy()
        target[best[mutual]] = groups[mutual]
        touched = mutual | (target != groups)
        kept, renamed = np.unique(target, return_inverse=True)
        labels, fixed = renamed[labels], np.bincount(renamed, weights=fixed) > 0
        means = _means(vectors, labels)
        # A group's nearest stays its nearest unless one of the two was merged: similarities never grow.
        best, score = np.where(touched[best] | touched, -1, renamed[best])[kept], score[kept]


def _attach(
    vectors: NDArray[np.float32],
    labels: Labels,
    fixed: NDArray[np.bool_],
    never: Pairs,
    threshold_at: ThresholdAt,
) -> Labels:
    """Let small groups join the one group they clearly belong to, surest first, until none does."""
    while True:
        sizes = np.bincount(labels)
        small = np.flatnonzero((sizes <= SMALL) & ~fixed)
        if len(sizes) < 2 or not len(small):
            return labels
        rate = FALSE_JOINS * len(vectors) / (len(small) * len(sizes))
        threshold = threshold_at(float(np.clip(rate, STRICTEST, LOOSEST)))
        templates = _means(vectors, labels)
        templates /= np.maximum(np.linalg.norm(templates, axis=1, keepdims=True), 1e-12)
        blocked = _lift(never, labels)
        joins: list[tuple[float, int, int]] = []
        for start in range(0, len(small), _BLOCK):
            rows = small[start : start + _BLOCK]
            scores = _masked(templates, rows, np.zeros(len(sizes), dtype=bool), blocked)
            # Only equal or larger groups take others in; known people always do.
            scores[(sizes < sizes[rows, None]) & ~fixed] = _NEVER
            joins += _clear_winners(scores, rows, threshold)
        if not joins:
            return labels
        labels, fixed = _join(labels, fixed, joins)


def _clear_winners(
    scores: NDArray[np.float32], rows: NDArray[np.int64], threshold: float
) -> list[tuple[float, int, int]]:
    """(similarity, group, where it belongs) of those whose best is good enough and unrivalled."""
    every = np.arange(len(rows))
    into = scores.argmax(axis=1)
    best = scores[every, into]
    scores[every, into] = _NEVER
    sure = (best >= threshold) & (best - scores.max(axis=1) >= MARGIN)
    return [(float(best[i]), int(rows[i]), int(into[i])) for i in np.flatnonzero(sure)]


def _join(
    labels: Labels, fixed: NDArray[np.bool_], joins: list[tuple[float, int, int]]
) -> tuple[Labels, NDArray[np.bool_]]:
    """Carry out the surest joins; a group takes part in one join a round, so that constraints hold."""
    target, busy = np.arange(len(fixed)), np.zeros(len(fixed), dtype=bool)
    for _, source, into in sorted(joins, reverse=True):
        if not busy[source] and not busy[into]:
            target[source], busy[source], busy[into] = into, True, True
    kept, renamed = np.unique(target, return_inverse=True)
    return renamed[labels], fixed[kept]


def _nearest(
    means: NDArray[np.float32], rows: NDArray[np.int64], fixed: NDArray[np.bool_], never: Pairs
) -> tuple[Labels, NDArray[np.float32]]:
    best = np.empty(len(rows), dtype=np.int64)
    score = np.empty(len(rows), dtype=np.float32)
    for start in range(0, len(rows), _BLOCK):
        part = slice(start, start + _BLOCK)
        scores = _masked(means, rows[part], fixed, never)
        best[part] = scores.argmax(axis=1)
        score[part] = scores[np.arange(len(scores)), best[part]]
    return best, score


def _masked(
    means: NDArray[np.float32], rows: NDArray[np.int64], fixed: NDArray[np.bool_], never: Pairs
) -> NDArray[np.float32]:
    """Similarities of these groups with all; -2 with themselves, between known people, across ``never``."""
    scores: NDArray[np.float32] = means[rows] @ means.T
    scores[np.arange(len(rows)), rows] = _NEVER
    scores[np.ix_(fixed[rows], fixed)] = _NEVER
    place = np.full(len(means), -1, dtype=np.int64)
    place[rows] = np.arange(len(rows))
    here = place[never[:, 0]] >= 0
    scores[place[never[here, 0]], never[here, 1]] = _NEVER
    return scores


def _lift(never: Pairs, labels: Labels) -> Pairs:
    """Pairs of rows as pairs of groups, both ways round."""
    groups = np.unique(labels[never].reshape(-1, 2), axis=0)
    return np.concatenate([groups, groups[:, ::-1]])


def _means(vectors: NDArray[np.float32], labels: Labels) -> NDArray[np.float32]:
    order = np.argsort(labels, kind="stable")
    starts = np.searchsorted(labels[order], np.arange(int(labels.max()) + 1))
    sums = np.add.reduceat(vectors[order], starts, axis=0)
    return np.asarray(sums / np.bincount(labels)[:, None], dtype=np.float32)


def _in_order(labels: Labels) -> Labels:
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]
