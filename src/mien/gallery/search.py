"""Template in, ranked people out. The records are the truth; the indexes follow them."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import MienError, ModelMismatch
from mien.core.people import Match
from mien.gallery import snapshot
from mien.gallery.ann import ScanIndex, scan_works
from mien.gallery.flat import FlatIndex
from mien.gallery.index import Ids, Index, Templates
from mien.gallery.protection import BITS, Protection
from mien.gallery.rows import FaceRow, PersonRow, Records
from mien.gallery.templates import bits_clarity, comparable, pool, pool_bits, similarities
from mien.gallery.vault import OpenFace, Vault, require_key

FLAT_LIMIT = 20_000
SNAPSHOT_FROM = 5_000
INDEX_KEY = "index_key"
SERVED, SERVED_MODELS = "served_revision", "served_models"
SPARE = 50  # people more than asked for, of whom those that agree better among themselves may overtake
_PAGE = 500
_log = logging.getLogger(__name__)


class Search:
    """One index a model, kept up to date with the records; safe for several threads at once.

    folder: where snapshots go, or None to keep none.
    """

    def __init__(self, records: Records, vault: Vault, folder: Path | None, protection: Protection) -> None:
        self._records = records
        self._vault = vault
        self._protection = protection
        self._path = None if folder is None else folder / "index.sealed"
        self._indexes: dict[str, Index] = {}
        self._revision = 0
        self._changes = 0
        self._turn = threading.RLock()
        if records.serves:
            self._open_served()
        else:
            self._load()

    def refresh(self) -> None:
        """Learn what was committed since, by this process or another."""
        with self._turn:
            now = self._records.revision()
            if now == self._revision:
                return
            if self._records.serves:
                self._refresh_server()
            else:
                self._catch_up(now)

    def _open_served(self) -> None:
        self._revision = int.from_bytes(self._records.get_meta(SERVED) or b"", "little")
        for model, dimension in json.loads(self._records.get_meta(SERVED_MODELS) or b"{}").items():
            index = self._records.server_index(model, dimension)
            if index is not None:
                self._indexes[model] = index

    def _refresh_server(self) -> None:
        """Bring the store's own index up to date; whoever comes first does it for all."""
        with self._records.writing():
            self._revision = int.from_bytes(self._records.get_meta(SERVED) or b"", "little")
            now = self._records.revision()
            if now != self._revision:
                self._catch_up(now)
                self._records.put_meta(SERVED, now.to_bytes(8, "little"))

    def _catch_up(self, now: int) -> None:
        require_key(self._records, self._vault)
        gone = np.array(self._records.gone_since(self._revision), dtype=np.int64)
        for rows in _pages(self._records.people_changed(self._revision), _PAGE):
            self._learn(rows)
        for index in self._indexes.values():
            index.drop(gone)
        self._changes += len(gone)
        self._revision = now

    def absorb(self, before: int, after: int, fresh: Mapping[str, tuple[Ids, Templates]]) -> None:
        """After a commit of new people only: take their templates from memory, not from the store."""
        with self._turn:
            if self._records.serves or self._revision != before:
                return  # somebody else wrote too; `refresh` sorts it out
            for model, (ids, templates) in fresh.items():
                self._put(model, ids, templates)
            self._revision = after

    def nearest(self, query: Templates, model: str, top: int) -> list[Match]:
        """The ``top`` most similar people, best first, with exact similarities.  query: (D,) protected."""
        with self._turn:
            self.refresh()
            index = self._indexes.get(model)
            if index is None or not len(index):
                self._refuse_other_models(model)
                return []
            # An index ranks packed bits by their distance alone; how clear they are is weighed in `compare`.
            spare = SPARE if query.dtype == np.uint8 else 0
            ids = index.nearest(query, top + spare)
        return self.compare(query, model, [int(i) for i in ids], top)

    def compare(
        self, query: Templates, model: str, ids: Sequence[int], top: int | None = None
    ) -> list[Match]:
        """The ``top`` of these people by the similarity of their stored photos, best first."""
        rows = {row.id: row for row in self._records.people(ids) if _matchable(row)}
        keys = {id: self._vault.key_of(row) for id, row in rows.items()}
        faces = _by_person(self._open(self._records.faces_of(list(rows), model), keys))
        people = list(faces)
        if not people:
            return []
        templates = self._pooled(faces, model)
        scores = self._scores(query, templates, faces, model).tolist()
        best = sorted(zip(scores, people, strict=True), key=lambda pair: (-pair[0], pair[1]))[:top]
        opened = {id: self._vault.open_person(rows[id], keys[id]) for _, id in best}
        return [Match(id, opened[id].name, score) for score, id in best]

    def save(self) -> None:
        """Learn what is new, and write the snapshot when it is worth the bytes."""
        with self._turn:
            # The key first: whoever is erased before it is read is not in the snapshot, and whoever is erased
            # after takes the key along.
            sealed = self._records.get_meta(INDEX_KEY)
            self.refresh()
            size = sum(len(index) for index in self._indexes.values())
            worth = size >= SNAPSHOT_FROM and self._changes >= max(size // 50, 1)
            if self._path is not None and sealed is not None and worth:
                self._save(self._path, sealed)

    def _save(self, path: Path, sealed: bytes) -> None:
        header = {
            "revision": self._revision,
            "indexes": {m: [i.kind, i.dimension] for m, i in self._indexes.items()},
        }
        parts = (
            (model, name, array) for model, index in self._indexes.items() for name, array in index.state()
        )
        try:
            snapshot.save(path, self._vault.sealer, self._index_key(sealed), header, parts)
            self._changes = 0
        except OSError as error:  # it only saves the next opening time
            _log.warning(
                "the search index could not be kept (%s): the next start takes longer", error.strerror
            )

    def forget(self) -> None:
        """After an erasure: the snapshot's key is gone, and so the file may go."""
        if self._path is not None:
            snapshot.remove(self._path)
        self._changes = max(self._changes, 1 + sum(len(index) for index in self._indexes.values()))

    def size(self, model: str) -> int:
        """How many people have a template of this network."""
        return len(self._indexes[model]) if model in self._indexes else 0

    def length(self, model: str) -> int | None:
        """How many numbers embeddings of this network have, as far as is known; bits do not tell."""
        return self._indexes[model].dimension if self.size(model) and self._protection.kind != BITS else None

    def _load(self) -> None:
        sealed = self._records.get_meta(INDEX_KEY)
        if self._path is None or sealed is None or not self._path.exists():
            return
        indexes: dict[str, Index] = {}
        try:
            header, arrays = snapshot.load(self._path, self._vault.sealer, self._index_key(sealed))
            for model, (kind, dimension) in header["indexes"].items():
                indexes[model] = ScanIndex(dimension) if kind == "scan" else FlatIndex()
            for model, name, array in arrays:
                indexes[model].restore(name, array)
        except (MienError, OSError, ValueError, KeyError):
            # Damaged, or sealed before an erasure: it is a copy, so the records rebuild it.
            snapshot.remove(self._path)
            self._changes = 1 << 40
            return
        if header["revision"] <= self._records.revision():
            self._indexes, self._revision = indexes, header["revision"]

    def _index_key(self, sealed: bytes) -> bytes:
        return bytes.fromhex(self._vault.open_own(sealed, INDEX_KEY))

    def _learn(self, rows: Sequence[PersonRow]) -> None:
        ids = np.array([row.id for row in rows], dtype=np.int64)
        self._changes += len(rows)
        shown = [row for row in rows if _matchable(row)]
        keys = {row.id: self._vault.key_of(row) for row in shown}
        by_model: dict[str, list[FaceRow]] = {}
        for face in self._records.faces_of([row.id for row in shown]):
            by_model.setdefault(face.model, []).append(face)
        for model in {*by_model, *self._indexes}:
            faces = _by_person(self._open(by_model.get(model, []), keys))
            if model in self._indexes:
                self._indexes[model].drop(ids[~np.isin(ids, list(faces))])
            if faces:
                people = np.array(list(faces), dtype=np.int64)
                self._put(model, people, self._pooled(faces, model))

    def _put(self, model: str, ids: Ids, templates: Templates) -> None:
        index = self._indexes.get(model)
        if index is None:
            served = self._records.server_index(model, comparable(templates[:1]).shape[1])
            # An empty server index is falsy.
            index = self._indexes[model] = FlatIndex() if served is None else served
            if served is not None:
                dimensions = {name: known.dimension for name, known in self._indexes.items()}
                self._records.put_meta(SERVED_MODELS, json.dumps(dimensions).encode())
        index.put(ids, templates)
        self._changes += len(ids)
        if (
            isinstance(index, FlatIndex)
            and len(index) > FLAT_LIMIT
            and templates.dtype == np.float32
            and scan_works(templates.shape[1])
        ):
            grown = ScanIndex(templates.shape[1])
            grown.put(*index.everything())
            self._indexes[model] = grown

    def _scores(
        self, query: Templates, templates: Any, faces: Mapping[int, Sequence[OpenFace]], model: str
    ) -> NDArray[np.float32]:
        """Similarities as the embeddings have them.  templates: (N, D), of the people in ``faces``."""
        scores = similarities(query, templates)
        if templates.dtype != np.uint8:
            return scores
        clear = [bits_clarity(stack([face.template for face in shown])) for shown in faces.values()]
        share = self._protection.share(model)
        return np.asarray(share + (1 - share) * scores * np.array(clear), dtype=np.float32)

    def _pooled(self, faces: Mapping[int, Sequence[OpenFace]], model: str) -> Any:
        common = self._protection.common(model)
        return stack([pool_faces(shown, common) for shown in faces.values()])

    def _open(self, faces: Iterable[FaceRow], keys: Mapping[int, bytes]) -> list[OpenFace]:
        return [self._vault.open_face(face, keys[face.person]) for face in faces]

    def _refuse_other_models(self, model: str) -> None:
        others = sorted(name for name, index in self._indexes.items() if len(index))
        if others:
            raise ModelMismatch(
                f"the gallery was enrolled with {', '.join(others)}, the query made with {model}: "
                "use the same --models, or enrol again"
            )


def pool_faces(faces: Sequence[OpenFace], common: NDArray[np.float32] | None) -> Templates:
    """One person's template of their photos.  common: see `mien.gallery.templates.pool`."""
    if len(faces) == 1:
        return faces[0].template
    templates = stack([face.template for face in faces])
    qualities = np.array([face.face.quality for face in faces], dtype=np.float32)
    if templates.dtype == np.uint8:
        return pool_bits(templates, qualities)
    return pool(templates, qualities, common)


def stack(templates: Sequence[Templates]) -> Any:
    """(N, D) of templates that are all float32 or all packed bits."""
    return np.stack(templates)


def new_index_key(vault: Vault) -> bytes:
    """A sealed fresh key for snapshots; storing it makes every older snapshot unreadable."""
    return vault.seal_own(os.urandom(32).hex(), INDEX_KEY)


def _matchable(row: PersonRow) -> bool:
    return row.withdrawn is None and row.merged is None


def _by_person(faces: Iterable[OpenFace]) -> dict[int, list[OpenFace]]:
    grouped: dict[int, list[OpenFace]] = {}
    for face in faces:
        grouped.setdefault(face.face.person, []).append(face)
    return grouped


def _pages(rows: Iterable[PersonRow], size: int) -> Iterator[list[PersonRow]]:
    page: list[PersonRow] = []
    for row in rows:
        page.append(row)
        if len(page) == size:
            yield page
            page = []
    if page:
        yield page
