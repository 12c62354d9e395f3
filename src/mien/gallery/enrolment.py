"""Enrolments that are checked, and one transaction's worth of them turned into rows."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import ConsentRequired, InputError, ShapeError
from mien.core.people import Enrolment, Person, parse_person_code
from mien.gallery.ids import IdSource
from mien.gallery.rows import FaceRow, PersonRow
from mien.gallery.vault import Vault, normal_name

LONGEST_NAME = 200


class Group:
    """Gathers rows before they are written.

    known: people by name tag, as the running transaction sees them.
    """

    def __init__(
        self,
        vault: Vault,
        ids: IdSource,
        faces_of: Callable[[Sequence[int]], list[FaceRow]],
        now: float,
        revision: int,
        known: Mapping[bytes | None, PersonRow],
    ) -> None:
        self._vault, self._ids, self._faces_of = vault, ids, faces_of
        self._now, self._revision, self._known = now, revision, dict(known)
        self._keys: dict[int, bytes] = {}
        self._photos: dict[int, dict[tuple[str, bytes], int]] = {}
        # Rows of new people, then of known ones; a new one who comes again in the group is still new.
        self.added: dict[int, PersonRow] = {}
        self.rows: dict[int, PersonRow] = {}
        self.faces: list[FaceRow] = []
        self.people: list[Person] = []
        self.entries: list[tuple[str, int | None, Mapping[str, Any]]] = []
        self.single = True
        self._templates: dict[str, tuple[list[int], list[NDArray[np.generic]]]] = {}

    def add(self, enrolment: Enrolment, tag: bytes | None, templates: Sequence[NDArray[np.generic]]) -> None:
        row = self._known.get(tag)
        person = self._new(enrolment, tag) if row is None else self._again(row, enrolment)
        key, photos = self._keys[person.id], self._photos[person.id]
        for sample, template in zip(enrolment.samples, templates, strict=True):
            photo = os.urandom(16) if sample.photo is None else self._vault.photo_tag(sample.photo)
            place = (sample.embedding.model, photo)
            id = photos.setdefault(place, self._ids.next(self._now))
            self.faces.append(self._vault.seal_face(id, person.id, sample, template, photo, key))
        self.single = self.single and row is None and len(enrolment.samples) == 1
        if self.single:
            ids, stack = self._templates.setdefault(enrolment.samples[0].embedding.model, ([], []))
            ids.append(person.id)
            stack.append(templates[0])
        self.people.append(person)
        self.entries.append(("enrol", person.id, {"faces": len(enrolment.samples)}))

    def fresh(self) -> dict[str, tuple[NDArray[np.int64], Any]]:
        return {m: (np.array(ids, dtype=np.int64), np.stack(t)) for m, (ids, t) in self._templates.items()}

    def _new(self, enrolment: Enrolment, tag: bytes | None) -> Person:
        person = Person(
            self._ids.next(self._now), enrolment.name, self._now, int(self._now), enrolment.consent
        )
        key, wrapped = self._vault.new_key(person.id)
        self._keys[person.id], self._photos[person.id] = key, {}
        self._store(PersonRow(person.id, tag, wrapped, b"", 0, None, None, None, 0), person)
        return person

    def _again(self, row: PersonRow, enrolment: Enrolment) -> Person:
        if row.id not in self._keys:
            self._keys[row.id] = self._vault.key_of(row)
            self._photos[row.id] = {(f.model, f.photo): f.id for f in self._faces_of([row.id])}
        person = self._vault.open_person(row, self._keys[row.id])
        # A new consent renews matching; a photo alone does not undo a withdrawal.
        withdrawn = None if enrolment.consent else person.withdrawn
        consent = enrolment.consent or person.consent
        person = replace(person, seen=int(self._now), consent=consent, withdrawn=withdrawn)
        self._store(row, person)
        return person

    def _store(self, row: PersonRow, person: Person) -> None:
        expires = person.consent.expires if person.consent else None
        new = row.revision == 0 or row.id in self.added
        row = row._replace(
            sealed=self._vault.seal_person(person, self._keys[person.id]),
            seen=int(person.seen),
            expires=None if expires is None else int(expires),
            withdrawn=None if person.withdrawn is None else int(person.withdrawn),
            revision=self._revision,
        )
        (self.added if new else self.rows)[row.id] = row
        if row.tag is not None:
            self._known[row.tag] = row


def checked(enrolment: Enrolment, consent_needed: bool) -> Enrolment:
    """The enrolment with its name cleaned.  raises: InputError, ShapeError, ConsentRequired."""
    if not enrolment.samples:
        raise InputError("nobody can be enrolled without a face: give at least one")
    if enrolment.consent is None and consent_needed:
        raise ConsentRequired("this gallery needs a consent record: give --consent-by and --purpose")
    if enrolment.name is not None:
        enrolment = replace(enrolment, name=clean_name(enrolment.name))
    for sample in enrolment.samples:
        vector = sample.embedding.vector
        if vector.ndim != 1:
            raise ShapeError("vector", "(D,)", vector.shape)
        if not abs(float(vector @ vector) - 1) < 1e-3:
            raise InputError("an embedding must be finite and of unit length: normalise it first")
        if not 0 <= sample.quality <= 1:
            raise InputError(
                f"a quality lies between 0 and 1, not {sample.quality}: give 1 where none is known"
            )
    return enrolment


def clean_name(name: str) -> str:
    """A name as it is shown: no control characters, single spaces, at most 200 characters."""
    if not name.isprintable():
        name = "".join(c for c in name if c.isprintable() or c.isspace())
    shown = " ".join(name.split())
    if not shown or not normal_name(shown):
        raise InputError("a name needs at least one visible character: give another")
    if len(shown) > LONGEST_NAME:
        raise InputError(f"a name may have {LONGEST_NAME} characters, not {len(shown)}: shorten it")
    if parse_person_code(shown) is not None:
        raise InputError(f"{shown!r} reads like an id: give another name")
    return shown
