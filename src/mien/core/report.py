"""What `mien` answers: frozen results that know how to become JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import MienError
from mien.core.types import Age, Detection, Embedding, HeadPose, Landmarks, Liveness

Json = dict[str, Any]

FINDINGS = (
    "box",
    "keypoints",
    "landmarks",
    "pose",
    "age",
    "sex",
    "expression",
    "quality",
    "liveness",
    "attributes",
    "embedding",
)


def rounded(values: NDArray[np.floating], digits: int = 2) -> Any:
    """Nested lists of an array, short enough to read."""
    return np.round(np.asarray(values, np.float64), digits).tolist()


@dataclass(frozen=True, slots=True, eq=False)
class FaceReport:
    """Everything found about one face; a finding that was not asked for is None and absent from the JSON.

    asked: names out of `FINDINGS`.
    sex, expression: label -> probability.    attributes: question -> label -> probability, for all other
        questions that a model of the user's answers.
    notes: finding -> why it could not be said, or only in part.
    """

    detection: Detection
    asked: frozenset[str]
    landmarks: Landmarks | None = None
    pose: HeadPose | None = None
    age: Age | None = None
    sex: Mapping[str, float] | None = None
    expression: Mapping[str, float] | None = None
    liveness: Liveness | None = None
    attributes: Mapping[str, Mapping[str, float]] | None = None
    embedding: Embedding | None = None
    notes: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> Json:
        said: Json = {}
        if "box" in self.asked:
            said["box"] = rounded(np.asarray(self.detection.box))
            said["score"] = round(self.detection.score, 4)
        if "keypoints" in self.asked:
            said["keypoints"] = rounded(self.detection.keypoints)
        for name, value in self._findings().items():
            if name in self.asked:
                said[name] = value
        if self.notes:
            said["notes"] = dict(self.notes)
        return said

    def shown(self, asked: frozenset[str]) -> FaceReport:
        """The same findings, of which the JSON shows only these."""
        return replace(self, asked=asked)

    def _findings(self) -> Json:
        return {
            "landmarks": _landmarks_json(self.landmarks),
            "pose": _pose_json(self.pose),
            "age": _age_json(self.age),
            "sex": _chances_json(self.sex),
            "expression": _chances_json(self.expression),
            "quality": None,
            "liveness": _liveness_json(self.liveness),
            "attributes": _attributes_json(self.attributes),
            "embedding": None if self.embedding is None else rounded(self.embedding.vector, 6),
        }


def _landmarks_json(landmarks: Landmarks | None) -> Json | None:
    if landmarks is None:
        return None
    said: Json = {
        "scheme": landmarks.scheme,
        "points": rounded(landmarks.points),
        "presence": round(landmarks.presence, 4),
    }
    if landmarks.irises is not None:
        said["irises"] = rounded(landmarks.irises)
    return said


def _pose_json(pose: HeadPose | None) -> Json | None:
    if pose is None:
        return None
    return {"yaw": round(pose.yaw, 4), "pitch": round(pose.pitch, 4), "roll": round(pose.roll, 4)}


def _age_json(age: Age | None) -> Json | None:
    if age is None:
        return None
    return {"years": round(age.years, 1), "low": round(age.low, 2), "high": round(age.high, 2)}


def _chances_json(chances: Mapping[str, float] | None) -> Json | None:
    return None if chances is None else {label: round(chance, 4) for label, chance in chances.items()}


def _attributes_json(attributes: Mapping[str, Mapping[str, float]] | None) -> Json | None:
    if attributes is None:
        return None
    return {question: _chances_json(chances) for question, chances in attributes.items()}


def _liveness_json(liveness: Liveness | None) -> Json | None:
    if liveness is None:
        return None
    said = {"live": liveness.live, "score": round(liveness.score, 4)}
    return {**said, "evidence": list(liveness.evidence)}


@dataclass(frozen=True, slots=True, eq=False)
class PhotoReport:
    """The faces of one picture, or why it could not be read.

    width, height: pixels of the upright picture; 0 where it could not be read.
    """

    source: str
    width: int
    height: int
    faces: tuple[FaceReport, ...]
    error: MienError | None = None

    def to_dict(self) -> Json:
        return {
            "source": self.source,
            "width": self.width,
            "height": self.height,
            "faces": [face.to_dict() for face in self.faces],
            "error": None if self.error is None else self.error.to_dict(),
        }


@dataclass(frozen=True, slots=True, eq=False)
class Verification:
    """Whether two pictures show the same person.

    same: None where it could not be said (see ``error``).
    similarity: -1..1.
    fmr: the share of pairs of different people that score at least this similarity (docs/calibration.md).
    fmr_supported: False where ``fmr`` is only an upper bound, since no such strangers were ever measured.
    probability: that they are the same person, if that was as likely as not before looking.
    threshold: the similarity from which the answer is "same", at the rate that was asked for.
    """

    same: bool | None
    similarity: float | None
    probability: float | None
    fmr: float | None
    threshold: float | None
    a: FaceReport | None
    b: FaceReport | None
    error: MienError | None = None
    fmr_supported: bool | None = None

    def to_dict(self) -> Json:
        return {
            "same": self.same,
            "similarity": _short(self.similarity),
            "probability": _short(self.probability),
            "fmr": None if self.fmr is None else float(f"{self.fmr:.3g}"),
            "fmr_supported": self.fmr_supported,
            "threshold": _short(self.threshold),
            "faces": {
                "a": None if self.a is None else self.a.to_dict(),
                "b": None if self.b is None else self.b.to_dict(),
            },
            "error": None if self.error is None else self.error.to_dict(),
        }


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
