"""A file system under SQLite that forgets what was never synced, as a power cut does.

Writes are kept in memory until the file is synced. `cut` throws away a random subset of the rest, tears some,
and leaves the files as a disk would. It can also refuse the n-th write or sync, or report a full disk.
"""

from __future__ import annotations

import itertools
import os
import random
from typing import Any

import apsw

_names = itertools.count()


class PowerCutVfs(apsw.VFS):
    """Use with ``locking_mode = EXCLUSIVE``: there is no shared memory here."""

    def __init__(self, seed: int = 0) -> None:
        self.name = f"powercut{next(_names)}"
        self.random = random.Random(seed)
        self.files: dict[str, list[tuple[int, bytes]]] = {}
        self.calls = 0
        self.fail_at: int | None = None
        self.error: type[apsw.Error] = apsw.IOError
        super().__init__(self.name, "")

    def xOpen(self, name: Any, flags: Any) -> PowerCutFile:
        return PowerCutFile(self, name, flags)

    def count_call(self) -> None:
        self.calls += 1
        if self.fail_at is not None and self.calls >= self.fail_at:
            raise self.error("injected")

    def cut(self) -> None:
        """The power goes: a random subset of unsynced writes reached the disk, one of them only in part."""
        for path, writes in self.files.items():
            if not os.path.exists(path):
                continue
            kept = [write for write in writes if self.random.random() < 0.5]
            with open(path, "r+b") as file:
                for offset, data in kept:
                    part = (
                        data[: self.random.randrange(len(data) + 1)] if self.random.random() < 0.2 else data
                    )
                    file.seek(offset)
                    file.write(part)
        self.files = {}


class PowerCutFile(apsw.VFSFile):
    """Reads see unsynced writes; the real file gets them at sync."""

    def __init__(self, vfs: PowerCutVfs, name: Any, flags: Any) -> None:
        self._vfs = vfs
        self._path = name.filename() if isinstance(name, apsw.URIFilename) else (name or "")
        super().__init__("", name, flags)

    @property
    def _pending(self) -> list[tuple[int, bytes]]:
        return self._vfs.files.setdefault(self._path, [])

    def xWrite(self, data: Any, offset: int) -> None:
        self._vfs.count_call()
        self._pending.append((offset, bytes(data)))

    def xRead(self, amount: int, offset: int) -> bytes:
        out = bytearray(super().xRead(amount, offset))
        for start, data in self._pending:
            low, high = max(start, offset), min(start + len(data), offset + amount)
            if low < high:
                if len(out) < high - offset:
                    out += bytes(high - offset - len(out))
                out[low - offset : high - offset] = data[low - start : high - start]
        return bytes(out)

    def xFileSize(self) -> int:
        return max([super().xFileSize(), *(start + len(data) for start, data in self._pending)])

    def xTruncate(self, size: int) -> None:
        self._vfs.count_call()
        self._flush()
        super().xTruncate(size)

    def xSync(self, flags: int) -> None:
        self._vfs.count_call()
        self._flush()

    def _flush(self) -> None:
        for offset, data in self._pending:
            super().xWrite(data, offset)
        self._vfs.files[self._path] = []
