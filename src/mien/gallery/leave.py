"""How people leave: withdrawal, erasure with proof, retention, and the copy of their data."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError, StoreError, UnknownPerson
from mien.core.people import Consent, Enrolment, Person, Sample, person_code
from mien.core.types import Embedding
from mien.gallery.people import People
from mien.gallery.rows import PersonRow
from mien.gallery.search import INDEX_KEY, new_index_key

WINDOW = 24
PIECE = 1 << 24  # bytes of a file held at a time
LOWEST = np.uint64((1 << 20) - 1)  # bits of eight bytes that are looked at first
EXPORT = "mien person 1"
Due = Callable[[float, int | None, int | None], str | None]


@dataclass(frozen=True, slots=True)
class Erasure:
    """What an erasure did.

    records: sealed records that were deleted.
    bytes_left: how many of them still had a trace in the store's files afterwards, or None where the files
        belong to a server.
    key_destroyed: always, with the person's row.
    """

    people: tuple[int, ...]
    records: int
    bytes_left: int | None
    files: tuple[str, ...]
    key_destroyed: bool = True

    def to_dict(self) -> dict[str, Any]:
        return {
            "people": [person_code(id) for id in self.people],
            "records": self.records,
            "bytes_left": self.bytes_left,
            "files": list(self.files),
            "key_destroyed": self.key_destroyed,
        }


def withdraw(people: People, who: str | int) -> Person:
    """Consent is withdrawn: no search finds this person from now on; `erase` or `purge` removes them."""
    with people.writing():
        row = people.row(who)
        now = int(people.clock())
        people.records.put_people([row._replace(withdrawn=now, revision=people.records.next_revision())])
        people.log(people.clock(), [("withdraw", row.id, {})])
    return people.find(row.id)


def erase(people: People, who: str | int, reason: str = "asked") -> Erasure:
    """Remove every trace: rows, the person's key, corrections about them, index and its snapshot.

    Proven by looking for the sealed bytes in the files of the store. A backup made earlier still holds them
    together with the wrapped key: delete such backups.
    """
    done = _erase(people, [people.row(who).id], reason, lambda row: True)
    if not done.people:
        raise UnknownPerson(
            f"{who!r} was erased by somebody else just now: `mien people list` shows who is here"
        )
    return done


def purge(people: People, due: Due) -> list[Erasure]:
    """Erase everyone whose time is over.  due: (seen, expires, withdrawn) -> reason, or None to keep."""

    def reason_of(row: PersonRow) -> str | None:
        return due(row.seen, row.expires, row.withdrawn) if row.merged is None else None

    groups: dict[str, list[int]] = {}
    after = 0
    while rows := people.records.people_after(after, 500):
        for row in rows:
            if reason := reason_of(row):
                groups.setdefault(reason, []).append(row.id)
        after = rows[-1].id
    # Asked again when nobody else can write: somebody may have agreed anew, or been seen.
    done = [
        _erase(people, ids, reason, lambda row: reason_of(row) is not None)
        for reason, ids in sorted(groups.items())
    ]
    return [erasure for erasure in done if erasure.people]


def export(people: People, who: str | int) -> dict[str, Any]:
    """Everything that is known about somebody, as JSON can hold it; `take_in` reads it back.

    Embeddings are given as the network made them, unless the gallery's protection cannot be undone.
    """
    row = people.row(who)
    person = people.vault.open_person(row)
    faces = []
    for stored in people.open_faces(row):
        vector = people.recover(stored.face.model, stored.template[None])
        embedding = None if vector is None else [round(float(x), 7) for x in vector[0]]
        faces.append({**stored.face.to_dict(), "photo": stored.photo.hex(), "embedding": embedding})
    log = [entry.to_dict() for entry in _log_of(people, row.id)]
    return {"format": EXPORT, "person": person.to_dict(), "faces": faces, "log": log}


def take_in(people: People, exports: Iterable[Mapping[str, Any]]) -> list[Person]:
    """Enrol people from `export`s, of this gallery or another: all of them, or nobody where one is none.

    raises: InputError for anything that is not an export with embeddings.
    """
    told = [_enrolment(data) for data in exports]
    people.search.refresh()  # so that embeddings of another length are noticed
    return [*people.enrol_many(told, group=max(len(told), 1))]


def _enrolment(data: Mapping[str, Any]) -> Enrolment:
    try:
        if data["format"] != EXPORT:
            raise ValueError(f"its format is {data['format']!r}")
        samples = [_sample(face) for face in data["faces"]]
        consent = data["person"]["consent"]
        record = None if consent is None else _consent(consent)
        name = data["person"]["name"]
        if not (name is None or isinstance(name, str)):
            raise ValueError("the name is no text")
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"this is no export ({error}): make one with `mien people export`") from error
    return Enrolment(name, samples, record)


def _consent(told: Mapping[str, Any]) -> Consent:
    if not all(isinstance(told[name], str) for name in ("given_by", "purpose", "text")):
        raise ValueError("a consent whose words are no text")
    times = (told["at"], told["at"] if told["expires"] is None else told["expires"])
    if not all(isinstance(time, int | float) and math.isfinite(time) for time in times):
        raise ValueError("a consent whose times are no seconds")
    return Consent(**told)


def _sample(face: Mapping[str, Any]) -> Sample:
    vector = np.array(face["embedding"], dtype=np.float32)
    length = float(np.linalg.norm(vector))
    if vector.ndim != 1 or not 0 < length < math.inf:
        raise ValueError("a face without its embedding")
    vector /= length
    box = None if face["box"] is None else (*map(float, face["box"]),)
    if box is not None and len(box) != 4:
        raise ValueError("a box without four numbers")
    embedding = Embedding(vector, str(face["model"]))
    photo = bytes.fromhex(face["photo"])
    return Sample(embedding, float(face["quality"]), photo, str(face["source"]), box)


def _erase(people: People, ids: Sequence[int], reason: str, still: Callable[[PersonRow], bool]) -> Erasure:
    """Erase those of these people who are here and ``still`` to go."""
    records = people.records
    with people.writing():
        ids = _with_merged(people, [row.id for row in records.people(ids) if still(row)])
        if not ids:
            return Erasure((), 0, None, ())
        faces = records.faces_of(ids)
        all_rows = records.people(ids)
        edits = [e for e in records.edits() if np.isin(np.frombuffer(e.people, dtype="<i8"), ids).any()]
        traces = [sealed for row in all_rows for sealed in (row.sealed, row.key)]
        traces += [face.sealed for face in faces] + [edit.sealed for edit in edits]
        records.drop_people(ids, records.next_revision())
        records.drop_edits([edit.id for edit in edits])
        records.put_meta(INDEX_KEY, new_index_key(people.vault))
        people.log(people.clock(), [("erase", id, {"reason": reason}) for id in ids])
    people.search.forget()
    people.wipe_traces()
    files = records.files()
    left = remaining(traces, files) if files else None
    if left:
        raise StoreError(
            f"{left} erased records are still in the files: close other users of the gallery, then open it "
            "again (`mien people check`), which empties its log"
        )
    return Erasure(tuple(ids), len(traces), left, tuple(path.name for path in files))


def remaining(traces: Sequence[bytes], files: Sequence[Path]) -> int:
    """How many of the sealed records have a window of bytes in the files.

    Every record is probed at several places, because a database page may hold part of one. The files are read
    once, in pieces, however many records there are: all windows are looked for together, by their heads.
    """
    windows = {
        trace[start : start + WINDOW]: number
        for number, trace in enumerate(traces)
        for start in range(0, max(len(trace) - WINDOW, 1), max(len(trace) // 4, WINDOW))
    }
    heads = np.array(sorted({int.from_bytes(window[:8], "little") for window in windows}), dtype="<u8")
    ends = np.zeros(int(LOWEST) + 1, dtype=bool)
    ends[heads & LOWEST] = True
    found: set[int | None] = set()
    for path in files:
        for piece in _pieces(path):
            found.update(windows.get(piece[at : at + WINDOW]) for at in _places(piece, heads, ends))
    return len(found - {None})


def _pieces(path: Path) -> Iterator[bytes]:
    """The file in pieces that overlap, so that every window is whole in one of them."""
    tail = b""
    with path.open("rb") as file:
        while read := file.read(PIECE):
            yield tail + read
            tail = (tail + read)[1 - WINDOW :]


def _places(piece: bytes, heads: NDArray[np.uint64], ends: NDArray[np.bool_]) -> Iterator[int]:
    """Where eight bytes of the piece are one of ``heads``.    ends: whether a head has these lowest bits."""
    for shift in range(min(8, len(piece) - 7)):
        words = np.frombuffer(piece, dtype="<u8", offset=shift, count=(len(piece) - shift) // 8)
        likely = np.flatnonzero(ends[words & LOWEST])
        yield from (8 * likely[np.isin(words[likely], heads)] + shift).tolist()


def _with_merged(people: People, ids: list[int]) -> list[int]:
    """These people and everybody ever merged into them, those merged first coming first."""
    every, layer = list(ids), list(ids)
    while layer := people.records.merged_into(layer):
        every += layer
    return every[::-1]


def _log_of(people: People, person: int) -> list[Any]:
    found, after = [], 0
    while entries := people.audit(after):
        found += [entry for entry in entries if entry.person == person]
        after = entries[-1].number
    return found
