"""Repair mistakes: rename, merge, split, "these two are not the same", remove a photo; and undo each of them.

Every correction is one transaction that also stores what takes it back, sealed, until one of its people is
erased. A merged person keeps their row and their key, so that undo finds them again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mien.core.errors import StoreError, UnknownPerson
from mien.core.people import Person, person_code
from mien.gallery.enrolment import clean_name
from mien.gallery.people import People
from mien.gallery.rows import EditRow, FaceRow, LinkRow, PersonRow
from mien.gallery.vault import edit_name


def rename(people: People, who: str | int, name: str) -> Person:
    """Give somebody a name, or another one."""
    name = clean_name(name)
    with people.writing():
        row = people.row(who)
        person = people.vault.open_person(row)
        _set_name(people, row, name)
        _note(people, "rename", [row.id], {"before": person.name})
    return people.find(row.id)


def merge(people: People, keep: str | int, other: str | int) -> Person:
    """Two entries are one person: the first stays, with the photos of both."""
    with people.writing():
        into, source = people.row(keep), people.row(other)
        if into.id == source.id:
            raise StoreError(f"{keep!r} and {other!r} are the same entry already: name two")
        if link := _apart(people, into.id, source.id):
            raise StoreError(f"these two were said to be different ({person_code(link)}): undo that first")
        if (into.withdrawn is None) != (source.withdrawn is None):
            raise StoreError("one of the two withdrew their consent: erase that entry instead of merging it")
        faces, duplicates = _without_shared_photos(people, into.id, source.id)
        kept, merged = people.vault.open_person(into), people.vault.open_person(source)
        revision = people.records.next_revision()
        people.records.put_people([source._replace(tag=None, merged=into.id, revision=revision)])
        _move(people, faces, source, into)
        people.records.put_people([into._replace(revision=revision)])
        if kept.name is None and merged.name is not None:
            _set_name(people, people.row(into.id), merged.name)
        moved = [face.id for face in faces]
        payload = {"keep": into.id, "other": source.id, "faces": moved, "name": kept.name, "left": duplicates}
        _note(people, "merge", [into.id, source.id], payload)
    return people.find(into.id)


def split(people: People, who: str | int, faces: Sequence[int], name: str | None = None) -> Person:
    """Take these photos out into a person of their own, who will never be joined with the old one again.

    The consent under which the photos were taken, its end and its withdrawal go with them.
    """
    with people.writing():
        row = people.row(who)
        stored = people.records.faces_of([row.id])
        chosen = [face for face in stored if face.id in set(faces)]
        if len(chosen) != len(set(faces)):
            raise UnknownPerson(f"{who!r} has no such photo: `mien people show` lists them")
        if len(chosen) == len(stored):
            raise StoreError("a split must leave at least one photo behind: rename the person instead")
        person, fresh = _newcomer(people, row, None if name is None else clean_name(name))
        people.records.put_people([fresh])
        _move(people, chosen, row, fresh)
        people.records.put_people([row._replace(revision=people.records.next_revision())])
        link = _link(people, row.id, fresh.id)
        payload = {"person": row.id, "new": fresh.id, "faces": [face.id for face in chosen], "link": link}
        _note(people, "split", [row.id, fresh.id], payload)
    return people.find(person.id)


def not_the_same(people: People, a: str | int, b: str | int) -> None:
    """These two people look alike but are different: they are never joined, by hand or by clustering."""
    with people.writing():
        first, second = people.row(a), people.row(b)
        if first.id == second.id:
            raise StoreError("one entry cannot differ from itself: split its photos instead")
        if _apart(people, first.id, second.id):
            return
        link = _link(people, first.id, second.id)
        _note(people, "not_the_same", [first.id, second.id], {"link": link})


def remove_face(people: People, face: int) -> None:
    """Forget one photo of somebody; its bytes are gone, so this cannot be undone."""
    with people.writing():
        rows = people.records.faces([face])
        if not rows:
            raise UnknownPerson(f"no photo has the id {face}: `mien people show` lists them")
        person = people.row(rows[0].person)
        if len(people.records.faces_of([person.id])) == 1:
            raise StoreError("this is the person's only photo: erase the person, or add another photo first")
        people.records.drop_faces([face])
        people.records.put_people([person._replace(revision=people.records.next_revision())])
        people.log(people.clock(), [("remove_face", person.id, {"face": face})])
    people.wipe_traces()


def undo(people: People) -> str:
    """Take back the newest correction that still stands; returns its kind."""
    with people.writing():
        edit = next((edit for edit in people.records.edits() if not edit.undone), None)
        if edit is None:
            raise StoreError("there is no correction to undo: `mien people erase` takes back enrolments")
        payload = people.vault.open_own(edit.sealed, edit_name(edit.id, edit.kind))
        match edit.kind:
            case "rename":
                row = people.row(int(np.frombuffer(edit.people, dtype="<i8")[0]))
                _set_name(people, row, payload["before"])
            case "merge":
                _undo_merge(people, payload)
            case "split":
                _undo_split(people, payload)
            case "not_the_same":
                people.records.drop_link(payload["link"])
        people.records.put_edit(edit._replace(undone=1))
        people.log(people.clock(), [("undo", None, {"kind": edit.kind})])
    return edit.kind


def apart(people: People) -> set[tuple[int, int]]:
    """Pairs of people that must never be joined, through merges; the smaller id first."""
    rows = people.records.links()
    roots = {id: people.row(id).id for row in rows for id in (row.a, row.b)}
    return {(min(roots[r.a], roots[r.b]), max(roots[r.a], roots[r.b])) for r in rows}


def _undo_merge(people: People, payload: dict[str, Any]) -> None:
    into, source = people.records.people([payload["keep"], payload["other"]])
    if into.id != payload["keep"]:
        into, source = source, into
    wanted = set(payload["faces"])
    faces = [face for face in people.records.faces_of([into.id]) if face.id in wanted]
    revision = people.records.next_revision()
    name = people.vault.open_person(source).name
    if payload["name"] is None and name is not None:
        _set_name(people, into, None)
        into = people.records.people([into.id])[0]
    tag = None if name is None else _free_tag(people, name)
    back = source._replace(merged=None, revision=revision, tag=tag)
    people.records.put_people([back, into._replace(revision=revision)])
    _move(people, faces, into, source)


def _undo_split(people: People, payload: dict[str, Any]) -> None:
    people.records.drop_link(payload["link"])
    row, fresh = people.row(payload["person"]), people.row(payload["new"])
    faces = people.records.faces_of([fresh.id])
    _move(people, faces, fresh, row)
    revision = people.records.next_revision()
    # The newcomer stays as a merged entry: photos may have been added under that id elsewhere.
    people.records.put_people(
        [row._replace(revision=revision), fresh._replace(tag=None, merged=row.id, revision=revision)]
    )


def _move(people: People, faces: Sequence[FaceRow], source: PersonRow, into: PersonRow) -> None:
    old, new = people.vault.key_of(source), people.vault.key_of(into)
    people.records.put_faces([people.vault.move_face(face, old, into.id, new) for face in faces])


def _without_shared_photos(people: People, keep: int, other: int) -> tuple[list[FaceRow], list[int]]:
    """The faces to move; those of photos that ``keep`` is in already stay behind with the merged entry."""
    present = {(face.model, face.photo) for face in people.records.faces_of([keep])}
    faces = people.records.faces_of([other])
    shared = [face.id for face in faces if (face.model, face.photo) in present]
    if shared and len(shared) == len(faces):
        raise StoreError("both are in the same photos, so they are two people: split or erase instead")
    return [face for face in faces if face.id not in set(shared)], shared


def _set_name(people: People, row: PersonRow, name: str | None) -> None:
    person = replace(people.vault.open_person(row), name=name)
    tag = None if name is None else _free_tag(people, name, row.id)
    sealed = people.vault.seal_person(person, people.vault.key_of(row))
    people.records.put_people([row._replace(tag=tag, sealed=sealed)])


def _free_tag(people: People, name: str, owner: int | None = None) -> bytes:
    tag = people.vault.name_tag(name)
    if any(row.id != owner for row in people.records.people_by_tag([tag])):
        raise StoreError(f"somebody is called {name!r} already: merge the two, or choose another name")
    return tag


def _newcomer(people: People, old: PersonRow, name: str | None) -> tuple[Person, PersonRow]:
    now = people.clock()
    consent = people.vault.open_person(old).consent
    person = Person(people.ids.next(now), name, now, int(now), consent, old.withdrawn)
    key, wrapped = people.vault.new_key(person.id)
    tag = None if name is None else _free_tag(people, name)
    sealed = people.vault.seal_person(person, key)
    revision = people.records.next_revision()
    row = PersonRow(person.id, tag, wrapped, sealed, int(now), old.expires, old.withdrawn, None, revision)
    return person, row


def _link(people: People, a: int, b: int) -> int:
    row = LinkRow(people.ids.next(people.clock()), a, b)
    people.records.put_link(row)
    return row.id


def _apart(people: People, a: int, b: int) -> int | None:
    for row in people.records.links():
        if {people.row(row.a).id, people.row(row.b).id} == {a, b}:
            return row.id
    return None


def _note(people: People, kind: str, involved: Sequence[int], payload: dict[str, Any]) -> None:
    now = people.clock()
    id = people.ids.next(now)
    sealed = people.vault.seal_own(payload, edit_name(id, kind))
    packed = np.array(involved, dtype="<i8").tobytes()
    people.records.put_edit(EditRow(id, int(now), kind, packed, sealed, 0))
    people.log(now, [(kind, person, {}) for person in involved])
