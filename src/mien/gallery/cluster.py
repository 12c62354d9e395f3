"""Group faces by person: join the two groups that "one person" explains best, until none is.

Two groups are compared by the likelihood ratio of a Gaussian model of identity (PLDA with spherical
covariances: Ioffe, "Probabilistic linear discriminant analysis", ECCV 2006). A face is ``x = a z + e``: its
person's own direction ``z ~ N(0, I / d)``, seen as clearly as its quality ``a`` says, and noise ``e ~ N(0,
(1 - a^2) I / d)``. With ``S = sum a / (1 - a^2) x`` and ``W = sum a^2 / (1 - a^2)`` over a group, the
logarithm of its likelihood is ``d / 2 (S.S / (1 + W) - log(1 + W))`` up to a term that every grouping shares.
So a blurred face weighs little, ten photos say more than one, and a group is its ``S`` and ``W``: memory is
O(N D). All pairs that are each other's best join at once; which is what one join at a time gave, too, in
every collection that was measured (docs/gallery.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int64]
Pairs = NDArray[np.int64]
Floats = NDArray[np.float32]
_BLOCK = 512
_NEVER = np.float32(-np.inf)
# No face is so clear that it settles everything, and none so blurred that it says nothing.
CLEAREST, DIMMEST, UNKNOWN = 0.92, 0.17, 0.6
SURE = 0.5  # in one round only joins with this share of the evidence of the surest


class Strangers(NamedTuple):
    """Mean and standard deviation of the similarity of two people's faces."""

    mean: float
    spread: float


class Demand(NamedTuple):
    """The evidence that a join must have, in nats: more among many groups, where more strangers look alike,
    and less the more photos a person seems to have."""

    alone: float = 6.0
    among: float = 0.6
    company: float = 2.5
    least: float = 1.0

    def of(self, groups: int, faces: int) -> float:
        """Among so many groups of so many faces."""
        wanted = self.alone + self.among * log(groups) - self.company * log(faces / groups)
        return max(wanted, self.least)


# Chosen on wild40, celeba10k and mixtures; what choosing on half of the people costs on the other half stands
# in docs/gallery.md.
DEMAND = Demand()


@dataclass(frozen=True, slots=True)
class _Groups:
    """sums: (G, D) of the weighted faces.    weight: (G,) their information W.

    length: (G,) sums of the faces' weights.    known: (G,) people who are known, of whom no two are joined.
    """

    sums: Floats
    weight: Floats
    length: Floats
    known: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.weight)

    def part(self, rows: Labels) -> _Groups:
        return _Groups(self.sums[rows], self.weight[rows], self.length[rows], self.known[rows])

    def joined(self, labels: Labels) -> _Groups:
        """labels: (G,) the new group of each, 0, 1, ... without gaps."""
        order = np.argsort(labels, kind="stable")
        starts = np.searchsorted(labels[order], np.arange(int(labels.max()) + 1))
        sums, weight, length = (
            np.add.reduceat(part[order], starts, axis=0) for part in (self.sums, self.weight, self.length)
        )
        return _Groups(sums, weight, length, np.logical_or.reduceat(self.known[order], starts))


def cluster(
    vectors: Floats,
    strangers: Strangers,
    qualities: NDArray[np.floating] | None = None,
    photos: Sequence[object] | None = None,
    people: Labels | None = None,
    apart: Iterable[tuple[int, int]] = (),
    demand: Demand = DEMAND,
) -> Labels:
    """Label faces by person: 0, 1, ... in order of first appearance.

    vectors: (N, D) unit length.
    qualities: (N,) 0..1, the cosine that each face may be expected to have with its person's own direction.
    photos: (N,) where each face comes from; two faces of one photo are never one person.
    people: (N,) who is known: faces of one number >= 0 are one person, of two numbers are two; -1 is unknown.
    apart: pairs of rows that are different people.
    """
    count = len(vectors)
    if count == 0:
        return np.zeros(0, dtype=np.int64)
    clear = np.full(count, UNKNOWN) if qualities is None else np.clip(qualities, DIMMEST, CLEAREST)
    weight = (clear / (1 - clear**2)).astype(np.float32)
    faces = _Groups(
        vectors * weight[:, None], weight * clear.astype(np.float32), weight, np.zeros(count, bool)
    )
    labels, known = _start(count, people)
    groups = faces.joined(labels)
    groups = _Groups(groups.sums, groups.weight, groups.length, known)
    rows = np.array(list(apart), dtype=np.int64).reshape(-1, 2)
    never = rows if photos is None else np.concatenate([rows, _photo_pairs(photos)])
    labels = _agglomerate(groups, labels, never, strangers, demand)
    if people is not None:
        labels = _return_to_looks(faces, labels, people, never, strangers, demand)
    return _in_order(labels)


def evidence(
    weight: NDArray[np.floating], square: NDArray[np.floating], strangers: Strangers
) -> NDArray[np.floating]:
    """Log-likelihood of groups as one person each, in nats.  weight: W.    square: S.S of the centred faces.

    The dimension is the one in which directions of strangers scatter as these embeddings do.
    """
    half = 0.5 * ((1 - strangers.mean) / strangers.spread) ** 2
    return np.asarray(half * (square / (1 + weight) - np.log1p(weight)))


