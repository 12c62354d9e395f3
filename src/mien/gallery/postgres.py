"""The store for several machines: PostgreSQL, with pgvector doing the search. The only importer of psycopg.

Records are sealed here exactly as in the embedded store. Search runs on the server, so that one holds
templates that it can compare: protected by the gallery's rotation (`mien.privacy.protect`), not encrypted.
Whoever reads that table learns who resembles whom, and no face, while the rotation's key, which is sealed,
stays secret.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import DependencyMissing, StoreError
from mien.gallery.index import Ids, Index, Templates
from mien.gallery.schema import STEPS, steps_after
from mien.gallery.sql import SqlRecords
from mien.gallery.templates import comparable

# Any number that other programs on the server are unlikely to lock: "MIEN" twice.
LOCK = 0x4D49454E4D49454E
LOCK_SECONDS = 60
TEMPLATES = "templates_"  # begins the names of the tables that are searched
_TYPES = {"blob": "BYTEA", "int": "BIGINT", "real": "DOUBLE PRECISION"}
# Of hnsw: candidates kept while searching; 400 finds the mate in all but a few of ten thousand searches.
EF_SEARCH = 400


class PostgresRecords(SqlRecords):
    """`mien.gallery.rows.Records` on a server; one connection, safe for several threads.

    uri: what libpq takes; ``?options=-csearch_path%3Dname`` chooses a schema.
    create: make the tables where there are none; else that is a `StoreError`.
    """

    serves = True

    def __init__(self, uri: str, create: bool = True) -> None:
        try:
            import psycopg
        except ImportError as error:
            raise DependencyMissing("PostgreSQL needs psycopg: pip install mien[postgres]") from error
        self._psycopg = psycopg
        self._thread = threading.RLock()
        self._depth = 0
        with self._named_errors():
            self._db = psycopg.connect(uri, autocommit=True)
        try:
            self._configure(create)
        except BaseException:
            self._db.close()
            raise

    def _configure(self, create: bool) -> None:
        with self._named_errors():
            # An acknowledged enrolment is on disk, whatever the server's default says.
            self._db.execute("SET synchronous_commit = on")
            self._db.execute(f"SET lock_timeout = '{LOCK_SECONDS}s'")
            self._db.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
            try:
                self._migrate(create)
            finally:
                self._db.execute("SELECT pg_advisory_unlock(%s)", (LOCK,))

    def _migrate(self, create: bool) -> None:
        if self._db.execute("SELECT current_schema()").fetchall()[0][0] is None:
            raise StoreError("the URI names a schema that is not there: make it with CREATE SCHEMA")
        if not self.has("mien_schema"):
            if not create:
                raise StoreError(
                    "there is no gallery in this database: enrol somebody, or name another schema"
                )
            self._db.execute("CREATE TABLE IF NOT EXISTS mien_schema (step BIGINT NOT NULL)")
        rows = self._db.execute("SELECT max(step) FROM mien_schema").fetchall()
        version = int(rows[0][0] or 0)
        if version > len(STEPS):
            raise StoreError(f"the gallery was written by a newer mien (step {version}): update mien")
        if version < len(STEPS):
            with self._db.transaction():
                for statement in steps_after(version, **_TYPES):
                    self._db.execute(statement.encode())
                self._db.execute("INSERT INTO mien_schema (step) VALUES (%s)", (len(STEPS),))

    @contextmanager
    def writing(self) -> Iterator[None]:
        with self._thread, self._named_errors(), self._db.transaction():
            self._db.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
            yield

    def run(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._thread, self._named_errors():
            cursor = self._db.execute(_placeholders(sql), tuple(values))
            return cursor.fetchall() if cursor.description else []

    def run_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        with self._thread, self._named_errors(), self._db.cursor() as cursor:
            cursor.executemany(_placeholders(sql), [tuple(row) for row in rows])

    def has(self, table: str) -> bool:
        """Whether this gallery's own schema has the table; a later one of the search path is another's."""
        found = self.run("SELECT to_regclass(quote_ident(current_schema()) || '.' || ?)", (table,))
        return found != [(None,)]

    def server_index(self, model: str, dimension: int) -> Index | None:
        """The table of protected templates of one network."""
        with self._thread, self._named_errors():
            return PgVectorIndex(self, model, dimension)

    def wipe_traces(self) -> None:
        """Rewrite the tables that held the erased rows, so that the server's files lose them too."""
        templates = self.run(
            "SELECT tablename FROM pg_tables "
            "WHERE schemaname = current_schema() AND starts_with(tablename, ?)",
            (TEMPLATES,),
        )
        with self._thread, self._named_errors():
            for name in ("people", "faces", "edits", "links", *(str(row[0]) for row in templates)):
                self._db.execute(
                    self._psycopg.sql.SQL("VACUUM FULL {}").format(self._psycopg.sql.Identifier(name))
                )

    def check(self) -> list[str]:
        return []  # the server checks its own pages; `People.verify` opens every record

    def files(self) -> list[Path]:
        return []

    def backup(self, path: Path) -> None:
        raise StoreError("a PostgreSQL gallery is backed up by the server: use pg_dump")

    def close(self) -> None:
        with self._thread:
            self._db.close()

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        errors = self._psycopg.errors
        try:
            yield
        except errors.LockNotAvailable as error:
            raise StoreError(f"another process wrote for {LOCK_SECONDS} s: try again later") from error
        except errors.DiskFull as error:
            raise StoreError("the server's disk is full and nothing was stored: make room") from error
        except self._psycopg.Error as error:
            # libpq's message quotes the host, never the password.
            first = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise StoreError(f"PostgreSQL refused ({first}): check the server and the URI") from error


