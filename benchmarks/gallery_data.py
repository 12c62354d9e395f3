"""People and probes of `benchmarks.gallery`: made from seeds, so that every process has the same. NumPy only.

Templates are random directions, the hardest case for any index: nothing clusters. Probes are enrolled people
at cosine 0.4, 0.5 and 0.6 (hard mates of a face network), and strangers. The truth is exact search in
float32.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

DIMENSION = 128
CHUNK = 10_000
PROBES = 500
COSINES = (0.4, 0.5, 0.6)

Floats = NDArray[np.float32]
Questions = dict[
    str, tuple[Floats, NDArray[np.int64]]
]  # kind -> (queries, number of the most similar person)


def vectors(people: int) -> Iterator[tuple[int, Floats]]:
    """(first number, unit vectors) of everybody, a chunk at a time."""
    for start in range(0, people, CHUNK):
        count = min(CHUNK, people - start)
        chunk = np.random.default_rng(start).standard_normal((count, DIMENSION), dtype=np.float32)
        yield start, chunk / np.linalg.norm(chunk, axis=1, keepdims=True)


def write_questions(path: Path, people: int) -> None:
    """The probes and their answers, for every process to read."""
    kinds = {f"mate at {cosine}": _mates(people, cosine) for cosine in COSINES} | {"stranger": _strangers()}
    best = _exact_best(people, np.concatenate([*kinds.values()]))
    arrays, start = {}, 0
    for kind, queries in kinds.items():
        arrays[f"q {kind}"], arrays[f"a {kind}"] = queries, best[start : start + len(queries)]
        start += len(queries)
    np.savez(path, **arrays)


def read_questions(path: Path, most: int) -> Questions:
    """At most so many of each kind."""
    with np.load(path) as stored:
        kinds = [name[2:] for name in stored.files if name.startswith("q ")]
        return {kind: (stored[f"q {kind}"][:most], stored[f"a {kind}"][:most]) for kind in kinds}


def resident() -> int:
    """Bytes of memory that this process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _mates(people: int, cosine: float) -> Floats:
    """Other photos of people spread over the gallery."""
    rng = np.random.default_rng(int(cosine * 10))
    wanted = np.sort(rng.choice(people, min(PROBES, people), replace=False))
    found = [
        chunk[wanted[(wanted >= start) & (wanted < start + len(chunk))] - start]
        for start, chunk in vectors(people)
    ]
    mates = np.concatenate(found)
    noise = rng.standard_normal(mates.shape)
    noise -= (noise * mates).sum(axis=1, keepdims=True) * mates
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    queries = cosine * mates + np.sqrt(1 - cosine**2) * noise
    return np.asarray(queries[rng.permutation(len(queries))], dtype=np.float32)


def _strangers() -> Floats:
    queries = np.random.default_rng(99).standard_normal((PROBES, DIMENSION))
    return np.asarray(queries / np.linalg.norm(queries, axis=1, keepdims=True), dtype=np.float32)


def _exact_best(people: int, queries: Floats) -> NDArray[np.int64]:
    """Who is most similar, by comparing with everybody."""
    best = np.full(len(queries), -2.0, dtype=np.float32)
    who = np.zeros(len(queries), dtype=np.int64)
    for start, chunk in vectors(people):
        scores = queries @ chunk.T
        place = scores.argmax(axis=1)
        score = scores[np.arange(len(queries)), place]
        better = score > best
        best[better], who[better] = score[better], start + place[better]
    return who
