"""Nouns of the gallery: who is enrolled, with which photos, by whose leave. Times are seconds since 1970."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from mien.core.types import Embedding

_CODE = re.compile("p-[0-7]?[0-9a-f]{1,15}")  # ids have 63 bits


@dataclass(frozen=True, slots=True)
class Consent:
    """A person's agreement to be recognised.

    given_by: the person, or who may sign for them.    text: version of the notice they were shown.
    expires: when the agreement ends by itself, or None.
    """

    given_by: str
    purpose: str
    text: str
    at: float
    expires: float | None = None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One face to enrol.

    quality: 0..1; weighs the face in its person's template.
    photo: digest of the picture's bytes, or None: the same photo enrolled twice counts once, and two faces of
        one photo are never one person.
    """

    embedding: Embedding
    quality: float = 1.0
    photo: bytes | None = None
    source: str = ""
    box: tuple[float, float, float, float] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Enrolment:
    """A person and the faces to remember them by; with no name they stay "unknown person"."""

    name: str | None
    samples: Sequence[Sample]
    consent: Consent | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in the gallery.

    withdrawn: when consent was withdrawn, or None; a withdrawn person is never matched.
    """

    id: int
    name: str | None
    created: float
    seen: float
    consent: Consent | None = None
    withdrawn: float | None = None

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "id": person_code(self.id)}


@dataclass(frozen=True, slots=True)
class StoredFace:
    """One face of somebody in the gallery; advice: why another photo would serve better."""

    id: int
    person: int
    model: str
    source: str
    quality: float
    box: tuple[float, float, float, float] | None = None
    advice: str = ""

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "person": person_code(self.person)}


@dataclass(frozen=True, slots=True)
class Match:
    """One candidate of a search. similarity: cosine, -1..1."""

    person: int
    name: str | None
    similarity: float

    def to_dict(self) -> dict[str, Any]:
        return {"person": person_code(self.person), "name": self.name, "similarity": self.similarity}


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the gallery's log; it names people by id only, so that it survives their erasure."""

    number: int
    at: float
    actor: str
    action: str
    person: int | None
    details: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        code = None if self.person is None else person_code(self.person)
        return {**asdict(self), "person": code}


def person_code(number: int) -> str:
    """The id as people see it.

    >>> person_code(255)
    'p-ff'
    """
    return f"p-{number:x}"


def parse_person_code(text: str) -> int | None:
    """The number behind a `person_code`, or None when the text is not one.

    >>> parse_person_code("p-ff"), parse_person_code("Ada"), parse_person_code("p-" + 16 * "f")
    (255, None, None)
    """
    return int(text[2:], 16) if _CODE.fullmatch(text) else None
