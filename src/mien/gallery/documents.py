"""What a store without transactions offers, and its tables; `mien.gallery.journaled` builds on it."""

from __future__ import annotations

import base64
import types
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple, Protocol, Union, get_args, get_origin, get_type_hints

from mien.gallery.index import Index
from mien.gallery.rows import AuditRow, EditRow, FaceRow, LinkRow, PersonRow

Row = tuple[Any, ...]


class MetaRow(NamedTuple):
    """One piece of a named value."""

    name: str
    value: bytes


class GoneRow(NamedTuple):
    """Somebody who was erased."""

    person: int
    revision: int


class JournalRow(NamedTuple):
    """A piece of a transaction on its way; the row with id 0 is the decision to carry it out."""

    id: int
    transaction: int
    parts: int
    digest: str
    data: str


class TurnRow(NamedTuple):
    """A process that writes or waits to (`mien.gallery.turns`)."""

    id: int
    ticket: int
    choosing: int
    beat: int


@dataclass(frozen=True, slots=True)
class Table:
    """row: the NamedTuple of its rows, whose first field is the key.    sought: fields that queries name."""

    name: str
    row: Any
    sought: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return str(self.row._fields[0])


META = Table("meta", MetaRow)
PEOPLE = Table("people", PersonRow, ("tag", "merged", "revision"))
FACES = Table("faces", FaceRow, ("person", "photo"))
LINKS = Table("links", LinkRow)
EDITS = Table("edits", EditRow)
GONE = Table("gone", GoneRow, ("revision",))
AUDIT = Table("audit", AuditRow)
JOURNAL = Table("journal", JournalRow)
TURNS = Table("turns", TurnRow)
# In the order in which a transaction is carried out: whoever reads meanwhile finds no person without faces,
# and the revision, which tells searchers to look, comes last.
TABLES = (FACES, GONE, LINKS, EDITS, AUDIT, PEOPLE, META)


@dataclass(frozen=True, slots=True)
class Where:
    """Rows whose field is one of ``among``, or greater than ``beyond``."""

    field: str
    among: Collection[Any] | None = None
    beyond: int | None = None

    def holds(self, row: Row) -> bool:
        value = getattr(row, self.field)
        return value > self.beyond if self.among is None else value in self.among


class Documents(Protocol):
    """Rows by key. What `put` and `drop` were given is durable when they return, row by row: neither is
    atomic. Reads see every write that returned, also another process's. Failures are `StoreError`.

    longest: bytes that fit into one field.
    """

    longest: int

    def put(self, table: Table, rows: Sequence[Row]) -> None:
        """Add rows, replacing those with the same key."""

    def drop(self, table: Table, keys: Sequence[Any]) -> None: ...
    def find(self, table: Table, *wheres: Where) -> list[Any]:
        """Every row for which all conditions hold, in any order."""

    def page(self, table: Table, after: int, limit: int, *wheres: Where) -> list[Any]:
        """The first rows with a key beyond ``after``, in order of the key."""

    def count(self, table: Table, *wheres: Where) -> int: ...
    def index(self, model: str, dimension: int) -> Index:
        """Templates that the store searches itself."""

    def settle(self) -> None:
        """Ask for the bytes of dropped rows to be removed."""

    def close(self) -> None: ...


@cache
def kinds(table: Table) -> dict[str, type]:
    """The type of each field, int, float, str or bytes; whether it may be None is left out.

    >>> kinds(GONE)
    {'person': <class 'int'>, 'revision': <class 'int'>}
    """
    return {name: _plain(hint) for name, hint in get_type_hints(table.row).items()}


def pack(row: Row) -> list[Any]:
    """A row as JSON can hold it.

    >>> pack(LinkRow(1, 2, 3)), pack(MetaRow("a", b"b"))
    ([1, 2, 3], ['a', 'Yg=='])
    """
    return [base64.b64encode(value).decode() if isinstance(value, bytes) else value for value in row]


def unpack(table: Table, values: Sequence[Any]) -> Any:
    """The row that was packed."""
    return table.row(
        *(
            base64.b64decode(value) if kind is bytes and value is not None else value
            for kind, value in zip(kinds(table).values(), values, strict=True)
        )
    )


def _plain(hint: Any) -> type:
    if get_origin(hint) in (Union, types.UnionType):
        (hint,) = (kind for kind in get_args(hint) if kind is not type(None))
    return hint  # type: ignore[no-any-return]  # the rows' fields have one type each
