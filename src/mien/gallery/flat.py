"""Exact search: every template is compared."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mien.gallery.index import Ids, RowIds, Templates
from mien.gallery.templates import similarities


class FlatIndex:
    """A matrix of templates, float32 or packed bits."""

    kind = "flat"

    def __init__(self) -> None:
        self._ids = RowIds()
        self._matrix: Templates = np.zeros((0, 0), dtype=np.float32)

    @property
    def dimension(self) -> int:
        return int(self._matrix.shape[1])

    def __len__(self) -> int:
        return self._ids.alive

    def put(self, ids: Ids, templates: Templates) -> None:
        self._ids.append(ids)
        rows, start = self._ids.rows, self._ids.rows - len(ids)
        if rows > len(self._matrix):
            grown = np.zeros(
                (max(rows, 2 * len(self._matrix), 64), templates.shape[1]), dtype=templates.dtype
            )
            grown[:start] = self._matrix[:start] if start else grown[:0]
            self._matrix = grown
        self._matrix[start:rows] = templates
        if self._ids.dead > 1024 and self._ids.dead > self._ids.rows // 4:
            self._compact()

    def drop(self, ids: Ids) -> None:
        if len(ids):
            self._ids.kill(ids)

    def nearest(self, query: Templates, k: int) -> Ids:
        ids = self._ids.values
        if not self._ids.alive:
            return np.zeros(0, dtype=np.int64)
        scores = similarities(query, self._matrix[: self._ids.rows])
        if self._ids.dead:
            scores = np.where(ids == 0, np.float32(-np.inf), scores)
        best = np.argpartition(-scores, k)[:k] if k < len(scores) else np.arange(len(scores))
        best = best[np.argsort(-scores[best], kind="stable")][: self._ids.alive]
        return ids[best]

    def state(self) -> Iterator[tuple[str, NDArray[np.generic]]]:
        self._compact()
        yield "ids", self._ids.values
        yield "matrix", self._matrix

    def restore(self, name: str, array: NDArray[np.generic]) -> None:
        if name == "ids":
            self._ids.adopt(np.asarray(array, dtype=np.int64))
        else:
            self._matrix = np.array(array)

    def everything(self) -> tuple[Ids, Templates]:
        self._compact()
        return self._ids.values, self._matrix

    def _compact(self) -> None:
        keep = self._ids.values != 0
        self._matrix = self._matrix[: self._ids.rows][keep]
        self._ids.adopt(self._ids.values[keep])
