"""What the gallery answers: frozen results that know how to become JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mien.core.errors import MienError
from mien.core.people import Person, person_code
from mien.core.types import Box


@dataclass(frozen=True, slots=True)
class Operating:
    """Where the line between "known" and "unknown" stands in this gallery.

    people: how many were searched.    fpir: the share of strangers that may be given a name, as asked for.
    fmr: of each single comparison, so that all of them together stay within ``fpir``.
    supported: False where the calibration's data end before this ``fmr``, so that it is an extrapolation.
    """

    people: int
    fpir: float
    fmr: float
    threshold: float
    supported: bool

    def to_dict(self) -> dict[str, Any]:
        return {
            "people": self.people,
            "fpir": self.fpir,
            "fmr": float(f"{self.fmr:.3g}"),
            "threshold": round(self.threshold, 6),
            "supported": self.supported,
        }


@dataclass(frozen=True, slots=True)
class Candidate:
    """One person a face may show.

    fmr: the share of strangers at least this similar; ``fmr_supported`` is False where the calibration saw
        too few strangers to know, and the share is read off its fitted tail.
    expected_false_alarms: how many of the gallery's people a stranger would resemble this much.
    probability: that it is this person, if half of the faces that are asked about are enrolled.
    """

    person: int
    name: str | None
    similarity: float
    fmr: float
    expected_false_alarms: float
    probability: float
    fmr_supported: bool = True

    def to_dict(self) -> dict[str, Any]:
        return {
            "person": person_code(self.person),
            "name": self.name,
            "similarity": round(self.similarity, 6),
            "probability": round(self.probability, 6),
            "fmr": float(f"{self.fmr:.3g}"),
            "fmr_supported": self.fmr_supported,
            "expected_false_alarms": float(f"{self.expected_false_alarms:.3g}"),
        }


@dataclass(frozen=True, slots=True)
class Identification:
    """Who one face shows.

    decision: a name (or the code of somebody without one), or None: unknown.
    """

    box: Box
    score: float
    candidates: tuple[Candidate, ...]
    decision: str | None
    person: int | None = None

    def to_dict(self) -> dict[str, Any]:
        return {
            "box": [round(float(value), 2) for value in self.box],
            "score": round(self.score, 4),
            "candidates": [candidate.to_dict() for candidate in self.candidates],
            "decision": self.decision,
            "person": None if self.person is None else person_code(self.person),
        }


@dataclass(frozen=True, slots=True)
class PhotoIdentification:
    """Who is in one picture, or why it could not be read."""

    source: str
    faces: tuple[Identification, ...]
    error: MienError | None = None

    def to_dict(self) -> dict[str, Any]:
        error = None if self.error is None else self.error.to_dict()
        return {"source": self.source, "faces": [face.to_dict() for face in self.faces], "error": error}


@dataclass(frozen=True, slots=True)
class EnrolReport:
    """What became of one person's photos.

    rejected: picture -> why it was not taken.    advice: picture -> why another would serve better.
    looks_like: somebody else in the gallery whom the photos resemble beyond chance.
    error: why nobody was enrolled.
    """

    name: str | None
    person: Person | None
    accepted: tuple[str, ...] = ()
    rejected: Mapping[str, MienError] = field(default_factory=dict)
    advice: Mapping[str, str] = field(default_factory=dict)
    looks_like: str | None = None
    error: MienError | None = None

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "person": None if self.person is None else person_code(self.person.id),
            "accepted": list(self.accepted),
            "rejected": {source: error.to_dict() for source, error in self.rejected.items()},
            "advice": dict(self.advice),
            "looks_like": self.looks_like,
            "error": None if self.error is None else self.error.to_dict(),
        }


@dataclass(frozen=True, slots=True)
class Grouped:
    """One face of a clustering.    group: 0, 1, ...; the same number is the same person."""

    source: str
    box: Box
    group: int
    person: int | None = None
    name: str | None = None

    def to_dict(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "box": [round(float(value), 2) for value in self.box],
            "group": self.group,
            "person": None if self.person is None else person_code(self.person),
            "name": self.name,
        }
