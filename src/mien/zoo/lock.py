"""One process at a time: an advisory lock that the system drops when its holder dies."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock file at ``path`` for the length of the block; wait while another process holds it.

    The file stays behind: deleting it would let a third process lock another file of the same name.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _lock(handle)
        yield
    finally:
        os.close(handle)


if sys.platform == "win32":
    import msvcrt
    import time

    def _lock(handle: int) -> None:
        while True:
            try:
                # LK_LOCK gives up after ten tries, one a second; a large download takes longer.
                msvcrt.locking(handle, msvcrt.LK_LOCK, 1)
                return
            except OSError:
                time.sleep(0.5)

else:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX)
