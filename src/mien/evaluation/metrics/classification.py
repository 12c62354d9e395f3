"""Right and wrong labels, and errors of a number such as an age."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mien.core.errors import InputError, ThinData

UNANSWERED = ""
"""What stands for an answer that was not given; it is never right."""


@dataclass(frozen=True, slots=True, eq=False)
class Confusion:
    """labels: C true labels.    counts: (C, C + 1): rows are true, columns said; the last is "no answer"
    (or a label that is no true one)."""

    labels: tuple[str, ...]
    counts: NDArray[np.int64]


def confusion(truth: Sequence[str], said: Sequence[str]) -> Confusion:
    """Count which label was said for which.

    >>> confusion(["a", "a", "b"], ["a", "b", ""]).counts.tolist()
    [[1, 1, 0], [0, 0, 1]]
    """
    if len(truth) != len(said):
        raise InputError(f"{len(truth)} labels and {len(said)} answers do not belong together: give one each")
    if not truth:
        raise ThinData("there is no labelled face: give some")
    labels = tuple(sorted(set(truth)))
    place = {label: number for number, label in enumerate(labels)}
    counts = np.zeros((len(labels), len(labels) + 1), np.int64)
    np.add.at(
        counts, ([place[label] for label in truth], [place.get(label, len(labels)) for label in said]), 1
    )
    return Confusion(labels, counts)


@dataclass(frozen=True, slots=True)
class LabelScore:
    """One label: how many faces have it, and precision, recall, F1 of finding it.

    precision: None where it was never said.
    """

    label: str
    faces: int
    said: int
    right: int

    @property
    def recall(self) -> float:
        return self.right / self.faces

    @property
    def precision(self) -> float | None:
        return self.right / self.said if self.said else None

    @property
    def f1(self) -> float:
        return 2 * self.right / (self.faces + self.said)


def label_scores(table: Confusion) -> tuple[LabelScore, ...]:
    """Score every label against the rest."""
    square = table.counts[:, :-1]
    rows, columns, right = table.counts.sum(axis=1), square.sum(axis=0), np.diagonal(square)
    return tuple(
        LabelScore(label, int(rows[i]), int(columns[i]), int(right[i]))
        for i, label in enumerate(table.labels)
    )


def accuracy(table: Confusion) -> float:
    """Share of faces with the right label; no answer is a wrong one."""
    return float(np.trace(table.counts[:, :-1]) / table.counts.sum())


def balanced_accuracy(table: Confusion) -> float:
    """Mean recall of the labels: each label weighs the same, however rare (Brodersen et al., ICPR 2010)."""
    return float(np.mean([score.recall for score in label_scores(table)]))


def macro_f1(table: Confusion) -> float:
    """Mean F1 of the labels."""
    return float(np.mean([score.f1 for score in label_scores(table)]))


@dataclass(frozen=True, slots=True)
class NumberScore:
    """Errors of a number: mean absolute error, root mean square, and mean (said less true)."""

    faces: int
    mae: float
    rmse: float
    bias: float


def number_score(truth: ArrayLike, said: ArrayLike) -> NumberScore:
    """Measure how far numbers are off.

    >>> number_score([20, 30], [25, 29])
    NumberScore(faces=2, mae=3.0, rmse=3.605551275463989, bias=2.0)
    """
    true, told = np.asarray(truth, np.float64), np.asarray(said, np.float64)
    if true.shape != told.shape or true.ndim != 1:
        raise InputError(
            f"{true.shape} numbers and {told.shape} answers do not belong together: give one each"
        )
    if len(true) == 0 or not (np.isfinite(true).all() and np.isfinite(told).all()):
        raise ThinData(
            "an error of numbers needs at least one face with both: leave out what was not answered"
        )
    off = told - true
    return NumberScore(
        len(true), float(np.abs(off).mean()), float(np.sqrt((off**2).mean())), float(off.mean())
    )
