"""A gallery in a store that has no transactions: a write-ahead journal makes every change whole or absent.

Inside `writing` nothing reaches the tables: changes gather in a `Pending`, through which this connection
reads. At the end they are written to the journal, then one row with key 0 decides: from then on the
transaction happens, even if this process dies at once, because whoever writes or opens next carries it out.
Every step puts or drops rows by key, so carrying it out twice does no harm. Other processes may read while it
is carried out, and then see part of it for some milliseconds; faces come before their person, the revision
comes last.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mien.core.errors import StoreCorrupt, StoreError
from mien.gallery.documents import (
    AUDIT,
    EDITS,
    FACES,
    GONE,
    JOURNAL,
    LINKS,
    META,
    PEOPLE,
    TABLES,
    Documents,
    GoneRow,
    JournalRow,
    MetaRow,
    Row,
    Table,
    Where,
)
from mien.gallery.index import Index
from mien.gallery.pending import Pending, parse_pending
from mien.gallery.rows import AuditRow, EditRow, FaceRow, LinkRow, PersonRow
from mien.gallery.turns import Turns

PAGE = 500
BATCH = 500
FILL = 5_000
STEP = 1
DECISION = 0


class JournaledRecords:
    """`mien.gallery.rows.Records` over `Documents`; safe for several threads and processes at once.

    alone: nobody else can have the store open, so places left by a killed process may go at once.
    """

    serves = True

    def __init__(self, documents: Documents, alone: bool = False) -> None:
        self._documents = documents
        self._thread = threading.RLock()
        self._pending: Pending | None = None
        self._filling = False
        self._turns = Turns(documents)
        if alone:
            self._turns.clear()
        self._check_version()
        if documents.count(JOURNAL):
            with self._turns.mine():
                self._recover()
                documents.drop(JOURNAL, [row.id for row in documents.find(JOURNAL)])

    def _check_version(self) -> None:
        version = int.from_bytes(self.get_meta("schema") or STEP.to_bytes(2, "little"), "little")
        if version > STEP:
            raise StoreError(f"the gallery was written by a newer mien (step {version}): update mien")

    # --- transactions ------------------------------------------------------------------------------------

    @contextmanager
    def writing(self) -> Iterator[None]:
        with self._thread, self._turns.mine():
            self._recover()
            self._pending = Pending()
            try:
                yield
                self._commit(self._pending)
            finally:
                self._pending = None

    @contextmanager
    def filling(self) -> Iterator[None]:
        """Without the journal: until the end the store holds no gallery, and the next filling starts over."""
        with self._thread, self._turns.mine():
            if self.get_meta("gallery") is not None:  # made since the caller looked: it must not be cleared
                raise StoreError("there is a gallery already: name another place")
            for table in TABLES:
                while rows := self._documents.page(table, -1, BATCH) if table is not META else []:
                    self._documents.drop(table, [row[0] for row in rows])
            self._pending, self._filling = Pending(), True
            try:
                yield
                self._turns.renew()
                self._carry_out(self._pending)
            finally:
                self._pending, self._filling = None, False

    def _commit(self, pending: Pending) -> None:
        if not len(pending):
            return
        text = pending.to_text()
        piece = self._documents.longest
        pieces = [text[i : i + piece] for i in range(0, len(text), piece)]
        digest, transaction = hashlib.sha256(text.encode()).hexdigest(), secrets.randbits(62)
        rows = [
            JournalRow(i, transaction, len(pieces), digest, part) for i, part in enumerate(pieces, start=1)
        ]
        alone = len(rows) == 1
        if not alone:
            self._put(JOURNAL, rows)
        self._turns.renew()
        decision = JournalRow(DECISION, transaction, len(pieces), digest, text if alone else "")
        self._documents.put(JOURNAL, [decision])
        self._carry_out(pending)
        self._documents.drop(JOURNAL, [DECISION])
        if not alone:
            self._drop(JOURNAL, [row.id for row in rows])

    def _recover(self) -> None:
        """Carry out what a process decided before it died."""
        found = self._documents.find(JOURNAL, Where("id", (DECISION,)))
        if not found:
            return
        decision = found[0]
        text = decision.data
        if decision.parts > 1:
            rows = self._documents.find(JOURNAL, Where("transaction", (decision.transaction,)))
            text = "".join(row.data for row in sorted(rows))
        if hashlib.sha256(text.encode()).hexdigest() != decision.digest:
            raise StoreCorrupt("the gallery's journal is damaged: restore the gallery from a backup")
        self._carry_out(parse_pending(text))
        self._documents.drop(JOURNAL, [DECISION])

    def _carry_out(self, pending: Pending) -> None:
        for table, put, dropped in pending.steps():
            self._put(table, put)
            self._drop(table, dropped)

    def _put(self, table: Table, rows: Sequence[Row]) -> None:
        for start in range(0, len(rows), BATCH):
            self._turns.renew()
            self._documents.put(table, rows[start : start + BATCH])

    def _drop(self, table: Table, keys: Sequence[Any]) -> None:
        for start in range(0, len(keys), BATCH):
            self._turns.renew()
            self._documents.drop(table, keys[start : start + BATCH])

    def _stage(self, table: Table, rows: Iterable[Row]) -> None:
        rows = list(rows)
        longest = max((len(value) for row in rows for value in row if isinstance(value, bytes)), default=0)
        if longest > self._documents.longest * 3 // 4:
            raise StoreError(
                f"a record of {longest:,} bytes is too long for this store: use PostgreSQL or a folder"
            )
        self._open_pending().put(table, rows)
        self._turns.renew()
        if self._filling and len(self._open_pending()) > FILL and table is not META:
            self._spill()

    def _spill(self) -> None:
        """Of a filling, write down everything but the facts that make the store a gallery."""
        full, self._pending = self._open_pending(), Pending()
        for table, put, _ in full.steps():
            if table is META:
                self._pending.put(META, put)
            else:
                self._put(table, put)

    def _stage_drop(self, table: Table, keys: Iterable[Any]) -> None:
        self._open_pending().drop(table, keys)

    def _open_pending(self) -> Pending:
        if self._pending is None:
            raise StoreError("a write outside of `writing`: report this as a bug of mien")
        return self._pending

    # --- reading through the transaction -----------------------------------------------------------------

    def _find(self, table: Table, *wheres: Where) -> list[Any]:
        with self._thread:
            rows = self._documents.find(table, *wheres)
            if self._pending is None:
                return rows
            self._turns.renew()
            return self._pending.over(table, rows, wheres)

    def _in(self, table: Table, field: str, values: Iterable[Any], *more: Where) -> list[Any]:
        wanted = list(dict.fromkeys(values))
        return [
            row
            for start in range(0, len(wanted), PAGE)
            for row in self._find(table, Where(field, frozenset(wanted[start : start + PAGE])), *more)
        ]

    def _page(self, table: Table, after: int, limit: int, *wheres: Where) -> list[Any]:
        with self._thread:
            if self._pending is None:
                return self._documents.page(table, after, limit, *wheres)
            self._turns.renew()
            # As many more as the transaction may have dropped.
            rows = self._documents.page(table, after, limit + self._pending.touched(table, after), *wheres)
            beyond = Where(table.key, beyond=after)
            return sorted(self._pending.over(table, rows, (beyond, *wheres)), key=_key)[:limit]

    def _every(self, table: Table, *wheres: Where) -> Iterator[Any]:
        last = -1
        while rows := self._page(table, last, PAGE, *wheres):
            yield from rows
            last = rows[-1][0]

    # --- Records -----------------------------------------------------------------------------------------

    def get_meta(self, name: str) -> bytes | None:
        first = self._find(META, Where("name", (f"{name}/0",)))
        if not first:
            return None
        count = int.from_bytes(first[0].value[:2], "little")
        rest = [f"{name}/{i}" for i in range(1, count)]
        rows = {row.name: row.value for row in self._in(META, "name", rest)}
        return b"".join([first[0].value[2:], *(rows[key] for key in rest)])

    def put_meta(self, name: str, value: bytes) -> None:
        size = self._documents.longest // 2
        pieces = [value[i : i + size] for i in range(0, len(value), size)] or [b""]
        pieces[0] = len(pieces).to_bytes(2, "little") + pieces[0]
        self._stage(META, [MetaRow(f"{name}/{i}", piece) for i, piece in enumerate(pieces)])

    def metas(self) -> list[str]:
        return sorted({row.name.rpartition("/")[0] for row in self._find(META)})

    def revision(self) -> int:
        return int.from_bytes(self.get_meta("revision") or b"", "little")

    def next_revision(self) -> int:
        following = self.revision() + 1
        self.put_meta("revision", following.to_bytes(8, "little"))
        return following

    def people(self, ids: Sequence[int]) -> list[PersonRow]:
        return self._in(PEOPLE, "id", ids)

    def people_by_tag(self, tags: Sequence[bytes]) -> list[PersonRow]:
        return self._in(PEOPLE, "tag", tags)

    def people_after(self, id: int, limit: int) -> list[PersonRow]:
        return self._page(PEOPLE, id, limit)

    def people_changed(self, revision: int) -> Iterator[PersonRow]:
        yield from self._every(PEOPLE, Where("revision", beyond=revision))

    def gone_since(self, revision: int) -> list[int]:
        return [row.person for row in self._every(GONE, Where("revision", beyond=revision))]

    def merged_into(self, ids: Sequence[int]) -> list[int]:
        return [row.id for row in self._in(PEOPLE, "merged", ids)]

    def add_people(self, rows: Iterable[PersonRow]) -> None:
        rows = list(rows)
        if self.people([row.id for row in rows]):
            raise StoreError("an id was given twice: repeat the enrolment")
        self.put_people(rows)

    def put_people(self, rows: Iterable[PersonRow]) -> None:
        rows = list(rows)
        owners = {row.tag: row.id for row in rows if row.tag is not None}
        tagged = self.people_by_tag([*owners])
        ids = {row.id for row in rows}
        if len(owners) < sum(row.tag is not None for row in rows) or any(t.id not in ids for t in tagged):
            raise StoreError("two people would have one name: merge them, or choose another name")
        self._stage(PEOPLE, rows)

    def drop_people(self, ids: Sequence[int], revision: int) -> None:
        wanted = set(ids)
        self._stage_drop(FACES, [face.id for face in self.faces_of(ids)])
        self._stage_drop(LINKS, [link.id for link in self.links() if {link.a, link.b} & wanted])
        self._stage_drop(PEOPLE, ids)
        self._stage(GONE, [GoneRow(id, revision) for id in ids])

    def faces_of(self, people: Sequence[int], model: str | None = None) -> list[FaceRow]:
        more = () if model is None else (Where("model", (model,)),)
        return sorted(self._in(FACES, "person", people, *more))

    def faces(self, ids: Sequence[int]) -> list[FaceRow]:
        return self._in(FACES, "id", ids)

    def faces_in(self, photo: bytes) -> list[FaceRow]:
        return self._find(FACES, Where("photo", (photo,)))

    def put_faces(self, rows: Iterable[FaceRow]) -> None:
        self._stage(FACES, rows)

    def drop_faces(self, ids: Sequence[int]) -> None:
        self._stage_drop(FACES, ids)

    def links(self) -> list[LinkRow]:
        return list(self._every(LINKS))

    def put_link(self, row: LinkRow) -> None:
        self._stage(LINKS, [row])

    def drop_link(self, id: int) -> None:
        self._stage_drop(LINKS, [id])

    def edits(self) -> list[EditRow]:
        return sorted(self._every(EDITS), reverse=True)

    def put_edit(self, row: EditRow) -> None:
        self._stage(EDITS, [row])

    def drop_edits(self, ids: Sequence[int]) -> None:
        self._stage_drop(EDITS, ids)

    def audit_after(self, seq: int, limit: int) -> list[AuditRow]:
        return self._page(AUDIT, seq, limit)

    def put_audit(self, rows: Iterable[AuditRow]) -> None:
        self._stage(AUDIT, rows)

    def replace_macs(self, rows: Iterable[AuditRow]) -> None:
        self._stage(AUDIT, rows)

    def count(self) -> tuple[int, int]:
        with self._thread:
            people = self._documents.count(PEOPLE, Where("merged", (None,)))
            return people, self._documents.count(FACES)

    def models(self) -> dict[str, int]:
        return dict(Counter(row.model for row in self._every(FACES)))

    def server_index(self, model: str, dimension: int) -> Index | None:
        return self._documents.index(model, dimension)

    def wipe_traces(self) -> None:
        self._documents.settle()

    def check(self) -> list[str]:
        return []  # the server checks its own files; `People.verify` opens every record

    def files(self) -> list[Path]:
        return []

    def backup(self, path: Path) -> None:
        raise StoreError("this gallery is backed up by its server: or copy it, `mien gallery copy`")

    def close(self) -> None:
        with self._thread:
            self._documents.close()


def _key(row: Any) -> Any:
    return row[0]
