"""Ids that grow with time and need no coordination: 41 bits of milliseconds, 22 bits to tell apart."""

from __future__ import annotations

import os
import random
import threading

EPOCH_MS = 1_577_836_800_000  # 2020-01-01
_SPREAD = 1 << 22


class IdSource:
    """Hands out positive 63-bit ids, each greater than the one before, also when the clock steps back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0
        # Ids are no secret, so they need no operating system call each.
        self._random = random.Random(os.urandom(16))

    def next(self, seconds: float) -> int:
        """seconds: now, since 1970."""
        wanted = (max(int(seconds * 1000) - EPOCH_MS, 0) % (1 << 41)) * _SPREAD + self._random.getrandbits(21)
        with self._lock:
            # Within one millisecond ids step by a random amount, so that two processes rarely meet; the
            # primary key refuses the rest.
            self._last = wanted if wanted > self._last else self._last + 1 + self._random.getrandbits(6)
            return self._last
