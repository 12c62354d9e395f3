"""What every in-memory index offers, and the bookkeeping of rows that they share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]
Templates = NDArray[np.float32] | NDArray[np.uint8]


class Index(Protocol):
    """Templates by person id; disposable, because the records can rebuild it."""

    kind: str

    @property
    def dimension(self) -> int: ...
    def __len__(self) -> int: ...
    def put(self, ids: Ids, templates: Templates) -> None:
        """Add people, or replace those that are here.  ids: (N,), distinct.  templates: (N, D)."""

    def drop(self, ids: Ids) -> None:
        """Forget these people; ids that are not here are ignored."""

    def nearest(self, query: Templates, k: int) -> Ids:
        """The ids of the k most similar people, and of those that come so close behind that only their exact
        similarity can tell; the caller ranks them.

        query: (D,).
        """

    def state(self) -> Iterator[tuple[str, NDArray[np.generic]]]:
        """Named arrays of at most some megabytes, enough to `restore` the index."""

    def restore(self, name: str, array: NDArray[np.generic]) -> None:
        """Take back one array of `state`, in the same order."""


class RowIds:
    """Which person each row belongs to; 0 marks a row whose person is gone."""

    def __init__(self) -> None:
        self._ids = np.zeros(1024, dtype=np.int64)
        self.rows = 0
        self.dead = 0
        self._greatest = 0

    @property
    def values(self) -> Ids:
        return self._ids[: self.rows]

    @property
    def alive(self) -> int:
        return self.rows - self.dead

    def append(self, ids: Ids) -> None:
        """Give the next rows to these people; their older rows die."""
        if self._greatest and int(ids.min()) <= self._greatest:
            self.kill(ids)
        needed = self.rows + len(ids)
        if needed > len(self._ids):
            grown = np.zeros(max(needed, len(self._ids) * 2), dtype=np.int64)
            grown[: self.rows] = self.values
            self._ids = grown
        self._ids[self.rows : needed] = ids
        self.rows = needed
        self._greatest = max(self._greatest, int(ids.max()))

    def kill(self, ids: Ids) -> None:
        found = np.isin(self.values, ids) if len(ids) > 1 else self.values == ids[0]
        count = int(np.count_nonzero(found))
        if count:
            self._ids[: self.rows][found] = 0
            self.dead += count

    def adopt(self, ids: Ids) -> None:
        """Start over with the rows of a snapshot."""
        self._ids = np.array(ids, dtype=np.int64)
        self.rows = len(ids)
        self.dead = int(np.count_nonzero(ids == 0))
        self._greatest = int(ids.max(initial=0))
