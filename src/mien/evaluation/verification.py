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
from mien.evaluation.metrics.verification import (
    FAILED,
    FoldAccuracy,
    OperatingPoint,
    Scores,
    auc,
    eer,
    fold_accuracy,
    tmr_at_fmr,
)
from mien.evaluation.protocols.pairs import PairList

T = TypeVar("T")
Indices = NDArray[np.integer]
FMRS = (1e-2, 1e-3, 1e-4)
CHUNK = 65_536


@dataclass(frozen=True, slots=True)
class FailedPicture:
    """A picture without an embedding, and why."""

    picture: Path
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class VerificationReport:
    """What `mien evaluate verification` answers.

    failures: pictures without an embedding; each of their pairs is counted and decided "not the same".
    failed_pairs: how many pairs that concerns.
    seconds: wall time of embedding all pictures; images_per_second: pictures / seconds.
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
    failures: tuple[FailedPicture, ...]
    failed_pairs: int
    seconds: float

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
            "accuracy_std": self.accuracy.std,
            "accuracy_standard_error": self.accuracy.standard_error,
            "auc": self.auc,
            "eer": self.eer,
            "tmr_at_fmr": {_name(point.fmr): point.tmr for point in self.points},
            "threshold_at_fmr": {_name(point.fmr): point.threshold for point in self.points},
            "support_at_fmr": {_name(point.fmr): _support(point) for point in self.points},
            "folds": [_fold(self.accuracy, index) for index in range(len(self.accuracy.folds))],
            "folds_given": self.folds_given,
            "failures_to_acquire": len(self.failures),
            "failed_pairs": self.failed_pairs,
            "failures": [
                {"source": str(failed.picture), "code": failed.code, "message": failed.message}
                for failed in self.failures
            ],
            "seconds": self.seconds,
            "images_per_second": self.images_per_second,
        }


def evaluate_verification(
    pairs: PairList,
    embed: Callable[[Sequence[Path]], Iterable[T | MienError]],
    score: Callable[[Sequence[T], Indices, Indices], Scores],
    fmrs: Sequence[float] = FMRS,
) -> VerificationReport:
    """Embed every picture once, score every pair, and measure.

    embed: yields, for each path in order, what ``score`` compares, or the error that stopped it.
    score: (things, first, second) -> (K,) similarities of things[first[k]] and things[second[k]];
        `cosine_scores` for embeddings, `one_by_one` for any function of two things.
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
    return VerificationReport(
        pairs=len(pairs),
        genuine=len(genuine),
        impostors=len(impostor),
        images=len(pairs.pictures),
        folds_given=pairs.folds_given,
        accuracy=fold_accuracy(scores, pairs.same, pairs.fold),
        auc=auc(genuine, impostor),
        eer=eer(genuine, impostor),
        points=tuple(tmr_at_fmr(genuine, impostor, fmr) for fmr in fmrs),
        failures=tuple(
            FailedPicture(picture, outcome.to_dict()["code"], str(outcome))
            for picture, outcome in zip(pairs.pictures, outcomes, strict=True)
            if isinstance(outcome, MienError)
        ),
        failed_pairs=int(np.isneginf(scores).sum()),
        seconds=seconds,
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


def _name(fmr: float) -> str:
    """Name a rate as the contract does.

    >>> _name(1e-4), _name(2.5e-3)
    ('1e-4', '2.5e-3')
    """
    digits, exponent = f"{fmr:.6e}".split("e")
    return f"{float(digits):g}e{int(exponent)}"


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
