"""The store for those who outgrow one machine: Milvus. The only importer of pymilvus and milvus-lite.

Rows live in one collection a table, sealed as everywhere; `mien.gallery.journaled` adds the transactions that
Milvus has not. Every collection must have a vector, so tables of rows carry two zeros that nothing searches.
Search runs on the server: as with PostgreSQL, that one collection holds templates under the gallery's
rotation, not encrypted.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import DependencyMissing, StoreError
from mien.gallery.documents import JOURNAL, TABLES, TURNS, Row, Table, Where, kinds, pack, unpack
from mien.gallery.index import Ids, Templates
from mien.gallery.journaled import JournaledRecords
from mien.gallery.milvus_uri import Place, parse_uri
from mien.gallery.templates import comparable

LONGEST = 65_535  # of a VARCHAR, in bytes
NONE = -1  # ids and times are positive
PAGE = 1_000
SECONDS = 60.0
FILE_SECONDS = 10.0
# Of HNSW: links a node, candidates while building and while searching.
M, EF_CONSTRUCTION, EF_SEARCH = 16, 200, 400
_FILES: dict[str, int] = {}  # files of milvus-lite that this process has open, and how often
_FILES_LOCK = threading.Lock()


def open_milvus(uri: str, create: bool = True) -> JournaledRecords:
    """The store that the URI names; `StoreError` where there is none and ``create`` is False."""
    place = parse_uri(uri)
    documents = MilvusDocuments(place, create)
    try:
        return JournaledRecords(documents, alone=documents.alone)
    except BaseException:
        documents.close()
        raise


class MilvusDocuments:
    """`mien.gallery.documents.Documents` in Milvus, read with strong consistency.

    alone: this is the only connection that can be: the first in the process that holds the file.
    """

    longest = LONGEST

    def __init__(self, place: Place, create: bool = True) -> None:
        try:
            import pymilvus
        except ImportError as error:
            raise DependencyMissing("Milvus needs pymilvus: pip install mien[milvus]") from error
        self._milvus = pymilvus
        self._place = place
        self._closed = False
        self.alone = False if place.file is None else _hold(place.file, create)
        try:
            with self._named_errors():
                self._client = pymilvus.MilvusClient(
                    place.uri, token=place.token, db_name=place.database, timeout=SECONDS
                )
                for table in (*TABLES, JOURNAL, TURNS):
                    self._make(table, create)
        except BaseException:
            if place.file is not None:
                _release(place.file)
            raise

    # --- Documents ---------------------------------------------------------------------------------------

    def put(self, table: Table, rows: Sequence[Row]) -> None:
        if rows:
            with self._named_errors():
                self._client.upsert(self._name(table), [_document(table, row) for row in rows])

    def drop(self, table: Table, keys: Sequence[Any]) -> None:
        if keys:
            with self._named_errors():
                self._client.delete(self._name(table), ids=list(keys))

    def find(self, table: Table, *wheres: Where) -> list[Any]:
        if any(where.among is not None and not where.among for where in wheres):
            return []
        return self._query(table, _filter(table, wheres) or _anything(table))

    def page(self, table: Table, after: int, limit: int, *wheres: Where) -> list[Any]:
        beyond = _filter(table, (Where(table.key, beyond=after), *wheres))
        # Without `reduce_stop_for_best` a server may answer with any rows beyond, not with the first.
        rows = self._query(table, beyond, limit=min(limit, 16_384), reduce_stop_for_best=True)
        return sorted(rows, key=lambda row: row[0])

    def count(self, table: Table, *wheres: Where) -> int:
        with self._named_errors():
            rows = self._client.query(
                self._name(table),
                _filter(table, wheres),
                output_fields=["count(*)"],
                consistency_level="Strong",
            )
        return int(rows[0]["count(*)"])

    def index(self, model: str, dimension: int) -> MilvusIndex:
        with self._named_errors():
            return MilvusIndex(self, model, dimension)

    def settle(self) -> None:
        """Compact; the server removes the old files when it collects its garbage.

        milvus-lite flushes first, so that its log goes; a cluster does that by itself, and allows it rarely.
        """
        with self._named_errors():
            searched = [name for name in self._client.list_collections() if name.startswith(self.templates)]
            for name in (*map(self._name, (*TABLES, JOURNAL)), *searched):
                if self._place.file is not None:
                    self._client.flush(name)
                self._client.compact(name)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        with self._named_errors():
            self._client.close()
        if self._place.file is not None:
            _release(self._place.file)

    # --- below -------------------------------------------------------------------------------------------

    @property
    def templates(self) -> str:
        """What the names of collections that are searched begin with."""
        return f"{self._place.prefix}_templates_"

    def _name(self, table: Table) -> str:
        return f"{self._place.prefix}_{table.name}"

    def _query(self, table: Table, expression: str, **more: Any) -> list[Any]:
        with self._named_errors():
            found = self._client.query(
                self._name(table),
                expression,
                output_fields=list(kinds(table)),
                consistency_level="Strong",
                **more,
            )
        return [_row(table, document) for document in found]

    def _make(self, table: Table, create: bool) -> None:
        """See that the table is there, indexed and loaded."""
        if not create and not self._client.has_collection(self._name(table)):
            raise StoreError("there is no gallery in this Milvus: enrol somebody, or name another")
        types = self._milvus.DataType
        schema = self._client.create_schema(auto_id=False, enable_dynamic_field=False)
        for name, kind in kinds(table).items():
            key = name == table.key
            if kind is int:
                schema.add_field(name, types.INT64, is_primary=key)
            elif kind is float:
                schema.add_field(name, types.DOUBLE)
            else:
                schema.add_field(name, types.VARCHAR, is_primary=key, max_length=512 if key else LONGEST)
        schema.add_field("none", types.FLOAT_VECTOR, dim=2)
        sought = [{"field_name": name, "index_type": "INVERTED"} for name in table.sought]
        vector = {"field_name": "none", "index_type": "FLAT", "metric_type": "IP"}
        self.prepare(self._name(table), schema, [vector, *sought])

    def prepare(self, name: str, schema: Any, indexes: Sequence[dict[str, Any]]) -> None:
        """Make what is missing of a collection; a process that died, or is faster, may have begun."""
        if not self._client.has_collection(name):
            try:
                self._client.create_collection(name, schema=schema, consistency_level="Strong")
            except self._milvus.MilvusException:
                if not self._client.has_collection(name):
                    raise
        present = set(self._client.list_indexes(name))
        missing = self._client.prepare_index_params()
        for index in indexes:
            if index["field_name"] not in present:
                missing.add_index(index_name=index["field_name"], **index)
        if len(missing):
            self._client.create_index(name, missing, sync=False)  # waiting would poll for half a second each
        self._client.load_collection(name)

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except (self._milvus.MilvusException, ValueError) as error:
            first = str(getattr(error, "message", "") or error).splitlines()[0]
            raise StoreError(f"Milvus refused ({first}): check the server and the URI") from error


class MilvusIndex:
    """Templates in a collection with an HNSW index; every process of the gallery shares it."""

    kind = "milvus"

    def __init__(self, documents: MilvusDocuments, model: str, dimension: int) -> None:
        self._documents, self.dimension = documents, dimension
        self._client = documents._client
        word = "".join(c if c.isalnum() and c.isascii() else "_" for c in model.lower())
        self._name = f"{documents.templates}{word}_{dimension}"
        types = documents._milvus.DataType
        schema = self._client.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("person", types.INT64, is_primary=True)
        schema.add_field("template", types.FLOAT_VECTOR, dim=dimension)
        build = {"M": M, "efConstruction": EF_CONSTRUCTION}
        index = {"field_name": "template", "index_type": "HNSW", "metric_type": "IP", "params": build}
        documents.prepare(self._name, schema, [index])

    def __len__(self) -> int:
        with self._documents._named_errors():
            rows = self._client.query(self._name, "", output_fields=["count(*)"], consistency_level="Strong")
        return int(rows[0]["count(*)"])

    def put(self, ids: Ids, templates: Templates) -> None:
        rows = [
            {"person": int(id), "template": row}
            for id, row in zip(ids, comparable(templates).tolist(), strict=True)
        ]
        with self._documents._named_errors():
            for start in range(0, len(rows), PAGE):
                self._client.upsert(self._name, rows[start : start + PAGE])

    def drop(self, ids: Ids) -> None:
        with self._documents._named_errors():
            for start in range(0, len(ids), PAGE):
                self._client.delete(self._name, ids=[int(id) for id in ids[start : start + PAGE]])

    def nearest(self, query: Templates, k: int) -> Ids:
        with self._documents._named_errors():
            found = self._client.search(
                self._name,
                data=[comparable(query).tolist()],
                limit=min(k, 16_384),
                anns_field="template",
                search_params={"metric_type": "IP", "params": {"ef": max(EF_SEARCH, k)}},
                consistency_level="Strong",
            )
        return np.array([hit["person"] for hit in found[0]], dtype=np.int64)

    def state(self) -> Iterator[tuple[str, NDArray[np.generic]]]:
        return iter(())  # the server keeps it

    def restore(self, name: str, array: NDArray[np.generic]) -> None:
        raise StoreError("a server's index is not restored from a snapshot: report this as a bug of mien")


def _document(table: Table, row: Row) -> dict[str, Any]:
    """A row as Milvus takes it: no value is missing, bytes are base64."""
    filled = (
        (NONE if kind is int else "") if value is None else value
        for value, kind in zip(pack(row), kinds(table).values(), strict=True)
    )
    return {**dict(zip(kinds(table), filled, strict=True)), "none": [0.0, 0.0]}


def _row(table: Table, document: dict[str, Any]) -> Any:
    optional = _optional(table)
    values = [
        None if name in optional and document[name] in (NONE, "") else document[name] for name in kinds(table)
    ]
    return unpack(table, values)


def _optional(table: Table) -> frozenset[str]:
    return frozenset(name for name, hint in table.row.__annotations__.items() if "None" in str(hint))


def _filter(table: Table, wheres: Sequence[Where]) -> str:
    """Conditions as Milvus spells them.

    >>> from mien.gallery.documents import FACES
    >>> _filter(FACES, [Where("person", (1, 2)), Where("model", ("a",)), Where("id", beyond=5)])
    'person in [1, 2] and model in ["a"] and id > 5'
    """
    words = []
    for where in wheres:
        if where.among is None:
            words.append(f"{where.field} > {where.beyond}")
        else:
            empty = NONE if kinds(table)[where.field] is int else ""
            values = [empty if value is None else value for value in pack(tuple(where.among))]
            words.append(f"{where.field} in {json.dumps(values)}")
    return " and ".join(words)


def _anything(table: Table) -> str:
    """A condition that every row fulfils: a server refuses a query without one."""
    return f"{table.key} > {NONE}" if kinds(table)[table.key] is int else f'{table.key} != ""'


def _hold(file: Path, create: bool) -> bool:
    """Note one more user of the file; whether it is the first. Another process's file is `StoreError`."""
    with _FILES_LOCK:
        name = str(file.absolute())
        first = name not in _FILES
        if first:
            if not create and not file.exists():
                raise StoreError(f"there is no gallery in {file}: enrol somebody, or name another")
            try:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.mkdir(mode=0o700, exist_ok=True)
                file.chmod(0o700)
            except OSError as error:
                raise StoreError(f"{file} cannot hold a gallery ({error.strerror}): name another") from error
            _await_lock(file / "LOCK")
        _FILES[name] = _FILES.get(name, 0) + 1
        return first


def _await_lock(path: Path) -> None:
    """Wait until no other process has the file open: milvus-lite would only log that and fail."""
    if os.name != "posix":
        return
    import fcntl

    deadline = time.monotonic() + FILE_SECONDS
    with path.open("a") as file:
        while True:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            if time.monotonic() > deadline:
                raise StoreError(
                    f"another process has {path.parent.name} open, and a file of milvus-lite serves one: "
                    "close it, or run a Milvus server"
                )
            time.sleep(0.05)


def _release(file: Path) -> None:
    """One user less; after the last one the file is free for other processes."""
    with _FILES_LOCK:
        name = str(file.absolute())
        _FILES[name] -= 1
        if _FILES[name]:
            return
        del _FILES[name]
        from milvus_lite.server_manager import server_manager_instance

        server_manager_instance.release_server(str(file))
