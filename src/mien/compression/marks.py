"""How well a model answers about faces whose truth is known, and what compressing it changes.

Every face gets a mark from each network, on the same crop; the difference of the marks' means is what was
lost, and its interval comes from drawing people (or pictures) with replacement.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.attributes.network import AttributeNetwork, LivenessNetwork, Said
from mien.compression.accuracy import Row
from mien.compression.crops import Crops
from mien.compression.faces import Faces
from mien.core.errors import InputError, ModelError
from mien.core.protocols import Network
from mien.core.types import AlignedFace
from mien.evaluation.attributes import right_answers
from mien.evaluation.landmarks import in_scheme
from mien.evaluation.metrics.intervals import Interval
from mien.evaluation.metrics.landmarks import point_errors
from mien.evaluation.metrics.person_bootstrap import mean_interval
from mien.geometry.schemes import Scheme
from mien.landmarks.points import PointNetwork

BATCH = 32

# (N,) a mark of each of N faces, whose mean is the measure.
Marker = Callable[[Network, Sequence[AlignedFace]], NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class MarkChange:
    """A share before and after.    higher: whether more of it is better.

    lost: by how much it is worse after; interval: 95 % of that, by drawing people.
    """

    measure: str
    higher: bool
    before: float
    after: float
    interval: Interval
    faces: int

    @property
    def lost(self) -> float:
        return self.before - self.after if self.higher else self.after - self.before

    def rows(self) -> list[Row]:
        """Measure, before, after, change."""
        low, high = sorted(100 * end * (-1 if self.higher else 1) for end in self.interval)
        change = 100 * (self.after - self.before)
        before, after = (f"{100 * side:.2f} %" for side in (self.before, self.after))
        return [(self.measure, before, after, f"{change:+.2f} points ({low:+.2f} … {high:+.2f})")]

    def to_dict(self) -> dict[str, Any]:
        return {
            "measure": self.measure,
            "higher_is_better": self.higher,
            "before": self.before,
            "after": self.after,
            "lost": self.lost,
            "lost_low": self.interval.low,
            "lost_high": self.interval.high,
            "faces": self.faces,
        }


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """What two networks are asked: the same faces, and how each answer is marked.

    people: (N,) who each face is, or a number of its own where nobody knows.
    notebook: remembers which engine is fastest here.
    """

    faces: Faces
    people: NDArray[np.int64]
    marker: Marker
    measure: str
    higher: bool
    notebook: Path | None = None

    @property
    def crops(self) -> Crops:
        return self.faces.crops

    def change(self, before: Network, after: Network) -> MarkChange:
        first, second = (self.marker(network, self.faces.aligned) for network in (before, after))
        worse = first - second if self.higher else second - first
        interval = mean_interval(worse, self.people)
        means = float(first.mean()), float(second.mean())
        return MarkChange(self.measure, self.higher, *means, interval, len(worse))


def label_marker(column: str, finding: str, truth: Sequence[str]) -> Marker:
    """1 where the likeliest label is the true one (a number of years where the labels are bands), else 0.

    finding: of a face report: age, sex, expression, or attributes.NAME.    truth: of each face.
    """

    def marks(network: Network, faces: Sequence[AlignedFace]) -> NDArray[np.float64]:
        asked = AttributeNetwork(network)
        said = [one for batch in _batches(faces) for one in asked.say(batch)]
        answers = [_answer(one, finding) for one in said]
        return right_answers(column, truth, answers).astype(np.float64)

    return marks


def liveness_marker(alive: NDArray[np.bool_]) -> Marker:
    """1 for each wrong verdict at the card's threshold, so weighted that the mean is the ACER.

    alive: (N,) whether the face is no attack. ACER: the mean of the shares of attacks taken for alive and of
    living faces refused (ISO/IEC 30107-3, 2017).
    raises: InputError where there is only one kind; the marker `ModelError` for a card without a threshold.
    """
    if alive.all() or not alive.any():
        raise InputError("the list has living faces alone, or attacks alone: give both")
    weight = np.where(alive, len(alive) / (2 * alive.sum()), len(alive) / (2 * (~alive).sum()))

    def marks(network: Network, faces: Sequence[AlignedFace]) -> NDArray[np.float64]:
        if network.card.threshold is None:
            raise ModelError(
                f"the card of {network.card.name} has no threshold to judge by: add one, as `mien train` does"
            )
        asked = LivenessNetwork(network)
        said = [one["liveness"].score for batch in _batches(faces) for one in asked.say(batch)]
        wrong: NDArray[np.bool_] = (np.array(said) >= network.card.threshold) != alive
        marked: NDArray[np.float64] = weight * wrong
        return marked

    return marks


def point_marker(scheme: Scheme, truth: NDArray[np.float64]) -> Marker:
    """Mean distance from the true points, in distances of the outer eye corners (NME).

    truth: (N, K, 2) pixels of the pictures.
    """
    judged = sorted(scheme.mesh468)
    left, right = (truth[:, corner] for corner in scheme.eye_corners)

    def marks(network: Network, faces: Sequence[AlignedFace]) -> NDArray[np.float64]:
        asked = PointNetwork(network)
        told = np.stack([in_scheme(asked.locate(face, 1.0), scheme) for face in faces])
        errors = point_errors(told[:, judged], truth[:, judged], np.linalg.norm(left - right, axis=1))
        means: NDArray[np.float64] = errors.mean(axis=1)
        return means

    return marks


def _batches(faces: Sequence[AlignedFace]) -> list[Sequence[AlignedFace]]:
    return [faces[start : start + BATCH] for start in range(0, len(faces), BATCH)]


def _answer(said: Said, finding: str) -> str:
    """The likeliest label of what a model says, or the years."""
    field, _, question = finding.partition(".")
    value = said.get(field)
    if question and value is not None:
        value = value.get(question)
    if value is None:
        known = [name for name in said if name != "attributes"]
        known += [f"attributes.{name}" for name in said.get("attributes", {})]
        raise InputError(f"the model says nothing on {finding!r}: name one of {', '.join(known)}")
    if not isinstance(value, dict):
        return str(value.years)
    return str(max(value, key=lambda label: value[label]))
