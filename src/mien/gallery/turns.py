"""One writer at a time among processes that share nothing but rows: Lamport's bakery.

A store such as Milvus offers neither locks nor compare-and-swap. The bakery algorithm (Lamport 1974) needs
only that each process writes a row of its own and reads everybody's: draw a number greater than all that are
out, wait until nobody has a smaller one. A process that dies leaves its row behind; whoever sees a row
unchanged for `LEASE` seconds removes it. A holder that has not renewed its row for half of that gives up
before it writes.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mien.core.errors import StoreError
from mien.gallery.documents import TURNS, Documents, TurnRow

LEASE = 20.0
WAIT_SECONDS = 60.0


class Turns:
    """This connection's place in the queue.    now: seconds of a clock that never goes back."""

    def __init__(
        self,
        documents: Documents,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._documents, self._now, self._sleep = documents, now, sleep
        self._row = TurnRow(secrets.randbits(62), 0, 0, 0)
        self._renewed = 0.0
        self._seen: dict[int, tuple[TurnRow, float]] = {}

    @contextmanager
    def mine(self) -> Iterator[None]:
        """Wait for a turn, and hold it.  raises: `StoreError` when it does not come."""
        self._take()
        try:
            yield
        finally:
            self._documents.drop(TURNS, [self._row.id])

    def renew(self) -> None:
        """Say that the turn is still used; `StoreError` when it may have been taken away."""
        waited = self._now() - self._renewed
        if waited > LEASE / 2:
            raise StoreError(f"a write paused for {waited:.0f} s and lost its turn: repeat it")
        if waited > LEASE / 8:
            self._write(self._row._replace(beat=self._row.beat + 1))

    def clear(self) -> None:
        """Forget everybody's place: for who knows that no other process has the store open."""
        self._documents.drop(TURNS, [row.id for row in self._documents.find(TURNS)])

    def _take(self) -> None:
        deadline = self._now() + WAIT_SECONDS
        self._draw()
        while True:
            others = {row.id: row for row in self._documents.find(TURNS)}
            mine = others.pop(self._row.id, None)
            if mine is None:
                self._draw()  # we were thought dead
            elif not any(row.choosing or _before(row, mine) for row in others.values()):
                return
            self._bury(others)
            if self._now() > deadline:
                self._documents.drop(TURNS, [self._row.id])
                raise StoreError(f"another process wrote for {WAIT_SECONDS:.0f} s: try again later")
            self._sleep(0.01)
            if self._now() - self._renewed > LEASE / 8:
                self._write(self._row._replace(beat=self._row.beat + 1))

    def _draw(self) -> None:
        self._write(self._row._replace(ticket=0, choosing=1, beat=self._row.beat + 1))
        highest = max(row.ticket for row in self._documents.find(TURNS))
        self._write(self._row._replace(ticket=highest + 1, choosing=0))

    def _write(self, row: TurnRow) -> None:
        # The lease is counted from before the write: others cannot have seen it earlier.
        self._renewed = self._now()
        self._row = row
        self._documents.put(TURNS, [row])

    def _bury(self, others: dict[int, TurnRow]) -> None:
        """Remove rows that have not changed for a lease, as seen from here."""
        now = self._now()
        self._seen = {
            id: known if (known := self._seen.get(id)) and known[0] == row else (row, now)
            for id, row in others.items()
        }
        dead = [id for id, (_, since) in self._seen.items() if now - since > LEASE]
        if dead:
            self._documents.drop(TURNS, dead)


def _before(row: TurnRow, mine: TurnRow) -> bool:
    return (row.ticket, row.id) < (mine.ticket, mine.id)
