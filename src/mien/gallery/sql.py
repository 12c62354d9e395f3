"""The SQL that SQLite and PostgreSQL have in common; each store adds its connection and its transactions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

from mien.gallery.rows import AuditRow, EditRow, FaceRow, LinkRow, PersonRow

# SQLite allows 32,766 parameters in a statement; pages this size keep plans and memory small.
PAGE = 500


class SqlRecords(ABC):
    """Statements with ``?`` placeholders over two primitives."""

    @abstractmethod
    def writing(self) -> AbstractContextManager[None]:
        """One transaction."""

    def filling(self) -> AbstractContextManager[None]:
        return self.writing()

    @abstractmethod
    def run(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement and fetch everything."""

    @abstractmethod
    def run_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run one statement for each row."""

    def get_meta(self, name: str) -> bytes | None:
        rows = self.run("SELECT value FROM meta WHERE name = ?", (name,))
        return bytes(rows[0][0]) if rows else None

    def put_meta(self, name: str, value: bytes) -> None:
        self.run(
            "INSERT INTO meta (name, value) VALUES (?, ?) "
            "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (name, value),
        )

    def metas(self) -> list[str]:
        return [str(row[0]) for row in self.run("SELECT name FROM meta ORDER BY name")]

    def revision(self) -> int:
        return int.from_bytes(self.get_meta("revision") or b"", "little")

    def next_revision(self) -> int:
        following = self.revision() + 1
        self.put_meta("revision", following.to_bytes(8, "little"))
        return following

    def people(self, ids: Sequence[int]) -> list[PersonRow]:
        return [PersonRow(*row) for row in self._in("SELECT * FROM people WHERE id IN", ids)]

    def people_by_tag(self, tags: Sequence[bytes]) -> list[PersonRow]:
        return [PersonRow(*row) for row in self._in("SELECT * FROM people WHERE tag IN", tags)]

    def people_after(self, id: int, limit: int) -> list[PersonRow]:
        rows = self.run("SELECT * FROM people WHERE id > ? ORDER BY id LIMIT ?", (id, limit))
        return [PersonRow(*row) for row in rows]

    def people_changed(self, revision: int) -> Iterator[PersonRow]:
        last = (revision, 2**63 - 1)
        while True:
            rows = self.run(
                "SELECT * FROM people WHERE (revision, id) > (?, ?) ORDER BY revision, id LIMIT ?",
                (*last, PAGE),
            )
            yield from (PersonRow(*row) for row in rows)
            if len(rows) < PAGE:
                return
            final = PersonRow(*rows[-1])
            last = (final.revision, final.id)

    def gone_since(self, revision: int) -> list[int]:
        return [row[0] for row in self.run("SELECT person FROM gone WHERE revision > ?", (revision,))]

    def merged_into(self, ids: Sequence[int]) -> list[int]:
        return [row[0] for row in self._in("SELECT id FROM people WHERE merged IN", ids)]

    def add_people(self, rows: Iterable[PersonRow]) -> None:
        self.run_many(
            "INSERT INTO people (id, tag, key, sealed, seen, expires, withdrawn, merged, revision) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )

    def put_people(self, rows: Iterable[PersonRow]) -> None:
        self.run_many(
            "INSERT INTO people (id, tag, key, sealed, seen, expires, withdrawn, merged, revision) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET tag = excluded.tag, "
            "key = excluded.key, sealed = excluded.sealed, seen = excluded.seen, expires = excluded.expires, "
            "withdrawn = excluded.withdrawn, merged = excluded.merged, revision = excluded.revision",
            rows,
        )

    def drop_people(self, ids: Sequence[int], revision: int) -> None:
        self.run_many("DELETE FROM faces WHERE person = ?", ((id,) for id in ids))
        self.run_many("DELETE FROM links WHERE a = ? OR b = ?", ((id, id) for id in ids))
        self.run_many("DELETE FROM people WHERE id = ?", ((id,) for id in ids))
        self.run_many("INSERT INTO gone (person, revision) VALUES (?, ?)", ((id, revision) for id in ids))

    def faces_of(self, people: Sequence[int], model: str | None = None) -> list[FaceRow]:
        # Newer rows come later, so that pooling sees them in the order of enrolment.
        if model is None:
            rows = self._in("SELECT * FROM faces WHERE person IN", people)
        else:
            rows = self._in("SELECT * FROM faces WHERE person IN", people, " AND model = ?", (model,))
        return sorted(FaceRow(*row) for row in rows)

    def faces(self, ids: Sequence[int]) -> list[FaceRow]:
        return [FaceRow(*row) for row in self._in("SELECT * FROM faces WHERE id IN", ids)]

    def faces_in(self, photo: bytes) -> list[FaceRow]:
        return [FaceRow(*row) for row in self.run("SELECT * FROM faces WHERE photo = ?", (photo,))]

    def put_faces(self, rows: Iterable[FaceRow]) -> None:
        self.run_many(
            "INSERT INTO faces (id, person, model, photo, sealed) VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO "
            "UPDATE SET person = excluded.person, photo = excluded.photo, sealed = excluded.sealed",
            rows,
        )

    def drop_faces(self, ids: Sequence[int]) -> None:
        self.run_many("DELETE FROM faces WHERE id = ?", ((id,) for id in ids))

    def links(self) -> list[LinkRow]:
        return [LinkRow(*row) for row in self.run("SELECT id, a, b FROM links")]

    def put_link(self, row: LinkRow) -> None:
        self.run("INSERT INTO links (id, a, b) VALUES (?, ?, ?)", row)

    def drop_link(self, id: int) -> None:
        self.run("DELETE FROM links WHERE id = ?", (id,))

    def edits(self) -> list[EditRow]:
        rows = self.run("SELECT id, at, kind, people, sealed, undone FROM edits ORDER BY id DESC")
        return [EditRow(*row) for row in rows]

    def put_edit(self, row: EditRow) -> None:
        self.run(
            "INSERT INTO edits (id, at, kind, people, sealed, undone) VALUES (?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (id) DO UPDATE SET undone = excluded.undone",
            row,
        )

    def drop_edits(self, ids: Sequence[int]) -> None:
        self.run_many("DELETE FROM edits WHERE id = ?", ((id,) for id in ids))

    def audit_after(self, seq: int, limit: int) -> list[AuditRow]:
        rows = self.run("SELECT * FROM audit WHERE seq > ? ORDER BY seq LIMIT ?", (seq, limit))
        return [AuditRow(*row) for row in rows]

    def put_audit(self, rows: Iterable[AuditRow]) -> None:
        self.run_many(
            "INSERT INTO audit (seq, at, actor, action, subject, detail, mac) VALUES (?, ?, ?, ?, ?, ?, ?)",
            rows,
        )

    def replace_macs(self, rows: Iterable[AuditRow]) -> None:
        self.run_many("UPDATE audit SET mac = ? WHERE seq = ?", ((row.mac, row.seq) for row in rows))

    def count(self) -> tuple[int, int]:
        people = self.run("SELECT count(*) FROM people WHERE merged IS NULL")[0][0]
        return int(people), int(self.run("SELECT count(*) FROM faces")[0][0])

    def models(self) -> dict[str, int]:
        return dict(self.run("SELECT model, count(*) FROM faces GROUP BY model"))

    def _in(
        self, sql: str, keys: Sequence[Any], more: str = "", values: Sequence[Any] = ()
    ) -> list[tuple[Any, ...]]:
        found = []
        for start in range(0, len(keys), PAGE):
            page = keys[start : start + PAGE]
            marks = ", ".join("?" * len(page))
            found += self.run(f"{sql} ({marks}){more}", (*page, *values))
        return found
