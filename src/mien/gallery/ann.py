"""Approximate search that reads every template, in 32 bytes each; the only importer of faiss.

Graphs and inverted lists lose the mates that are hardest to find: a probe at cosine 0.4 among a million lies
in no predictable cell. So the first pass scans all templates, coded with four bits for each pair of
coordinates (product quantisation, Jegou et al. 2011, with the in-register tables of Andre et al. 2015), and
the best 1,500 are ranked again with eight bits a coordinate. A fixed random rotation first makes every
coordinate alike, so one codebook, optimal for a Gaussian, serves all data: nothing is trained and nothing
grows stale.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import DependencyMissing
from mien.gallery.index import Ids, RowIds, Templates

BLOCK = 65_536
SHORTLIST = 1500
# Of people behind the k best, as many are compared exactly as lie within ten standard deviations of what
# rounding to eight bits does to a difference of cosines (0.001 at 128 dimensions, less at more).
SLACK, MARGIN = 8, 0.01
# The 16-point quantiser of a two-dimensional standard normal (Lloyd's algorithm on 400,000 samples;
# mean squared error 0.1074 a pair).
CODEBOOK = np.array(
    [
        [0.0122, -0.0134], [-0.6844, -0.5639], [0.8464, -0.3366], [-0.1299, 0.8514],
        [0.152, -0.9563], [0.76, 0.5822], [-0.8937, 0.3393], [0.3929, 1.7876],
        [-1.7775, -0.5282], [-0.9993, -1.5743], [1.3682, -1.2937], [1.8857, -0.0507],
        [-0.8821, 1.628], [0.2244, -2.0058], [1.5775, 1.2472], [-1.8593, 0.7783],
    ]
)  # fmt: skip


class ScanIndex:
    """For 20,000 templates and more: about 170 bytes each at 128 dimensions."""

    kind = "scan"

    def __init__(self, dimension: int) -> None:
        self.dimension = dimension
        self._ids = RowIds()
        self._rotation = _rotation(dimension)
        self._blocks: list[NDArray[np.int8]] = []
        self._scales: list[NDArray[np.float32]] = []
        self._coarse = _empty_coarse(dimension)

    def __len__(self) -> int:
        return self._ids.alive

    def put(self, ids: Ids, templates: Templates) -> None:
        self._ids.append(ids)
        rotated = np.ascontiguousarray(templates @ self._rotation, dtype=np.float32)
        scales = np.maximum(np.abs(rotated).max(axis=1), 1e-6) / np.float32(127)
        self._fill(np.rint(rotated / scales[:, None]).astype(np.int8), scales)
        self._coarse.add(rotated)
        if self._ids.dead > 1024 and self._ids.dead > self._ids.rows // 4:
            self._compact()

    def drop(self, ids: Ids) -> None:
        if len(ids):
            self._ids.kill(ids)

    def nearest(self, query: Templates, k: int) -> Ids:
        rotated = np.ascontiguousarray(np.vecdot(self._rotation.T, query), dtype=np.float32)
        wanted = max(SHORTLIST, 4 * k)
        if self._ids.dead:
            wanted = wanted * self._ids.rows // max(self._ids.alive, 1) + 1
        rows = _search(self._coarse, rotated, min(wanted, self._ids.rows))
        rows = np.sort(rows[self._ids.values[rows] != 0])
        scores = self._scores(rows, rotated)
        best = np.argsort(-scores, kind="stable")[: k + SLACK]
        # Whoever is further behind than eight bits can err is not compared exactly: reading them costs most.
        if len(best) > k:
            best = best[scores[best] >= scores[best[k - 1]] - MARGIN]
        return self._ids.values[rows[best]]

    def state(self) -> Iterator[tuple[str, NDArray[np.generic]]]:
        if self._ids.dead:
            self._compact()
        yield "ids", self._ids.values
        for number, block in enumerate(self._blocks):
            yield "scales", self._scales[number]
            yield "block", block
        packed = _packed(self._coarse)
        for start in range(0, len(packed), 2**22):
            yield "coarse", packed[start : start + 2**22]

    def restore(self, name: str, array: NDArray[np.generic]) -> None:
        match name:
            case "ids":
                self._ids.adopt(np.asarray(array, dtype=np.int64))
                self._coarse.ntotal = self._ids.rows
                self._coarse.ntotal2 = -(-self._ids.rows // 32) * 32
                self._coarse.codes.resize(self._coarse.ntotal2 * self._coarse.M2 // 2)
                self._restored = 0
            case "scales":
                self._scales.append(np.array(array, dtype=np.float32))
            case "block":
                self._blocks.append(np.array(array, dtype=np.int8))
            case "coarse":
                _packed(self._coarse)[self._restored : self._restored + len(array)] = array
                self._restored += len(array)

    def _fill(self, codes: NDArray[np.int8], scales: NDArray[np.float32]) -> None:
        row = self._ids.rows - len(codes)
        while len(codes):
            if row // BLOCK == len(self._blocks):
                # Pages of an empty block cost memory only once they are written.
                self._blocks.append(np.empty((BLOCK, self.dimension), dtype=np.int8))
                self._scales.append(np.zeros(BLOCK, dtype=np.float32))
            start = row % BLOCK
            part = slice(start, min(start + len(codes), BLOCK))
            count = part.stop - start
            self._blocks[row // BLOCK][part] = codes[:count]
            self._scales[row // BLOCK][part] = scales[:count]
            codes, scales, row = codes[count:], scales[count:], row + count

    def _coded(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """The rotated templates of these sorted rows, as their eight-bit codes say.  returns: (N, D)."""
        out = np.empty((len(rows), self.dimension), dtype=np.float32)
        edges = np.searchsorted(rows, np.arange(len(self._blocks) + 1) * BLOCK)
        for number, block in enumerate(self._blocks):
            part = slice(edges[number], edges[number + 1])
            inside = rows[part] - number * BLOCK
            np.multiply(block[inside], self._scales[number][inside, None], out=out[part])
        return out

    def _scores(self, rows: NDArray[np.int64], rotated: NDArray[np.float32]) -> NDArray[np.float32]:
        """Cosines of these sorted rows with a rotated query, from their eight-bit codes.  returns: (N,)."""
        out = np.empty(len(rows), dtype=np.float32)
        edges = np.searchsorted(rows, np.arange(len(self._blocks) + 1) * BLOCK)
        for number, block in enumerate(self._blocks):
            part = slice(edges[number], edges[number + 1])
            inside = rows[part] - number * BLOCK
            out[part] = np.vecdot(block[inside].astype(np.float32), rotated) * self._scales[number][inside]
        return out

    def _compact(self) -> None:
        keep = np.flatnonzero(self._ids.values)
        ids, old = self._ids.values[keep], ScanIndex.__new__(ScanIndex)
        old._blocks, old._scales, old.dimension = self._blocks, self._scales, self.dimension
        self._blocks, self._scales, self._coarse = [], [], _empty_coarse(self.dimension)
        self._ids = RowIds()
        for start in range(0, len(keep), BLOCK):
            rotated = old._coded(keep[start : start + BLOCK])
            self._ids.append(ids[start : start + BLOCK])
            scales = np.maximum(np.abs(rotated).max(axis=1), 1e-6) / np.float32(127)
            self._fill(np.rint(rotated / scales[:, None]).astype(np.int8), scales)
            self._coarse.add(rotated)


def scan_works(dimension: int) -> bool:
    """Whether this machine and this kind of template allow a `ScanIndex`."""
    try:
        import faiss  # noqa: F401
    except ImportError:
        return False
    return dimension % 2 == 0


def _empty_coarse(dimension: int) -> Any:
    try:
        import faiss
    except ImportError as error:
        raise DependencyMissing("galleries this large need faiss: pip install faiss-cpu") from error
    index = faiss.IndexPQFastScan(dimension, dimension // 2, 4, faiss.METRIC_INNER_PRODUCT)
    centroids = np.tile(CODEBOOK / np.sqrt(dimension), (dimension // 2, 1)).astype(np.float32)
    faiss.copy_array_to_vector(centroids.ravel(), index.pq.centroids)
    index.is_trained = True
    return index


def _search(coarse: Any, query: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """Rows of the k best codes. One thread: for one query, waking a second costs more than it saves."""
    import faiss

    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        found: NDArray[np.int64] = coarse.search(query[None], k)[1][0]
    finally:
        faiss.omp_set_num_threads(threads)
    return found[found >= 0]


def _packed(coarse: Any) -> NDArray[np.uint8]:
    """The index's own code memory."""
    import faiss

    codes: NDArray[np.uint8] = faiss.rev_swig_ptr(coarse.codes.get(), coarse.ntotal2 * coarse.M2 // 2)
    return codes


def _rotation(dimension: int) -> NDArray[np.float32]:
    """Any fixed rotation serves; it is no secret."""
    matrix = np.random.default_rng(20_250_101).standard_normal((dimension, dimension))
    return np.linalg.qr(matrix)[0].astype(np.float32)
