"""Are two pictures the same person? A matcher measured on a list of pairs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError, MienError
from mien.core.types import Embedding
from mien.evaluation.failures import FailedPicture, failed_pictures
from mien.evaluation.metrics.intervals import Interval, clopper_pearson
from mien.evaluation.metrics.verification import (
    FAILED,
    FoldAccuracy,
    OperatingPoint,
    Scores,
    auc,
    eer,
    fold_accuracy,
    threshold_at_fmr,
    tmr_at_fmr,
)
from mien.evaluation.protocols.pairs import PairList
from mien.evaluation.wording import rate_name

T = TypeVar("T")
Indices = NDArray[np.integer]
FMRS = (1e-2, 1e-3, 1e-4)
CHUNK = 65_536


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What a matcher does on each fold at the threshold that keeps ``fmr`` on all the other folds.

    tmr, fmr_seen: over all folds together.    supported: whether the other folds have 1 / fmr impostor pairs.
    """

    fmr: float
    tmr: float
    tmr_interval: Interval
    fmr_seen: float
    fmr_interval: Interval
    supported: bool

    def to_dict(self) -> dict[str, Any]:
        return {
            "tmr": self.tmr,
            "tmr_low": self.tmr_interval.low,
            "tmr_high": self.tmr_interval.high,
            "fmr_seen": self.fmr_seen,
            "fmr_low": self.fmr_interval.low,
            "fmr_high": self.fmr_interval.high,
            "supported": self.supported,
        }


