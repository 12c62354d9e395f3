"""The gallery without its cameras: embeddings in, people out. `mien.pipeline.gallery` adds the photos."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError, StoreCorrupt, UnknownPerson
from mien.core.people import (
    AuditEntry,
    Consent,
    Enrolment,
    Match,
    Person,
    Sample,
    StoredFace,
    parse_person_code,
)
from mien.core.protocols import Sealer
from mien.core.types import Embedding
from mien.gallery import audit
from mien.gallery.enrolment import Group, checked
from mien.gallery.founding import open_vault
from mien.gallery.ids import IdSource
from mien.gallery.index import Templates
from mien.gallery.protection import LoadCommon, LoadProtector, Protection, nothing_common
from mien.gallery.rows import PersonRow, Records
from mien.gallery.search import Search, pool_faces, stack
from mien.gallery.templates import advise, similarities
from mien.gallery.vault import OpenFace, require_key

GROUP = 5000
# One face of one photo, embedded twice: engines and batch sizes move the cosine by less than this.
SAME_PIXELS = 0.98


class People:
    """Everyone enrolled in one gallery.

    records: an open store, made a gallery by `found` if it is new.    sealer: opened with the gallery's key.
    load_protector: `mien.privacy.protect.load_protector`.    folder: for index snapshots, or None.
    actor: who acts, for the audit log.    clock: seconds since 1970.
    common: the mean of faces' embeddings, by network (`mien.embedding.mean_face.mean_embedding`).
    """

    def __init__(
        self,
        records: Records,
        sealer: Sealer,
        load_protector: LoadProtector,
        folder: Path | None = None,
        actor: str = "local",
        clock: Callable[[], float] = time.time,
        common: LoadCommon = nothing_common,
    ) -> None:
        self.records = records
        self.vault = open_vault(records, sealer)
        self.actor = actor
        self.clock = clock
        self.ids = IdSource()
        self._protection = Protection(records, self.vault, load_protector, common)
        self.search = Search(records, self.vault, folder, self._protection)
        self._touched: dict[int, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Note who was seen, save the index, and let go of the store."""
        try:
            self.flush()
            self.search.save()
        finally:
            self.records.close()

    # --- enrol -------------------------------------------------------------------------------------------

    def enrol(self, name: str | None, samples: Sequence[Sample], consent: Consent | None = None) -> Person:
        """Add somebody, or add photos to them; on disk when this returns. Repeating it changes nothing."""
        return next(self.enrol_many([Enrolment(name, samples, consent)]))

    def enrol_many(self, enrolments: Iterable[Enrolment], group: int = GROUP) -> Iterator[Person]:
        """Enrol in groups of one transaction each; yields people once they are on disk."""
        consent_needed = bool(self.policy().get("require_consent"))
        batch: list[Enrolment] = []
        for enrolment in enrolments:
            batch.append(checked(enrolment, consent_needed))
            if len(batch) == group:
                yield from self._enrol_group(batch)
                batch = []
        if batch:
            yield from self._enrol_group(batch)

    def _enrol_group(self, batch: Sequence[Enrolment], who: str | int | None = None) -> list[Person]:
        """Enrol by name, or everything as more photos of ``who``."""
        self._check_lengths(batch)
        templates = self._protection.protect_samples([e.samples for e in batch])
        tags = [None if e.name is None else self.vault.name_tag(e.name) for e in batch]
        with self.writing():
            now = self.clock()  # not before: ids grow with time, and another process may write meanwhile
            before = self.records.revision()
            after = self.records.next_revision()
            known: dict[bytes | None, PersonRow]
            if who is None:
                rows = self.records.people_by_tag([tag for tag in set(tags) if tag])
                known = {row.tag: row for row in rows}
            else:
                known = {None: self.row(who)}
            group = Group(self.vault, self.ids, self.records.faces_of, now, after, known)
            for enrolment, tag, protected in zip(batch, tags, templates, strict=True):
                group.add(enrolment, tag, protected)
            self.records.add_people(group.added.values())
            self.records.put_people(group.rows.values())
            self.records.put_faces(group.faces)
            self.log(now, group.entries)
        if not known and group.single:
            self.search.absorb(before, after, group.fresh())
        return group.people

    def _check_lengths(self, batch: Sequence[Enrolment]) -> None:
        """Refuse embeddings that could not be compared with those that are here: nobody would be found."""
        lengths: dict[str, int] = {}
        for embedding in (sample.embedding for enrolment in batch for sample in enrolment.samples):
            length = len(embedding.vector)
            wanted = lengths.setdefault(embedding.model, self.search.length(embedding.model) or length)
            if length != wanted:
                raise InputError(
                    f"embeddings of {embedding.model} have {wanted} numbers here, not {length}: make new ones"
                )

    def add_faces(self, who: str | int, samples: Sequence[Sample]) -> Person:
        """Add photos to somebody who is here already, named or not."""
        (person,) = self._enrol_group([checked(Enrolment(None, samples), consent_needed=False)], who)
        return person

    # --- ask ---------------------------------------------------------------------------------------------

    def identify(self, embedding: Embedding, top: int = 5) -> list[Match]:
        """The most similar people, best first; deciding whether the best is good enough is the caller's."""
        query = self.protect(embedding.model, embedding.vector[None])[0]
        return self.search.nearest(query, embedding.model, top)

    def owner_of(self, sample: Sample) -> int | None:
        """Who this very face of this very photo was given to before, by enrolment, grouping or correction."""
        if sample.photo is None:
            return None
        rows = self.records.faces_in(self.vault.photo_tag(sample.photo))
        query = self.protect(sample.embedding.model, sample.embedding.vector[None])[0]
        for row in rows:
            if row.model != sample.embedding.model:
                continue
            key = self.vault.key_of(self.records.people([row.person])[0])
            if similarities(query, stack([self.vault.open_face(row, key).template]))[0] > SAME_PIXELS:
                return self.row(row.person).id
        return None

    def template(self, who: str | int, model: str) -> Templates | None:
        """Somebody's pooled template as this gallery stores it, or None without a photo of that network."""
        faces = [face for face in self.open_faces(self.row(who)) if face.face.model == model]
        return pool_faces(faces, self._protection.common(model)) if faces else None

    def compare(self, embedding: Embedding, person: int) -> float | None:
        """Similarity with one person (1:1), or None when they have no photo of that model."""
        query = self.protect(embedding.model, embedding.vector[None])[0]
        found = self.search.compare(query, embedding.model, [person])
        return found[0].similarity if found else None

    def compare_with(self, embedding: Embedding, people: Sequence[int]) -> list[Match]:
        """Similarities with these people only, best first."""
        query = self.protect(embedding.model, embedding.vector[None])[0]
        return self.search.compare(query, embedding.model, people)

    def searchable(self, model: str) -> int:
        """How many people a search with this network looks at."""
        self.search.refresh()
        return self.search.size(model)

    def touch(self, people: Iterable[int]) -> None:
        """Note that these people were seen now; written together with the next write, or at `close`."""
        now = int(self.clock())
        self._touched.update(dict.fromkeys(people, now))
        if len(self._touched) > GROUP:
            self.flush()

    def flush(self) -> None:
        """Write down who was seen."""
        if not self._touched:
            return
        with self.writing():
            rows = self.records.people(list(self._touched))
            # The template did not change, so neither does the revision.
            self.records.put_people([row._replace(seen=max(row.seen, self._touched[row.id])) for row in rows])
        self._touched = {}

    def find(self, who: str | int) -> Person:
        """The person with this name, code ("p-…") or id; somebody merged away answers as who they are now."""
        return self.vault.open_person(self.row(who))

    def page(self, after: int = 0, limit: int = 1000) -> list[Person]:
        """People in order of enrolment, merged ones left out."""
        rows = self.records.people_after(after, limit)
        return [self.vault.open_person(row) for row in rows if row.merged is None]

    def all(self) -> Iterator[Person]:
        """Everyone, page by page."""
        after = 0
        while rows := self.records.people_after(after, 500):
            yield from (self.vault.open_person(row) for row in rows if row.merged is None)
            after = rows[-1].id

    def faces(self, who: str | int) -> list[StoredFace]:
        """Somebody's photos, with advice on which to replace."""
        stored = self.open_faces(self.row(who))
        if not stored:
            return []
        out: list[StoredFace] = []
        for model in sorted({face.face.model for face in stored}):
            group = [face for face in stored if face.face.model == model]
            words = [""] * len(group)
            if group[0].template.dtype == np.float32:
                vectors = stack([face.template for face in group])
                qualities = np.array([f.face.quality for f in group], dtype=np.float32)
                words = advise(vectors, qualities, self._protection.common(model))
            out += [replace(face.face, advice=word) for face, word in zip(group, words, strict=True)]
        return out

    def __len__(self) -> int:
        return self.records.count()[0]

    # --- look after --------------------------------------------------------------------------------------

    def policy(self) -> Mapping[str, Any]:
        """What `set_policy` stored, or nothing."""
        return self._fact("policy", "policy") or {}

    def set_policy(self, policy: Mapping[str, Any]) -> None:
        """Store the rules of this gallery (`mien.privacy.retention.RetentionPolicy`)."""
        with self.writing():
            self.records.put_meta("policy", self.vault.seal_own(dict(policy), "policy"))
            self.log(self.clock(), [("policy", None, policy)])

    def calibration(self, model: str) -> str | None:
        """What `set_calibration` stored for this network."""
        text = self._fact(f"calibration {model}", "calibration")
        return None if text is None else str(text)

    def set_calibration(self, model: str, text: str) -> None:
        """Keep the calibration of this gallery's cameras and people with it."""
        with self.writing():
            self.records.put_meta(f"calibration {model}", self.vault.seal_own(text, "calibration"))
            self.log(self.clock(), [("calibration", None, {"model": model})])

    def audit(self, after: int = 0, limit: int = 1000) -> list[AuditEntry]:
        """The log, in order."""
        return audit.read(self.records, after, limit)

    def verify(self) -> Mapping[str, int]:
        """Check everything: files, log, and that every sealed record opens. Raises `StoreCorrupt`."""
        if problems := self.records.check():
            raise StoreCorrupt(f"the store is damaged ({problems[0]}): restore it from a backup")
        entries = audit.verify(self.records, self.vault.sealer)
        people = faces = after = 0
        while rows := self.records.people_after(after, 500):
            for row in rows:
                self.vault.open_person(row)
                faces += len(self.open_faces(row))
            people += sum(row.merged is None for row in rows)
            after = rows[-1].id
        return {"people": people, "faces": faces, "audit_entries": entries}

    # --- for the rest of the room ------------------------------------------------------------------------

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction of the store, under the key that it has now.  raises: `WrongKey`."""
        with self.records.writing():
            require_key(self.records, self.vault)
            yield

    def row(self, who: str | int) -> PersonRow:
        """The row of this person, through merges."""
        number = parse_person_code(who) if isinstance(who, str) else who
        if number is not None:
            rows = self.records.people([number])
        else:
            rows = self.records.people_by_tag([self.vault.name_tag(str(who))])
        while rows and rows[0].merged is not None:
            rows = self.records.people([rows[0].merged])
        if not rows:
            raise UnknownPerson(f"nobody in the gallery is {who!r}: `mien people list` shows who is")
        return rows[0]

    def open_faces(self, row: PersonRow) -> list[OpenFace]:
        key = self.vault.key_of(row)
        return [self.vault.open_face(face, key) for face in self.records.faces_of([row.id])]

    @property
    def protection(self) -> str:
        """How templates are kept: "plain", "rotation" or "biohash"."""
        return self._protection.kind

    def share(self, model: str) -> float:
        """The share of a squared length that all faces have in common and this gallery's bits leave out."""
        return self._protection.share(model)

    def protect(self, model: str, vectors: NDArray[np.float32]) -> Templates:
        """Embeddings as this gallery stores them.  vectors: (N, D)."""
        return self._protection.protect(model, vectors)

    def recover(self, model: str, templates: Templates) -> NDArray[np.float32] | None:
        """The embeddings behind stored templates, or None where the protection does not give them back."""
        return self._protection.recover(model, templates)

    def wipe_traces(self) -> None:
        """Leave no byte of what was just dropped in the store, nor in an index that it keeps."""
        self.search.refresh()
        self.records.wipe_traces()

    def _fact(self, name: str, about: str) -> Any:
        """What is sealed under this name, or None."""
        sealed = self.records.get_meta(name)
        if sealed is None:
            return None
        require_key(self.records, self.vault)
        return self.vault.open_own(sealed, about)

    def log(self, at: float, entries: Iterable[tuple[str, int | None, Mapping[str, Any]]]) -> None:
        audit.append(self.records, self.vault.sealer, at, self.actor, entries)
