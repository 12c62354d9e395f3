"""Are age, sex, expression … said rightly? Answers against labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.attributes.bands import band
from mien.core.errors import InputError, ModelMissing, ThinData
from mien.core.report import FaceReport
from mien.evaluation.metrics.classification import (
    UNANSWERED,
    Confusion,
    LabelScore,
    NumberScore,
    accuracy,
    balanced_accuracy,
    confusion,
    label_scores,
    macro_f1,
    number_score,
)
from mien.evaluation.metrics.intervals import Interval, clopper_pearson
from mien.evaluation.metrics.person_bootstrap import mean_interval


@dataclass(frozen=True, slots=True, eq=False)
class LabelReport:
    """An attribute with labels.    unanswered: faces without an answer; they count as wrong."""

    column: str
    faces: int
    unanswered: int
    table: Confusion
    accuracy: float
    accuracy_interval: Interval
    balanced_accuracy: float
    macro_f1: float
    labels: tuple[LabelScore, ...]

    def to_dict(self) -> dict[str, Any]:
        return {
            "kind": "label",
            "faces": self.faces,
            "unanswered": self.unanswered,
            "accuracy": self.accuracy,
            "accuracy_low": self.accuracy_interval.low,
            "accuracy_high": self.accuracy_interval.high,
            "balanced_accuracy": self.balanced_accuracy,
            "macro_f1": self.macro_f1,
            "labels": {
                one.label: {
                    "faces": one.faces,
                    "precision": one.precision,
                    "recall": one.recall,
                    "f1": one.f1,
                }
                for one in self.labels
            },
            "confusion": {
                "labels": [*self.table.labels, "other"],
                "counts": self.table.counts.tolist(),
            },
        }


@dataclass(frozen=True, slots=True, eq=False)
class NumberReport:
    """An attribute that is a number.    unanswered: faces without an answer; no error counts them."""

    column: str
    faces: int
    unanswered: int
    score: NumberScore
    mae_interval: Interval
    errors: tuple[float, ...]

    def to_dict(self) -> dict[str, Any]:
        return {
            "kind": "number",
            "faces": self.faces,
            "unanswered": self.unanswered,
            "mae": self.score.mae,
            "mae_low": self.mae_interval.low,
            "mae_high": self.mae_interval.high,
            "rmse": self.score.rmse,
            "bias": self.score.bias,
        }


def evaluate_attribute(
    column: str, truth: Mapping[str, str], said: Mapping[str, str]
) -> LabelReport | NumberReport:
    """Compare what was said about each picture with its label.

    truth: picture -> label or number.    said: picture -> the same; a picture may be missing or empty.
    Labels are compared without regard to case. Where the labels are bands ("20-29", "more than 70") and the
    answers numbers, each number counts as the band that it falls into.
    raises: ThinData without labelled pictures.
    """
    names = [name for name in truth if truth[name]]
    if not names:
        raise ThinData(f"no picture has a label under {column!r}: fill the column, or name another")
    labels = [truth[name] for name in names]
    answers = [said.get(name, UNANSWERED) for name in names]
    if all(_is_number(label) for label in labels):
        return _numbers(column, labels, answers)
    return _labels(column, labels, _as_labels(labels, answers))


def right_answers(column: str, labels: Sequence[str], answers: Sequence[str]) -> NDArray[np.bool_]:
    """Face by face, whether the answer is the label: the trials whose mean is a `LabelReport`'s accuracy.

    raises: InputError for labels that are numbers, of which none is simply right.
    """
    if all(_is_number(label) for label in labels):
        raise InputError(f"{column} is a number, which is never simply right: write bands such as 20-29")
    pairs = zip(labels, _as_labels(labels, answers), strict=True)
    return np.array([label.casefold() == answer.casefold() for label, answer in pairs], np.bool_)


def answer_of(face: FaceReport, finding: str) -> str:
    """What mien says about a face, as a label or a number.

    finding: of a `FaceReport`, or "attributes.NAME" for a question of a user's own model.
    raises: ModelMissing where this version has no model for it.
    """
    field, _, question = finding.partition(".")
    if field in face.notes:
        raise ModelMissing(
            f"mien cannot say {finding}: {face.notes[field]}; give --models with one that does, or "
            "--predictions with another program's answers"
        )
    value = face.to_dict().get(field)
    if question:
        value = _question(value or {}, question)
    if value is None:
        return UNANSWERED
    if not isinstance(value, dict):
        return str(value)
    if "years" in value:
        return str(value["years"])
    return str(max(value, key=lambda label: value[label]))


def _question(said: Mapping[str, Any], question: str) -> Any:
    if question not in said:
        raise InputError(f"the model answers no {question!r}: choose out of {', '.join(said) or 'nothing'}")
    return said[question]


def _labels(column: str, labels: Sequence[str], answers: Sequence[str]) -> LabelReport:
    shown = {label.casefold(): label for label in sorted(labels, reverse=True)}
    table = confusion(
        [shown[label.casefold()] for label in labels],
        [shown.get(answer.casefold(), answer) for answer in answers],
    )
    right = int(np.trace(table.counts[:, :-1]))
    return LabelReport(
        column,
        len(labels),
        sum(answer == UNANSWERED for answer in answers),
        table,
        accuracy(table),
        clopper_pearson(right, len(labels)),
        balanced_accuracy(table),
        macro_f1(table),
        label_scores(table),
    )


def _numbers(column: str, labels: Sequence[str], answers: Sequence[str]) -> NumberReport:
    wrong = [answer for answer in answers if answer != UNANSWERED and not _is_number(answer)]
    if wrong:
        raise InputError(f"{column} is a number in the labels and {wrong[0]!r} in the answers: write numbers")
    pairs = [(float(a), float(b)) for a, b in zip(labels, answers, strict=True) if b != UNANSWERED]
    if not pairs:
        raise ThinData(
            f"no picture has both a label and an answer for {column}: check the file names of both"
        )
    true, told = zip(*pairs, strict=True)
    off = np.subtract(told, true)
    return NumberReport(
        column,
        len(labels),
        len(labels) - len(pairs),
        number_score(true, told),
        mean_interval(np.abs(off), np.arange(len(off))),
        tuple(off.tolist()),
    )


def _as_labels(labels: Sequence[str], answers: Sequence[str]) -> list[str]:
    """The answers, numbers among them as the bands that they fall into where the labels are bands."""
    bands = {label: band(label) for label in set(labels)}
    return [_in_band(answer, bands) for answer in answers] if all(bands.values()) else list(answers)


def _is_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False


def _in_band(answer: str, bands: Mapping[str, tuple[float, float] | None]) -> str:
    if not _is_number(answer):
        return answer
    for label, ends in bands.items():
        if ends is not None and ends[0] <= float(answer) < ends[1]:
            return label
    return answer
