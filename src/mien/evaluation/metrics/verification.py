"""Error rates of a 1:1 comparison, as pure functions of similarity scores.

Conventions (ISO/IEC 19795-1):
- higher is more similar; two pictures match when ``score >= threshold``;
- FMR: share of impostor pairs (different people) that match; FNMR: share of genuine pairs that do not;
  TMR = 1 - FNMR;
- a pair with a picture in which no face was found has the score ``FAILED`` (-inf): it is counted, and it
  matches at no finite threshold. A failed genuine pair is thus an error, a failed impostor pair a correct no.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mien.core.errors import InputError, ThinData
from mien.evaluation.metrics.intervals import Interval, clopper_pearson

Scores = NDArray[np.float64]
FAILED = -np.inf
"""Score of a pair that could not be compared."""


class DetCurve(NamedTuple):
    """Error rates at every threshold that makes a difference, thresholds ascending from -inf to +inf.

    thresholds, fmr, fnmr: (K,) float64.
    """

    thresholds: Scores
    fmr: Scores
    fnmr: Scores


def det_curve(genuine: ArrayLike, impostor: ArrayLike) -> DetCurve:
    """Trade false matches against false non-matches.

    >>> det_curve([0.9, 0.5], [0.6, 0.1]).fmr
    array([1. , 1. , 0.5, 0.5, 0. , 0. ])
    """
    mates, others = checked_scores(genuine, "genuine"), checked_scores(impostor, "impostor")
    thresholds = np.unique(np.concatenate([[-np.inf], mates, others, [np.inf]]))
    fnmr = np.searchsorted(np.sort(mates), thresholds, side="left") / len(mates)
    fmr = 1 - np.searchsorted(np.sort(others), thresholds, side="left") / len(others)
    return DetCurve(thresholds, fmr, fnmr)


def auc(genuine: ArrayLike, impostor: ArrayLike) -> float:
    """Compute the chance that a genuine pair scores above an impostor pair; ties count half.

    This is the area under the ROC curve (Mann-Whitney U / (m n)).

    >>> auc([0.9, 0.5], [0.6, 0.1])
    0.75
    """
    mates, others = checked_scores(genuine, "genuine"), np.sort(checked_scores(impostor, "impostor"))
    below = np.searchsorted(others, mates, side="left")
    not_above = np.searchsorted(others, mates, side="right")
    return float((below + not_above).sum() / (2 * len(mates) * len(others)))


def eer(genuine: ArrayLike, impostor: ArrayLike) -> float:
    """Find the rate at which FMR equals FNMR, on the straight line between the two nearest thresholds.

    >>> eer([0.9, 0.5], [0.6, 0.1])
    0.5
    """
    curve = det_curve(genuine, impostor)
    gap = curve.fmr - curve.fnmr
    after = int(np.argmax(gap <= 0))
    before = after - 1
    share = gap[before] / (gap[before] - gap[after])
    return float(curve.fmr[before] + share * (curve.fmr[after] - curve.fmr[before]))


def fmr_at(impostor: ArrayLike, threshold: float) -> float:
    """Measure the share of impostor pairs that match at ``threshold``."""
    return float(np.mean(checked_scores(impostor, "impostor") >= threshold))


def threshold_at_fmr(impostor: ArrayLike, fmr: float) -> float:
    """Find the smallest threshold whose FMR is at most ``fmr``.

    With n impostor pairs at most ``k = floor(fmr * n)`` of them may match, so the threshold is the next float
    above the (k+1)-th largest impostor score; ties with that score are refused together with it.

    >>> threshold_at_fmr([0.1, 0.2, 0.3, 0.4], 0.25) > 0.3
    True
    """
    if not 0 <= fmr <= 1:
        raise InputError(f"an FMR is a share between 0 and 1, not {fmr}: ask for 1e-4, for instance")
    others = checked_scores(impostor, "impostor")
    # fmr * n can land a rounding error below the whole number that is meant (1e-3 * 3000).
    allowed = int(np.floor(fmr * len(others) * (1 + 1e-12)))
    if allowed >= len(others):
        # Not -inf: at that threshold the failed pairs would match too.
        return float(np.finfo(np.float64).min)
    first_refused = np.partition(others, len(others) - 1 - allowed)[len(others) - 1 - allowed]
    return float(np.nextafter(first_refused, np.inf))


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """What a matcher does at the threshold of one target FMR.

    fmr: the target.    threshold: smallest that keeps it.    false_matches: impostor pairs at or above it.
    tmr_interval: Clopper-Pearson, 95 %, as if the pairs were independent.
    supported: False when fewer than 1/FMR impostor pairs were seen; the TMR is then that of the threshold
        just above the best impostor, and says nothing about the target.
    """

    fmr: float
    threshold: float
    tmr: float
    tmr_interval: Interval
    false_matches: int
    impostors: int
    supported: bool


def tmr_at_fmr(genuine: ArrayLike, impostor: ArrayLike, fmr: float) -> OperatingPoint:
    """Measure the share of genuine pairs that match where at most ``fmr`` of the impostor pairs do."""
    mates, others = checked_scores(genuine, "genuine"), checked_scores(impostor, "impostor")
    threshold = threshold_at_fmr(others, fmr)
    matched = int(np.sum(mates >= threshold))
    return OperatingPoint(
        fmr=fmr,
        threshold=threshold,
        tmr=matched / len(mates),
        tmr_interval=clopper_pearson(matched, len(mates)),
        false_matches=int(np.sum(others >= threshold)),
        impostors=len(others),
        supported=fmr * len(others) * (1 + 1e-12) >= 1,
    )


def best_threshold(scores: ArrayLike, same: ArrayLike) -> float:
    """Find the threshold that decides most pairs rightly.

    scores: (N,).    same: (N,) bool.
    Candidates lie half-way between neighbouring finite scores; besides, the smallest finite score (all pairs
    match) and +inf (none does). Of several equally good ones the middle is taken, the lower of two.

    >>> best_threshold([0.1, 0.4, 0.6, 0.9], [False, False, True, True])
    0.5
    """
    values, mates = checked_pairs(scores, same)
    order = np.argsort(-values, kind="stable")
    values, mates = values[order], mates[order]
    # right[i]: pairs decided rightly when the first i pairs match.
    right = np.concatenate([[0], np.cumsum(mates)]) + np.concatenate([np.cumsum(~mates[::-1])[::-1], [0]])
    distinct = np.append(values[:-1] != values[1:], True) & np.isfinite(values)
    candidates = np.concatenate([[0], np.flatnonzero(distinct) + 1])
    best = candidates[right[candidates] == right[candidates].max()]
    # Thresholds descend with the number of matches, so the lower of the middle two is the later one.
    matches = int(best[len(best) // 2])
    if matches == 0:
        return float("inf")
    below = values[matches] if matches < len(values) else -np.inf
    return float((values[matches - 1] + below) / 2 if np.isfinite(below) else values[matches - 1])


@dataclass(frozen=True, slots=True)
class FoldResult:
    """One held-out fold: the threshold the other folds chose and the accuracy it gave here."""

    fold: int
    pairs: int
    threshold: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class FoldAccuracy:
    """Accuracy over held-out folds.

    mean: average over folds.    std: sample standard deviation over folds (n - 1).
    standard_error: std / sqrt(folds), the "S_E" that the LFW report asks for.
    """

    mean: float
    std: float
    standard_error: float
    folds: tuple[FoldResult, ...]


def fold_accuracy(scores: ArrayLike, same: ArrayLike, fold: ArrayLike) -> FoldAccuracy:
    """Decide each fold by the best threshold of all the others: the protocol of LFW.

    scores: (N,).    same: (N,) bool.    fold: (N,) whole numbers, any labels.
    Huang, Ramesh, Berg & Learned-Miller, UMass Amherst TR 07-49 (2007), section V.
    """
    values, mates = checked_pairs(scores, same)
    labels = np.asarray(fold)
    if labels.shape != values.shape:
        raise InputError(f"{len(values)} scores need as many fold labels, not {labels.shape}")
    names = np.unique(labels)
    if len(names) < 2:
        raise ThinData(
            "accuracy by folds needs at least two folds: add a fold column or use an LFW pair list"
        )
    results = tuple(_hold_out(values, mates, labels, name) for name in names)
    accuracies = np.array([result.accuracy for result in results])
    std = float(accuracies.std(ddof=1))
    return FoldAccuracy(float(accuracies.mean()), std, std / float(np.sqrt(len(names))), results)


def _hold_out(values: Scores, mates: NDArray[np.bool_], labels: NDArray[np.int64], name: int) -> FoldResult:
    here = labels == name
    threshold = best_threshold(values[~here], mates[~here])
    right = (values[here] >= threshold) == mates[here]
    return FoldResult(int(name), int(here.sum()), threshold, float(right.mean()))


def checked_scores(scores: ArrayLike, kind: str) -> Scores:
    """Return scores as (N,) float64, N >= 1, without NaN; ``kind`` names them in the error."""
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 1:
        raise InputError(f"{kind} scores must be a list of numbers, not an array of shape {values.shape}")
    if len(values) == 0:
        raise ThinData(f"there is no {kind} pair: add some to the list")
    if np.isnan(values).any():
        raise InputError(f"{kind} scores hold NaN: give a pair that could not be compared the score -inf")
    return values


def checked_pairs(scores: ArrayLike, same: ArrayLike) -> tuple[Scores, NDArray[np.bool_]]:
    """Return (N,) float64 scores and (N,) bool labels, checked to belong together."""
    values, mates = checked_scores(scores, "listed"), np.asarray(same)
    if mates.shape != values.shape or mates.dtype != np.bool_:
        raise InputError(
            f"{len(values)} scores need as many true/false labels, not {mates.shape} {mates.dtype}"
        )
    return values, mates
