"""A folder of looks: sealed shards that are written once and whole, so that every stop leaves it valid.

A shard is a temporary file, synced and then renamed; a photo counts as done when its shard has its name. The
embeddings are biometric data, so shards are encrypted like a gallery's templates, under a key that lies
outside the folder (`mien.privacy.keys`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mien.core.errors import InputError, ModelMismatch, StoreCorrupt, StoreError
from mien.pipeline.index.shard import pack, unpack
from mien.pipeline.look import Look
from mien.privacy.keys import master_key
from mien.privacy.seal import Keyring
from mien.zoo.lock import exclusive

MARK = "index.json"
FORMAT = "mien index 1"
LOCK = "lock"
SHARD_PHOTOS = 1000
_SHARDS, _SEALED, _UNFINISHED = "shards", ".sealed", ".new"


@dataclass(frozen=True, slots=True)
class Made:
    """How the looks of a folder were made; only looks of one making belong together.

    embedder: the name that `Embedding.model` carries.    models: card name -> sha256 of the weights.
    """

    embedder: str
    models: Mapping[str, str] = field(default_factory=dict)
    profile: str = ""


class IndexFolder:
    """The looks under ``folder``.  raises: WrongKey without the folder's key, `StoreCorrupt` if damaged."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            facts = json.loads((folder / MARK).read_text(encoding="utf-8"))
            if facts["format"] != FORMAT:
                raise StoreError(f"{folder} is an index of another version of mien: make it again")
            self.id = bytes.fromhex(facts["id"])
            self.made = Made(facts["embedder"], facts["models"], facts["profile"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoreCorrupt(f"{folder / MARK} cannot be read ({error}): make the index again") from error
        self._ring = Keyring(master_key(self.id, create=False))

    def looks(self) -> Iterator[Look]:
        """Every look, in the order of its making."""
        for path in self._shards():
            yield from self._open(path)

    def sources(self) -> set[str]:
        """The pictures that are done."""
        return {look.report.source for look in self.looks()}

    def next_number(self) -> int:
        """The number of the shard that will be added next."""
        return max((int(path.stem) for path in self._shards()), default=0) + 1

    def put(self, number: int, looks: Sequence[Look]) -> None:
        """Write a shard; it is on disk when this returns, and writing it again replaces it."""
        shards = self.folder / _SHARDS
        shards.mkdir(mode=0o700, exist_ok=True)
        path = shards / f"{number:08d}{_SEALED}"
        _write_whole(path, self._ring.seal(pack(looks), self._about(path)))

    def forget_errors(self) -> int:
        """Drop the pictures that could not be read, so that they are looked at again; says how many."""
        dropped = 0
        for path in self._shards():
            found = self._open(path)
            kept = [look for look in found if look.report.error is None]
            if len(kept) < len(found):
                self.put(int(path.stem), kept)
                dropped += len(found) - len(kept)
        return dropped

    def _open(self, path: Path) -> list[Look]:
        try:
            return unpack(self._ring.open(path.read_bytes(), self._about(path)))
        except (StoreCorrupt, OSError) as error:
            raise StoreCorrupt(
                f"{path} is damaged or of another index: delete it and run `mien index` again, "
                "which looks at its photos anew"
            ) from error

    def _shards(self) -> list[Path]:
        found = (self.folder / _SHARDS).glob(f"*{_SEALED}")
        return sorted(path for path in found if path.stem.isdigit())

    def _about(self, path: Path) -> bytes:
        # Bound to index and place: a shard that was swapped, renamed or brought in is refused.
        return b"mien index" + self.id + path.stem.encode()


@contextmanager
def open_index(folder: Path, made: Made) -> Iterator[IndexFolder]:
    """Open the index in ``folder``, or begin one, and keep other writers out for the length of the block.

    raises: InputError where other files lie there, ModelMismatch where it was made with other networks.
    """
    try:
        if not is_index(folder) and folder.exists() and any(path.name != LOCK for path in folder.iterdir()):
            raise InputError(f"{folder} holds other files: choose an empty folder with --out")
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise InputError(f"{folder} cannot be used ({error.strerror}): choose another --out") from error
    with exclusive(folder / LOCK):
        if not is_index(folder):
            _begin(folder, made)
        index = IndexFolder(folder)
        if index.made != made:
            raise ModelMismatch(
                f"{folder} was made with {index.made.embedder} (profile {index.made.profile}) or other "
                "versions of its networks: use the same --profile and --models, or choose another --out"
            )
        for unfinished in folder.glob(f"**/*{_UNFINISHED}"):
            unfinished.unlink()
        yield index


def is_index(source: object) -> bool:
    """Whether this names a folder that `mien index` made."""
    if not isinstance(source, str | os.PathLike):
        return False
    return os.path.isfile(os.path.join(os.fspath(source), MARK))


def _begin(folder: Path, made: Made) -> None:
    id = os.urandom(16)
    master_key(id, create=True)
    facts: dict[str, Any] = {
        "format": FORMAT,
        "id": id.hex(),
        "embedder": made.embedder,
        "models": dict(made.models),
        "profile": made.profile,
    }
    _write_whole(folder / MARK, json.dumps(facts, indent=1).encode())


def _write_whole(path: Path, data: bytes) -> None:
    fresh = path.with_suffix(_UNFINISHED)
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)
        _sync_folder(path.parent)
    except OSError as error:
        raise StoreError(
            f"{path} cannot be written ({error.strerror}): make room and run the same again, which goes on"
        ) from error


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
