"""What a change of the network costs: the same pairs scored by both, and the difference with an interval."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError, ThinData
from mien.evaluation.metrics.intervals import Interval, subject_bootstrap
from mien.evaluation.metrics.verification import auc, eer, tmr_at_fmr
from mien.evaluation.own import folder_of_people
from mien.evaluation.protocols.pairs import PairList

MOST_IMPOSTORS = 200_000  # more do not narrow the interval, because the people repeat
DEFAULT_FMR = 1e-3
Row = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """Pairs of pictures to score.

    pictures: P paths.    a, b: (N,) rows of ``pictures``.    same: (N,) bool.    person: (P,) who is shown.
    """

    pictures: tuple[Path, ...]
    a: NDArray[np.int64]
    b: NDArray[np.int64]
    same: NDArray[np.bool_]
    person: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.same)


@dataclass(frozen=True, slots=True)
class Accuracy:
    """One network on one trial; tmr at the trial's FMR."""

    tmr: float
    eer: float
    auc: float


@dataclass(frozen=True, slots=True)
class AccuracyChange:
    """lost: TMR before less TMR after, as a share; negative where the new network is better.

    interval: 95 %, by drawing people with replacement, of the paired difference.
    """

    before: Accuracy
    after: Accuracy
    lost: float
    interval: Interval
    fmr: float
    genuine: int
    impostors: int

    @property
    def measure(self) -> str:
        return f"TMR at FMR {self.fmr:g}"

    def rows(self) -> list[Row]:
        """Measure, before, after, change."""
        low, high = (100 * end for end in self.interval)
        before, after = self.before, self.after
        return [
            (
                self.measure,
                f"{100 * before.tmr:.2f} %",
                f"{100 * after.tmr:.2f} %",
                f"{-100 * self.lost:+.2f} points ({-high:+.2f} … {-low:+.2f})",
            ),
            (
                "EER",
                f"{100 * before.eer:.2f} %",
                f"{100 * after.eer:.2f} %",
                f"{100 * (after.eer - before.eer):+.2f} points",
            ),
            ("AUC", f"{before.auc:.5f}", f"{after.auc:.5f}", ""),
        ]

    def to_dict(self) -> dict[str, Any]:
        sides = {"before": self.before, "after": self.after}
        return {
            "fmr": self.fmr,
            **{name: {"tmr": s.tmr, "eer": s.eer, "auc": s.auc} for name, s in sides.items()},
            "tmr_lost": self.lost,
            "tmr_lost_low": self.interval.low,
            "tmr_lost_high": self.interval.high,
            "genuine": self.genuine,
            "impostors": self.impostors,
        }


def trial_of_people(root: Path, calibrate: float = 0.0, seed: int = 0) -> tuple[Trial, tuple[Path, ...]]:
    """Every pair of a folder of people, and the pictures of those kept out of it for calibration.

    calibrate: share of the people kept out, at least one; 0 keeps none out.
    """
    people = folder_of_people(root)
    names = list(people)
    count = min(max(1, round(calibrate * len(names))), len(names) - 2) if calibrate else 0
    if count < 0:
        raise ThinData(f"{root} has {len(names)} people, too few to keep one for calibration: add some")
    out = {names[i] for i in np.random.default_rng(seed).permutation(len(names))[:count]}
    listed = [(path, number) for number, name in enumerate(names) if name not in out for path in people[name]]
    person = np.array([number for _, number in listed], np.int64)
    a, b = np.triu_indices(len(person), 1)
    trial = Trial(tuple(path for path, _ in listed), a, b, person[a] == person[b], person)
    return _thinned(trial), tuple(path for name in names if name in out for path in people[name])


def trial_of_pairs(pairs: PairList) -> Trial:
    """A list of pairs; a person is the folder that a picture lies in."""
    person = np.unique([str(path.parent) for path in pairs.pictures], return_inverse=True)[1]
    return Trial(
        pairs.pictures,
        pairs.a.astype(np.int64),
        pairs.b.astype(np.int64),
        pairs.same,
        person.astype(np.int64),
    )


def _thinned(trial: Trial) -> Trial:
    strangers = np.flatnonzero(~trial.same)
    if len(strangers) <= MOST_IMPOSTORS:
        return trial
    drawn = np.random.default_rng(0).choice(strangers, MOST_IMPOSTORS, replace=False)
    kept = np.sort(np.concatenate([np.flatnonzero(trial.same), drawn]))
    return Trial(trial.pictures, trial.a[kept], trial.b[kept], trial.same[kept], trial.person)


def compare_accuracy(
    trial: Trial,
    picture: NDArray[np.int64],
    before: NDArray[np.float32],
    after: NDArray[np.float32],
    fmr: float = DEFAULT_FMR,
    *,
    rounds: int = 200,
) -> AccuracyChange:
    """Score the trial's pairs with two sets of embeddings.

    picture: (K,) which of the trial's pictures each embedding is of; a pair without both is left out for both
        networks alike, since the crops are cut before either sees them.
    before, after: (K, D) and (K, D') unit rows.
    raises: `ThinData` where the pairs are too few for ``fmr``.
    """
    place = np.full(len(trial.pictures), -1)
    place[picture] = np.arange(len(picture))
    usable = (place[trial.a] >= 0) & (place[trial.b] >= 0)
    a, b, same = place[trial.a[usable]], place[trial.b[usable]], trial.same[usable]
    genuine, impostors = int(same.sum()), int((~same).sum())
    check_support(genuine, impostors, fmr)
    scores = [np.einsum("ij,ij->i", rows[a], rows[b]).astype(np.float64) for rows in (before, after)]
    people = np.stack([trial.person[trial.a[usable]], trial.person[trial.b[usable]]], axis=1)
    first, second = (_measure(one, same, fmr) for one in scores)
    interval = subject_bootstrap(
        _paired_loss(scores, fmr), np.arange(len(same), dtype=np.float64), same, people, rounds=rounds
    )
    return AccuracyChange(first, second, first.tmr - second.tmr, interval, fmr, genuine, impostors)


def check_support(genuine: int, impostors: int, fmr: float) -> None:
    """Raise `ThinData` where so many pairs cannot measure a TMR at ``fmr``."""
    if not 0 < fmr <= 1:
        raise InputError(f"an FMR is a share above 0 and up to 1, not {fmr}: ask for 1e-3, for instance")
    if genuine == 0 or impostors * fmr * (1 + 1e-12) < 1:
        raise ThinData(
            f"{genuine} pairs of one person and {impostors} of two cannot measure a TMR at FMR {fmr:g}: give "
            f"{1 / fmr:,.0f} pairs of strangers or more, or a higher --fmr"
        )


def _measure(scores: NDArray[np.float64], same: NDArray[np.bool_], fmr: float) -> Accuracy:
    genuine, impostor = scores[same], scores[~same]
    return Accuracy(tmr_at_fmr(genuine, impostor, fmr).tmr, eer(genuine, impostor), auc(genuine, impostor))


def _paired_loss(
    scores: Sequence[NDArray[np.float64]], fmr: float
) -> Callable[[NDArray[np.float64], NDArray[np.bool_]], float]:
    """A statistic of row numbers, so that both networks are measured on the people that were drawn."""

    def loss(rows: NDArray[np.float64], same: NDArray[np.bool_]) -> float:
        chosen = rows.astype(np.int64)
        first, second = (tmr_at_fmr(one[chosen][same], one[chosen][~same], fmr).tmr for one in scores)
        return first - second

    return loss
