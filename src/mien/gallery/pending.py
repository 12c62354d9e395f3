"""A transaction before it is carried out: rows to put, keys to drop, and how queries look through it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from mien.gallery.documents import TABLES, Row, Table, Where, pack, unpack

_BY_NAME = {table.name: table for table in TABLES}


class Pending:
    """The last word on every key that the transaction touched; None is a dropped row."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[Any, Any]] = {table.name: {} for table in TABLES}

    def __len__(self) -> int:
        return sum(len(rows) for rows in self._rows.values())

    def put(self, table: Table, rows: Iterable[Row]) -> None:
        self._rows[table.name].update((row[0], row) for row in rows)

    def drop(self, table: Table, keys: Iterable[Any]) -> None:
        self._rows[table.name].update(dict.fromkeys(keys))

    def touched(self, table: Table, beyond: int = -1) -> int:
        """How many rows of the table with a greater key were put or dropped."""
        return sum(key > beyond for key in self._rows[table.name])

    def over(self, table: Table, rows: Iterable[Any], wheres: Sequence[Where]) -> list[Any]:
        """What the query would find after the transaction, given what it finds before it."""
        mine = self._rows[table.name]
        kept = [row for row in rows if row[0] not in mine]
        return kept + [r for r in mine.values() if r is not None and all(w.holds(r) for w in wheres)]

    def steps(self) -> Iterator[tuple[Table, list[Any], list[Any]]]:
        """(table, rows to put, keys to drop), in the order in which they are carried out."""
        for table in TABLES:
            rows = self._rows[table.name]
            put = [row for row in rows.values() if row is not None]
            dropped = [key for key, row in rows.items() if row is None]
            if put or dropped:
                yield table, put, dropped

    def to_text(self) -> str:
        steps = [[table.name, [*map(pack, put)], dropped] for table, put, dropped in self.steps()]
        return json.dumps(steps, separators=(",", ":"))


def parse_pending(text: str) -> Pending:
    """What `Pending.to_text` wrote."""
    pending = Pending()
    for name, put, dropped in json.loads(text):
        table = _BY_NAME[name]
        pending.put(table, (unpack(table, values) for values in put))
        pending.drop(table, dropped)
    return pending
