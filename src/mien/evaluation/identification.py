"""Who is it, out of a gallery? An open-set search, with thresholds from strangers that it does not score."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import expm1, log1p
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError, MienError
from mien.core.types import Embedding
from mien.embedding.calibration import Calibration
from mien.embedding.mean_face import common_direction
from mien.embedding.quality import quality_of
from mien.evaluation.failures import FailedPicture, failed_pictures
from mien.evaluation.metrics.identification import (
    Mates,
    OpenSetCurve,
    best_scores,
    cmc,
    find_mates,
    missed,
    open_set_curve,
)
from mien.evaluation.metrics.intervals import Interval
from mien.evaluation.metrics.person_bootstrap import rate_interval
from mien.evaluation.metrics.verification import Scores, threshold_at_fmr
from mien.evaluation.protocols.people import SearchList, identity_folds
from mien.evaluation.wording import rate_name
from mien.gallery.templates import pool

FPIRS = (0.1, 0.01, 0.003)
RANKS = (1, 5, 10, 20)
LONGEST = 50
ANY_QUALITY = 0.6  # where a network does not tell; all photos of a person then weigh the same


@dataclass(frozen=True, slots=True)
class SearchPoint:
    """What a search does at one rate of strangers who are given a name.

    fpir: the target.    thresholds: one a fold, set on the strangers of all other folds.
    fpir_seen, fnir: measured at those thresholds on the fold's own strangers and probes.
    supported: whether the strangers that set each threshold are at least 1 / fpir.
    """

    fpir: float
    thresholds: tuple[float, ...]
    fpir_seen: float
    fpir_interval: Interval
    fnir: float
    fnir_interval: Interval
    supported: bool

    def to_dict(self) -> dict[str, Any]:
        return {
            "fnir": self.fnir,
            "fnir_low": self.fnir_interval.low,
            "fnir_high": self.fnir_interval.high,
            "fpir_seen": self.fpir_seen,
            "fpir_low": self.fpir_interval.low,
            "fpir_high": self.fpir_interval.high,
            "thresholds": [value if np.isfinite(value) else None for value in self.thresholds],
            "supported": self.supported,
        }


@dataclass(frozen=True, slots=True, eq=False)
class IdentificationReport:
    """What `mien evaluate identification` answers.

    cmc: (K,) share of probes whose person is among the first 1, 2 … K candidates.
    rank_intervals: of the shares at `RANKS`.
    points: at `FPIRS`.    promised: the same at the thresholds that the calibration promises, as
        `mien identify` uses them; empty where the model has none.
    """

    people: int
    not_enrolled: int
    probes: int
    strangers: int
    stranger_people: int
    enrol: int
    folds: int
    cmc: Scores
    rank_intervals: tuple[Interval, ...]
    points: tuple[SearchPoint, ...]
    promised: tuple[SearchPoint, ...]
    curve: OpenSetCurve
    failures: tuple[FailedPicture, ...]
    images: int
    seconds: float

    def rank(self, k: int) -> float:
        return float(self.cmc[min(k, len(self.cmc)) - 1])

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document; its keys are promised in docs/evaluation.md."""
        return {
            "people": self.people,
            "failures_to_enrol": self.not_enrolled,
            "probes": self.probes,
            "strangers": self.strangers,
            "stranger_people": self.stranger_people,
            "enrolled_pictures": self.enrol,
            "folds": self.folds,
            "rank": {
                str(k): {"share": self.rank(k), "low": interval.low, "high": interval.high}
                for k, interval in zip(RANKS, self.rank_intervals, strict=True)
            },
            "cmc": self.cmc.tolist(),
            "fnir_at_fpir": {rate_name(point.fpir): point.to_dict() for point in self.points},
            "promised_at_fpir": {rate_name(point.fpir): point.to_dict() for point in self.promised},
            "images": self.images,
            "failures_to_acquire": len(self.failures),
            "failures": [failed.to_dict() for failed in self.failures],
            "seconds": self.seconds,
            "images_per_second": self.images / max(self.seconds, 1e-9),
        }