class PgVectorIndex:
    """Templates in a table with an HNSW index; every process of the gallery shares it."""

    kind = "pgvector"

    def __init__(self, records: PostgresRecords, model: str, dimension: int) -> None:
        self._records, self.dimension = records, dimension
        self._table = f"{TEMPLATES}{''.join(c if c.isalnum() else '_' for c in model.lower())}_{dimension}"
        if not records.has(self._table):
            records.run("CREATE EXTENSION IF NOT EXISTS vector")
            records.run(
                f"CREATE TABLE IF NOT EXISTS {self._table} "
                f"(person BIGINT PRIMARY KEY, template vector({dimension}) NOT NULL)"
            )
            records.run(
                f"CREATE INDEX IF NOT EXISTS {self._table}_near ON {self._table} "
                "USING hnsw (template vector_ip_ops)"
            )
        records.run(f"SET hnsw.ef_search = {EF_SEARCH}")

    def __len__(self) -> int:
        return int(self._records.run(f"SELECT count(*) FROM {self._table}")[0][0])

    def put(self, ids: Ids, templates: Templates) -> None:
        self._records.run_many(
            f"INSERT INTO {self._table} (person, template) VALUES (?, ?) "
            "ON CONFLICT (person) DO UPDATE SET template = excluded.template",
            ((int(id), _literal(row)) for id, row in zip(ids, comparable(templates), strict=True)),
        )

    def drop(self, ids: Ids) -> None:
        if len(ids):
            self._records.run_many(f"DELETE FROM {self._table} WHERE person = ?", ((int(i),) for i in ids))

    def nearest(self, query: Templates, k: int) -> Ids:
        rows = self._records.run(
            f"SELECT person FROM {self._table} ORDER BY template <#> ?::vector LIMIT ?",
            (_literal(comparable(query)), k),
        )
        return np.array([row[0] for row in rows], dtype=np.int64)

    def state(self) -> Iterator[tuple[str, NDArray[np.generic]]]:
        return iter(())  # the server keeps it

    def restore(self, name: str, array: NDArray[np.generic]) -> None:
        raise StoreError("a server's index is not restored from a snapshot: report this as a bug of mien")


def _literal(vector: Templates) -> str:
    """A vector as pgvector reads it.

    >>> _literal(np.array([1, 0.5], np.float32))
    '[1.0,0.5]'
    """
    return "[" + ",".join(map(repr, vector.tolist())) + "]"


def _placeholders(sql: str) -> bytes:
    return sql.replace("%", "%%").replace("?", "%s").encode()