@dataclass(frozen=True, slots=True, eq=False)
class VerificationReport:
    """What `mien evaluate verification` answers.

    failures: pictures without an embedding; each of their pairs is counted and decided "not the same".
    failed_pairs: how many pairs that concerns.
    seconds: wall time of embedding all pictures; images_per_second: pictures / seconds.
    held_out: at the FMRs, by thresholds of the other folds.
    scores: (N,) of the pairs, `FAILED` where a picture failed; not part of the JSON.
    """

    pairs: int
    genuine: int
    impostors: int
    images: int
    folds_given: bool
    accuracy: FoldAccuracy
    auc: float
    eer: float
    points: tuple[OperatingPoint, ...]
    held_out: tuple[HeldOut, ...]
    failures: tuple[FailedPicture, ...]
    failed_pairs: int
    seconds: float
    scores: Scores

    @property
    def images_per_second(self) -> float:
        return self.images / max(self.seconds, 1e-9)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document; its keys are promised in docs/evaluation.md."""
        return {
            "pairs": self.pairs,
            "genuine": self.genuine,
            "impostors": self.impostors,
            "images": self.images,
            "accuracy": self.accuracy.mean,
            "accuracy_pairs": sum(fold.pairs for fold in self.accuracy.folds),
            "accuracy_std": self.accuracy.std,
            "accuracy_standard_error": self.accuracy.standard_error,
            "auc": self.auc,
            "eer": self.eer,
            "tmr_at_fmr": {rate_name(point.fmr): point.tmr for point in self.points},
            "threshold_at_fmr": {rate_name(point.fmr): point.threshold for point in self.points},
            "support_at_fmr": {rate_name(point.fmr): _support(point) for point in self.points},
            "held_out_at_fmr": {rate_name(point.fmr): point.to_dict() for point in self.held_out},
            "folds": [_fold(self.accuracy, index) for index in range(len(self.accuracy.folds))],
            "folds_given": self.folds_given,
            "failures_to_acquire": len(self.failures),
            "failed_pairs": self.failed_pairs,
            "failures": [failed.to_dict() for failed in self.failures],
            "seconds": self.seconds,
            "images_per_second": self.images_per_second,
        }


def evaluate_verification(
    pairs: PairList,
    embed: Callable[[Sequence[Path]], Iterable[T | MienError]],
    score: Callable[[Sequence[T], Indices, Indices], Scores],
    fmrs: Sequence[float] = FMRS,
    balance: bool = False,
) -> VerificationReport:
    """Embed every picture once, score every pair, and measure.

    embed: yields, for each path in order, what ``score`` compares, or the error that stopped it.
    score: (things, first, second) -> (K,) similarities of things[first[k]] and things[second[k]];
        `cosine_scores` for embeddings, `one_by_one` for any function of two things.
    balance: take the accuracy over as many impostor as genuine pairs of each fold, drawn at random: where all
        pairs of a folder are listed, nearly all are impostors, and saying "no" would be nearly always right.
    """
    start = time.perf_counter()
    outcomes = list(embed(pairs.pictures))
    seconds = time.perf_counter() - start
    if len(outcomes) != len(pairs.pictures):
        raise InputError(
            f"the embedder answered {len(outcomes)} times for {len(pairs.pictures)} pictures: yield one each"
        )
    scores = score_pairs(pairs, outcomes, score)
    genuine, impostor = scores[pairs.same], scores[~pairs.same]
    counted = even(pairs) if balance else np.arange(len(pairs))
    return VerificationReport(
        pairs=len(pairs),
        genuine=len(genuine),
        impostors=len(impostor),
        images=len(pairs.pictures),
        folds_given=pairs.folds_given,
        accuracy=fold_accuracy(scores[counted], pairs.same[counted], pairs.fold[counted]),
        auc=auc(genuine, impostor),
        eer=eer(genuine, impostor),
        points=tuple(tmr_at_fmr(genuine, impostor, fmr) for fmr in fmrs),
        held_out=tuple(hold_out(scores, pairs, fmr) for fmr in fmrs),
        failures=failed_pictures(pairs.pictures, outcomes),
        failed_pairs=int(np.isneginf(scores).sum()),
        seconds=seconds,
        scores=scores,
    )


def score_pairs(
    pairs: PairList,
    outcomes: Sequence[T | MienError],
    score: Callable[[Sequence[T], Indices, Indices], Scores],
) -> Scores:
    """Score every pair; (N,) float64 with `FAILED` where either picture failed."""
    good = [outcome for outcome in outcomes if not isinstance(outcome, MienError)]
    worked = np.array([not isinstance(outcome, MienError) for outcome in outcomes], np.bool_)
    place = np.cumsum(worked) - 1
    scores = np.full(len(pairs), FAILED)
    usable = np.flatnonzero(worked[pairs.a] & worked[pairs.b])
    for start in range(0, len(usable), CHUNK):
        rows = usable[start : start + CHUNK]
        scores[rows] = score(good, place[pairs.a[rows]], place[pairs.b[rows]])
    return scores


def even(pairs: PairList, seed: int = 0) -> NDArray[np.intp]:
    """Draw equally many genuine and impostor pairs out of every fold: their indices."""
    rng = np.random.default_rng(seed)
    kept = []
    for fold in np.unique(pairs.fold):
        kinds = [np.flatnonzero((pairs.fold == fold) & (pairs.same == same)) for same in (True, False)]
        size = min(map(len, kinds))
        kept += [rng.choice(kind, size, replace=False) for kind in kinds]
    return np.sort(np.concatenate(kept))


def hold_out(scores: Scores, pairs: PairList, fmr: float) -> HeldOut:
    """Judge every fold at the threshold of all the others."""
    found = false = 0
    supported = True
    for fold in np.unique(pairs.fold):
        here = pairs.fold == fold
        others = scores[~here & ~pairs.same]
        threshold = threshold_at_fmr(others, fmr)
        supported &= fmr * len(others) * (1 + 1e-12) >= 1
        found += int((scores[here & pairs.same] >= threshold).sum())
        false += int((scores[here & ~pairs.same] >= threshold).sum())
    genuine = int(pairs.same.sum())
    impostors = len(pairs) - genuine
    return HeldOut(
        fmr,
        found / genuine,
        clopper_pearson(found, genuine),
        false / impostors,
        clopper_pearson(false, impostors),
        bool(supported),
    )


def cosine_scores(embeddings: Sequence[Embedding], first: Indices, second: Indices) -> Scores:
    """Compare embeddings by the cosine, many pairs at a time."""
    models = sorted({embedding.model for embedding in embeddings})
    if len(models) > 1:
        raise InputError(f"embeddings of {' and '.join(models)} cannot be compared: make all with one model")
    vectors = np.stack([embedding.vector for embedding in embeddings]).astype(np.float64)
    return np.asarray(np.einsum("ij,ij->i", vectors[first], vectors[second]))


def one_by_one(similarity: Callable[[T, T], float]) -> Callable[[Sequence[T], Indices, Indices], Scores]:
    """Make a ``score`` out of a function of two things."""

    def score(things: Sequence[T], first: Indices, second: Indices) -> Scores:
        rows = zip(first, second, strict=True)
        return np.array([similarity(things[a], things[b]) for a, b in rows], np.float64)

    return score


def _support(point: OperatingPoint) -> dict[str, Any]:
    return {
        "supported": point.supported,
        "false_matches": point.false_matches,
        "impostors": point.impostors,
        "tmr_low": point.tmr_interval.low,
        "tmr_high": point.tmr_interval.high,
    }


def _fold(accuracy: FoldAccuracy, index: int) -> dict[str, Any]:
    fold = accuracy.folds[index]
    # An infinite threshold (nothing matches) is no JSON number.
    threshold = fold.threshold if np.isfinite(fold.threshold) else None
    return {"fold": fold.fold, "pairs": fold.pairs, "threshold": threshold, "accuracy": fold.accuracy}
