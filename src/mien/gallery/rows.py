"""What a store keeps, as rows, and the one interface of every store.

Rows hold ids, times and sealed bytes: no name and no embedding in the clear (docs/gallery.md lists the
exceptions of the server stores).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple, Protocol

from mien.gallery.index import Index


class PersonRow(NamedTuple):
    """tag: keyed fingerprint of the name, or None.    key: the person's wrapped data key.

    seen, expires, withdrawn: seconds since 1970.    merged: the person this one was merged into.
    revision: of the last change that search must learn of.
    """

    id: int
    tag: bytes | None
    key: bytes
    sealed: bytes
    seen: int
    expires: int | None
    withdrawn: int | None
    merged: int | None
    revision: int


class FaceRow(NamedTuple):
    """photo: keyed fingerprint of the picture; a person has one face in it at most, per model."""

    id: int
    person: int
    model: str
    photo: bytes
    sealed: bytes


class LinkRow(NamedTuple):
    """Two people that were said to be different."""

    id: int
    a: int
    b: int


class EditRow(NamedTuple):
    """A correction and what undoes it.    people: packed ids, so that erasure finds every edit."""

    id: int
    at: int
    kind: str
    people: bytes
    sealed: bytes
    undone: int


class AuditRow(NamedTuple):
    """mac chains the row to the one before."""

    seq: int
    at: float
    actor: str
    action: str
    subject: int | None
    detail: str
    mac: bytes


class Records(Protocol):
    """A durable store. Reads see committed rows; writes are legal inside `writing` only, which is atomic,
    durable when it returns, and excludes every other writer. Failures are `StoreError`.

    serves: whether the store searches, instead of each process.
    """

    serves: bool

    def writing(self) -> AbstractContextManager[None]: ...
    def filling(self) -> AbstractContextManager[None]:
        """`writing` for a store without a gallery, however much is written; broken off, it still has none."""

    def get_meta(self, name: str) -> bytes | None: ...
    def put_meta(self, name: str, value: bytes) -> None: ...
    def metas(self) -> list[str]:
        """The names of all values."""

    def revision(self) -> int:
        """Grows with every change that search must learn of."""

    def next_revision(self) -> int: ...
    def people(self, ids: Sequence[int]) -> list[PersonRow]: ...
    def people_by_tag(self, tags: Sequence[bytes]) -> list[PersonRow]: ...
    def people_after(self, id: int, limit: int) -> list[PersonRow]:
        """In order of id, from the first beyond ``id``."""

    def people_changed(self, revision: int) -> Iterator[PersonRow]:
        """Everyone whose revision is greater."""

    def gone_since(self, revision: int) -> list[int]:
        """Ids of people erased after that revision."""

    def merged_into(self, ids: Sequence[int]) -> list[int]: ...
    def add_people(self, rows: Iterable[PersonRow]) -> None:
        """Insert new people; an id that exists already is refused, never overwritten."""

    def put_people(self, rows: Iterable[PersonRow]) -> None: ...
    def drop_people(self, ids: Sequence[int], revision: int) -> None:
        """Remove people with their faces and links, and note that they are gone."""

    def faces_of(self, people: Sequence[int], model: str | None = None) -> list[FaceRow]: ...
    def faces(self, ids: Sequence[int]) -> list[FaceRow]: ...
    def faces_in(self, photo: bytes) -> list[FaceRow]: ...
    def put_faces(self, rows: Iterable[FaceRow]) -> None: ...
    def drop_faces(self, ids: Sequence[int]) -> None: ...
    def links(self) -> list[LinkRow]: ...
    def put_link(self, row: LinkRow) -> None: ...
    def drop_link(self, id: int) -> None: ...
    def edits(self) -> list[EditRow]:
        """Newest first."""

    def put_edit(self, row: EditRow) -> None: ...
    def drop_edits(self, ids: Sequence[int]) -> None: ...
    def audit_after(self, seq: int, limit: int) -> list[AuditRow]: ...
    def put_audit(self, rows: Iterable[AuditRow]) -> None: ...
    def replace_macs(self, rows: Iterable[AuditRow]) -> None:
        """Give entries that are here other MACs: for a new key."""

    def count(self) -> tuple[int, int]:
        """How many people (merged ones not counted) and faces."""

    def models(self) -> dict[str, int]:
        """Model name -> faces."""

    def server_index(self, model: str, dimension: int) -> Index | None:
        """The index that the store keeps for all its users, or None unless it ``serves``."""

    def wipe_traces(self) -> None:
        """After an erasure: leave no deleted byte in files of the store."""

    def check(self) -> list[str]:
        """What is wrong with the store's files; empty when nothing is."""

    def files(self) -> list[Path]:
        """Local files that hold rows, for the proof of an erasure; empty for a server."""

    def backup(self, path: Path) -> None: ...
    def close(self) -> None: ...
