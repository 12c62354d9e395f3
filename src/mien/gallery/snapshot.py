"""An index on disk, sealed, so that a large gallery opens in a second instead of a minute.

The file is disposable: it names the revision it was taken at and is sealed with a key that stands in the
records. Erasing somebody replaces that key in the same transaction, so an old snapshot is noise at once.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import StoreCorrupt
from mien.core.protocols import Sealer

MAGIC = b"mien index 1\n"


def save(path: Path, sealer: Sealer, key: bytes, header: dict[str, Any], arrays: Arrays) -> None:
    """Write header and (index, name, array) parts; the old file stays until the new one is on disk."""
    # Several processes may close the gallery at once: each writes a file of its own.
    fresh = path.with_suffix(f".{os.getpid()}-{secrets.token_hex(4)}.new")
    try:
        _write_all(fresh, sealer, key, header, arrays)
        os.replace(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)


def _write_all(path: Path, sealer: Sealer, key: bytes, header: dict[str, Any], arrays: Arrays) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(MAGIC)
        _write(file, sealer, key, 0, json.dumps(header).encode())
        number = 0
        for number, (where, name, array) in enumerate(arrays, start=1):
            spec = json.dumps([where, name, array.dtype.str, array.shape]).encode()
            body = len(spec).to_bytes(4, "little") + spec + array.tobytes()
            _write(file, sealer, key, number, body)
        _write(file, sealer, key, number + 1, b"")
        file.flush()
        os.fsync(file.fileno())


def load(path: Path, sealer: Sealer, key: bytes) -> tuple[dict[str, Any], Arrays]:
    """The header, and the parts as they are read; a damaged or foreign file is `StoreCorrupt`."""
    parts = _parts(path, sealer, key)
    header = json.loads(next(parts))

    def arrays() -> Arrays:
        for body in parts:
            length = int.from_bytes(body[:4], "little")
            where, name, dtype, shape = json.loads(bytes(body[4 : 4 + length]))
            yield where, name, np.frombuffer(body, dtype=dtype, offset=4 + length).reshape(shape)

    return header, arrays()


Arrays = Iterator[tuple[str, str, NDArray[np.generic]]]


def _parts(path: Path, sealer: Sealer, key: bytes) -> Iterator[bytes]:
    """Every part up to the empty one that ends the file: a file cut short is refused."""
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise StoreCorrupt("not an index of mien: delete it, it will be rebuilt")
        number = 0
        while True:
            length = int.from_bytes(file.read(4), "little")
            sealed = file.read(length)
            plain = sealer.open(sealed, _about(number), key)
            if number and not plain:
                return
            yield plain
            number += 1


def _write(file: BinaryIO, sealer: Sealer, key: bytes, number: int, plain: bytes) -> None:
    sealed = sealer.seal(plain, _about(number), key)
    file.write(len(sealed).to_bytes(4, "little"))
    file.write(sealed)


def _about(number: int) -> bytes:
    return b"mien index part" + number.to_bytes(4, "little")


def remove(path: Path) -> None:
    """Delete the file if it is there, and what a process that was killed left of a newer one."""
    for file in (path, *path.parent.glob(f"{path.stem}.*new")):
        file.unlink(missing_ok=True)