def evaluate_identification(
    listed: SearchList,
    embed: Callable[[Sequence[Path]], Iterable[Embedding | MienError]],
    *,
    folds: int = 2,
    seed: int = 0,
    calibration: Calibration | None = None,
) -> IdentificationReport:
    """Enrol, search, and measure; enrolled people and strangers are dealt into ``folds`` by person.

    calibration: whose promise is checked too (`SearchPoint` at the product's own thresholds).
    A picture without a face counts: a probe of it is missed, a stranger of it is refused, and a person whose
    pictures all fail is not enrolled, so that all their probes are missed.
    """
    start = time.perf_counter()
    outcomes = list(embed(listed.pictures))
    seconds = time.perf_counter() - start
    if len(outcomes) != len(listed.pictures):
        raise InputError(
            f"the embedder answered {len(outcomes)} times for {len(listed.pictures)} pictures: yield one each"
        )
    enrolled = sum(len(paths) for paths in listed.gallery)
    columns, templates = _enrol(listed, outcomes[:enrolled])
    searches = enrolled + len(listed.probes)
    mates = find_mates(_search(outcomes[enrolled:searches], templates), columns[listed.mate])
    strangers = best_scores(_search(outcomes[searches:], templates))
    people_fold = identity_folds(len(listed.people), folds, seed)
    stranger_fold = identity_folds(int(listed.stranger.max()) + 1, folds, seed)
    judge = _Judge(listed, mates, strangers, people_fold[listed.mate], stranger_fold[listed.stranger])
    return IdentificationReport(
        people=len(listed.people),
        not_enrolled=int((columns < 0).sum()),
        probes=len(listed.probes),
        strangers=len(listed.strangers),
        stranger_people=len(np.unique(listed.stranger)),
        enrol=max(len(paths) for paths in listed.gallery),
        folds=folds,
        cmc=cmc(mates.rank, min(LONGEST, len(listed.people))),
        rank_intervals=tuple(rate_interval(mates.rank <= k, listed.mate) for k in RANKS),
        points=tuple(judge.held_out(fpir) for fpir in FPIRS),
        promised=_promised(judge, calibration, len(templates)),
        curve=open_set_curve(mates, strangers),
        failures=failed_pictures(listed.pictures, outcomes),
        images=len(listed.pictures),
        seconds=seconds,
    )


def _enrol(
    listed: SearchList, outcomes: Sequence[Embedding | MienError]
) -> tuple[NDArray[np.int64], list[NDArray[np.float32]]]:
    """One template a person, pooled as a gallery pools their photos.

    returns: (N,) the column of each person, -1 where nothing could be enrolled; the templates.
    """
    columns, at = np.full(len(listed.people), -1, np.int64), 0
    templates: list[NDArray[np.float32]] = []
    for number, paths in enumerate(listed.gallery):
        good = [one for one in outcomes[at : at + len(paths)] if isinstance(one, Embedding)]
        at += len(paths)
        if good:
            columns[number] = len(templates)
            templates.append(_template(good))
    if not templates:
        raise InputError("nobody could be enrolled: no picture of the gallery shows a face that can be used")
    return columns, templates


def _template(photos: Sequence[Embedding]) -> NDArray[np.float32]:
    qualities = [quality_of(photo) or ANY_QUALITY for photo in photos]
    common = common_direction(photos[0].model)
    return pool(np.stack([photo.vector for photo in photos]), np.array(qualities, np.float32), common)


def _search(outcomes: Sequence[Embedding | MienError], templates: Sequence[NDArray[np.float32]]) -> Scores:
    """(P, N) similarities, -inf in the row of a picture that failed."""
    gallery = np.stack(templates)
    scores = np.full((len(outcomes), len(gallery)), -np.inf)
    rows = [i for i, one in enumerate(outcomes) if isinstance(one, Embedding)]
    vectors = [one.vector for one in outcomes if isinstance(one, Embedding)]
    if vectors:
        scores[rows] = np.stack(vectors) @ gallery.T
    return scores


@dataclass(frozen=True, slots=True, eq=False)
class _Judge:
    listed: SearchList
    mates: Mates
    strangers: Scores
    probe_fold: NDArray[np.int32]
    stranger_fold: NDArray[np.int32]

    def held_out(self, fpir: float) -> SearchPoint:
        """Score each fold at the threshold that keeps ``fpir`` on the strangers of the others."""
        folds = range(int(self.stranger_fold.max()) + 1)
        others = [self.strangers[self.stranger_fold != fold] for fold in folds]
        thresholds = [threshold_at_fmr(scores, fpir) for scores in others]
        supported = min(map(len, others)) * fpir * (1 + 1e-12) >= 1
        return self.point(fpir, thresholds, supported)

    def point(self, fpir: float, thresholds: Sequence[float], supported: bool) -> SearchPoint:
        each = np.array(thresholds)
        misses = missed(self.mates, each[self.probe_fold])
        alarms = self.strangers >= each[self.stranger_fold]
        return SearchPoint(
            fpir=fpir,
            thresholds=tuple(thresholds),
            fpir_seen=float(alarms.mean()),
            fpir_interval=rate_interval(alarms, self.listed.stranger),
            fnir=float(misses.mean()),
            fnir_interval=rate_interval(misses, self.listed.mate),
            supported=supported,
        )


def _promised(judge: _Judge, calibration: Calibration | None, people: int) -> tuple[SearchPoint, ...]:
    """The thresholds of `mien.pipeline.identify.operating_point`, from a calibration made on other people."""
    if calibration is None:
        return ()
    folds = int(judge.stranger_fold.max()) + 1
    points = []
    for fpir in FPIRS:
        fmr = -expm1(log1p(-fpir) / people)
        threshold = calibration.threshold(fmr, extrapolate=True)
        points.append(judge.point(fpir, [threshold] * folds, fmr >= calibration.smallest_fmr * (1 - 1e-9)))
    return tuple(points)
