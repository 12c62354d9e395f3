"""Error rates of a 1:N search (ISO/IEC 19795-1; NIST FRTE 1:N), as pure functions of similarity scores.

- a mated search is for somebody who is enrolled, a non-mated one for a stranger;
- FNIR: share of mated searches that do not return the mate among the first R candidates at or above the
  threshold; FPIR: share of non-mated searches that return anybody at or above it;
- a search with a picture in which no face was found has scores of -inf: it is counted, and returns nobody.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mien.core.errors import InputError
from mien.evaluation.metrics.verification import Scores, checked_scores

NEVER = np.iinfo(np.int64).max
"""Rank of a mate that no list of candidates can hold."""


class Mates(NamedTuple):
    """What mated searches found.

    score: (P,) similarity of the mate, -inf where there is none.
    rank: (P,) place of the mate among all people, 1 is first; `NEVER` where there is none.
    """

    score: Scores
    rank: NDArray[np.int64]


def find_mates(scores: NDArray[np.floating], mate: NDArray[np.integer]) -> Mates:
    """Rank the mate of every search; people who score the same as the mate stand before them.

    scores: (P, N) similarity of each search with each of N enrolled people.
    mate: (P,) column of the mate; -1 where the person is not in the gallery though they should be.

    >>> find_mates(np.array([[0.9, 0.2], [0.4, 0.4]]), np.array([0, 1])).rank.tolist()
    [1, 2]
    """
    if scores.ndim != 2 or mate.shape != scores.shape[:1] or (mate >= scores.shape[1]).any():
        raise InputError(
            f"scores {scores.shape} and mates {mate.shape} do not belong together: give one mate a row"
        )
    rows = np.arange(len(mate))
    own = np.where(mate >= 0, scores[rows, mate], -np.inf).astype(np.float64)
    others = scores.astype(np.float64)
    others[rows[mate >= 0], mate[mate >= 0]] = -np.inf
    rank = 1 + (others >= own[:, None]).sum(axis=1).astype(np.int64)
    return Mates(own, np.where(np.isfinite(own), rank, NEVER))


def best_scores(scores: NDArray[np.floating]) -> Scores:
    """The best similarity of every search: (P,) out of (P, N)."""
    best: Scores = np.asarray(scores, np.float64).max(axis=1)
    return best


def cmc(rank: NDArray[np.integer], most: int) -> Scores:
    """Compute the share of searches whose mate stands among the first 1, 2 … ``most`` candidates.

    >>> cmc(np.array([1, 1, 3, 2]), 3).tolist()
    [0.5, 0.75, 1.0]
    """
    if len(rank) == 0 or most < 1:
        raise InputError("a CMC needs at least one search and one rank: give some")
    counts = np.bincount(np.minimum(rank, most + 1), minlength=most + 2)[1 : most + 1]
    return np.asarray(np.cumsum(counts) / len(rank))


def missed(mates: Mates, threshold: ArrayLike, rank: int = 1) -> NDArray[np.bool_]:
    """Which mated searches fail at ``threshold`` (one for all, or one each): the errors behind FNIR."""
    return np.asarray((mates.score < np.asarray(threshold)) | (mates.rank > rank))


class OpenSetCurve(NamedTuple):
    """FNIR against FPIR at every threshold that makes a difference, thresholds ascending.    (K,) each."""

    thresholds: Scores
    fpir: Scores
    fnir: Scores


def open_set_curve(mates: Mates, strangers: ArrayLike, rank: int = 1) -> OpenSetCurve:
    """Trade strangers who are given a name against known people who are not found.

    strangers: (S,) best score of every non-mated search.
    """
    others = checked_scores(strangers, "strangers'")
    # A mate beyond the wanted rank is missed at any threshold.
    counted = np.where(mates.rank <= rank, mates.score, -np.inf)
    thresholds = np.unique(np.concatenate([[-np.inf], others, counted, [np.inf]]))
    fpir = 1 - np.searchsorted(np.sort(others), thresholds, side="left") / len(others)
    fnir = np.searchsorted(np.sort(counted), thresholds, side="left") / len(counted)
    lost = float(np.mean(np.isneginf(counted)))
    return OpenSetCurve(thresholds, fpir, np.maximum(fnir, lost))