def _agglomerate(
    groups: _Groups, labels: Labels, never: Pairs, strangers: Strangers, demand: Demand
) -> Labels:
    # best: the group that each would rather join, or -1 where it must be looked for
    best = np.full(len(groups), -1, dtype=np.int64)
    score = np.full(len(groups), _NEVER, dtype=np.float32)
    while True:
        _find_best(groups, best, score, _lift(never, labels), strangers)
        each = np.arange(len(groups))
        enough = max(demand.of(len(groups), len(labels)), SURE * float(score.max()))
        mutual = (best[best] == each) & (each < best) & (score >= enough)
        if not mutual.any():
            return labels
        target = each.copy()
        target[best[mutual]] = each[mutual]
        touched = mutual | (target != each)
        kept, renamed = np.unique(target, return_inverse=True)
        labels, groups = renamed[labels], groups.joined(renamed)
        best, score = np.where(touched[best] | touched, -1, renamed[best])[kept], score[kept]


def _find_best(groups: _Groups, best: Labels, score: Floats, never: Pairs, strangers: Strangers) -> None:
    """Fill in what is unknown in ``best``, and let every other group see the new ones."""
    settled, stale = best >= 0, np.flatnonzero(best < 0)
    for start in range(0, len(stale), _BLOCK):
        rows = stale[start : start + _BLOCK]
        scores = _gains(groups.part(rows), groups, strangers)
        _forbid(scores, rows, groups.known, never)
        best[rows] = scores.argmax(axis=1)
        score[rows] = scores[np.arange(len(rows)), best[rows]]
        column = scores.argmax(axis=0)
        value = scores[column, np.arange(len(best))]
        better = settled & (value > score)
        best[better], score[better] = rows[column[better]], value[better]


def _gains(a: _Groups, b: _Groups, strangers: Strangers) -> NDArray[np.floating]:
    """(A, B): the evidence that a group of ``a`` and one of ``b`` are one person."""
    own, other = (_centred((part.sums**2).sum(axis=1), part.length**2, strangers) for part in (a, b))
    across = _centred(a.sums @ b.sums.T, a.length[:, None] * b.length, strangers)
    together = evidence(a.weight[:, None] + b.weight, own[:, None] + other + 2 * across, strangers)
    apart = evidence(a.weight, own, strangers)[:, None] + evidence(b.weight, other, strangers)
    return np.asarray(together - apart)


def _return_to_looks(
    faces: _Groups, labels: Labels, people: Labels, never: Pairs, strangers: Strangers, demand: Demand
) -> Labels:
    """Give groups of nobody known to somebody known one of whose looks they share, surest first.

    People whom a user merged may look two ways (a beard, ten years), and a group that is like one of the two
    is unlike both taken together.
    """
    looks, owners = _looks(faces, labels, people, strangers, demand)
    strange = np.setdiff1d(labels, labels[people >= 0])
    if not len(owners) or not len(strange):
        return labels
    place = np.searchsorted(strange, labels)
    mine = np.flatnonzero(np.isin(labels, strange))
    gains = _gains(faces.part(mine).joined(place[mine]), looks, strangers)
    enough = demand.of(int(labels.max()) + 1, len(labels))
    labels = labels.copy()
    for row, column in np.argwhere(gains >= enough)[np.argsort(-gains[gains >= enough], kind="stable")]:
        group, owner = strange[row], owners[column]
        first, second = labels[never[:, 0]], labels[never[:, 1]]
        barred = ((first == group) & (second == owner)) | ((first == owner) & (second == group))
        if not barred.any():
            labels[labels == group] = owner
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)


def _looks(
    faces: _Groups, labels: Labels, people: Labels, strangers: Strangers, demand: Demand
) -> tuple[_Groups, Labels]:
    """The groups that the faces of each known person fall into, where there are several, and whose."""
    nobody = np.empty((0, 2), dtype=np.int64)
    parts: list[_Groups] = []
    owners: list[int] = []
    for person in np.unique(people[people >= 0]):
        mine = faces.part(np.flatnonzero(people == person))
        if len(mine) < 2:
            continue
        own = _agglomerate(mine, np.arange(len(mine)), nobody, strangers, demand)
        if own.max() > 0:
            parts.append(mine.joined(own))
            owners += [int(labels[np.flatnonzero(people == person)[0]])] * (int(own.max()) + 1)
    if not parts:
        return faces.part(np.empty(0, np.int64)), np.empty(0, np.int64)
    columns = zip(*((part.sums, part.weight, part.length, part.known) for part in parts), strict=True)
    return _Groups(*map(np.concatenate, columns)), np.array(owners)


def _centred(
    products: NDArray[np.floating], lengths: NDArray[np.floating], strangers: Strangers
) -> NDArray[np.floating]:
    """Inner products without what all faces have in common, so that strangers' are 0 on average."""
    return np.asarray((products - strangers.mean * lengths) / (1 - strangers.mean))


def _forbid(scores: NDArray[np.floating], rows: Labels, known: NDArray[np.bool_], never: Pairs) -> None:
    """No group joins itself, no known person another one, nobody across ``never``."""
    scores[np.arange(len(rows)), rows] = _NEVER
    scores[np.ix_(known[rows], known)] = _NEVER
    place = np.full(len(known), -1, dtype=np.int64)
    place[rows] = np.arange(len(rows))
    here = place[never[:, 0]] >= 0
    scores[place[never[here, 0]], never[here, 1]] = _NEVER


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


def _lift(never: Pairs, labels: Labels) -> Pairs:
    """Pairs of rows as pairs of groups, both ways round."""
    groups = np.unique(labels[never].reshape(-1, 2), axis=0)
    return np.concatenate([groups, groups[:, ::-1]])


def _in_order(labels: Labels) -> Labels:
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]
