"""Speed, memory and agreement of the embedded gallery as it grows.

    python -m benchmarks.gallery --people 10000 100000 1000000 --out benchmarks/results/gallery.json

Templates are random directions, the hardest case for any index: nothing clusters. Probes are enrolled people
at cosine 0.4, 0.5 and 0.6 (hard mates of a face network), and strangers. Agreement is with exact search over
the float32 vectors. Every size runs in a fresh process, so that memory is its own.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

DIMENSION = 128
CHUNK = 10_000
PROBES = 500


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--people", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    options.add_argument("--out", type=Path)
    options.add_argument("--folder", type=Path, help="where galleries are made; default: a temporary folder")
    options.add_argument("--one", choices=["enrol", "ask"], help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.one:
        work = enrol if given.one == "enrol" else ask
        print(json.dumps(work(given.folder, given.people[0])))
        return
    rows = []
    for people in given.people:
        with tempfile.TemporaryDirectory(dir=given.folder) as home:
            row = {"people": people}
            for part in ("enrol", "ask"):
                command = [sys.executable, "-m", "benchmarks.gallery", "--one", part]
                command += ["--people", str(people), "--folder", home]
                row |= json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            rows.append(row)
            print(json.dumps(row), flush=True)
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(json.dumps({"cores": os.cpu_count(), "rows": rows}, indent=1) + "\n")


def vectors(people: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """(first number, unit vectors) of everybody, a chunk at a time."""
    for start in range(0, people, CHUNK):
        count = min(CHUNK, people - start)
        chunk = np.random.default_rng(start).standard_normal((count, DIMENSION), dtype=np.float32)
        yield start, chunk / np.linalg.norm(chunk, axis=1, keepdims=True)


def open_gallery(folder: Path) -> Any:
    from mien.gallery.people import People, found
    from mien.gallery.records import SqliteRecords
    from mien.privacy.protect import load_protector
    from mien.privacy.seal import Keyring

    records = SqliteRecords(folder / "gallery")
    sealer = found(records, lambda gallery, new: Keyring(bytes(32)))
    return People(records, sealer, load_protector, folder / "gallery")


def enrol(folder: Path, people: int) -> dict[str, float]:
    from mien.core.people import Enrolment, Sample
    from mien.core.types import Embedding

    gallery = open_gallery(folder)
    started = time.perf_counter()
    everybody = (
        Enrolment(f"person {start + i}", [Sample(Embedding(vector, "random"))])
        for start, chunk in vectors(people)
        for i, vector in enumerate(chunk)
    )
    for _ in gallery.enrol_many(everybody):
        pass
    seconds = time.perf_counter() - started
    closing = time.perf_counter()
    gallery.close()
    size = sum(path.stat().st_size for path in (folder / "gallery").iterdir())
    return {
        "enrol_per_second": round(people / seconds),
        "close_seconds": round(time.perf_counter() - closing, 2),
        "disk_mb": round(size / 1e6),
    }


def ask(folder: Path, people: int) -> dict[str, Any]:
    from mien.core.types import Embedding

    started = time.perf_counter()
    gallery = open_gallery(folder)
    opening = time.perf_counter() - started
    kinds = {f"mate at {cosine}": probes(people, cosine) for cosine in (0.4, 0.5, 0.6)}
    kinds["stranger"] = strangers()
    exact = {kind: exact_best(people, queries) for kind, queries in kinds.items()}
    row: dict[str, Any] = {"open_seconds": round(opening, 3)}
    seconds: list[float] = []
    for kind, queries in kinds.items():
        agreed = 0
        for query, best in zip(queries, exact[kind], strict=True):
            asked = time.perf_counter()
            match = gallery.identify(Embedding(query, "random"), top=1)[0]
            seconds.append(time.perf_counter() - asked)
            agreed += match.name == f"person {best}"
        row[f"agreement, {kind}"] = agreed / len(queries)
    row["identify_p50_ms"] = round(float(np.quantile(seconds, 0.5)) * 1e3, 2)
    row["identify_p99_ms"] = round(float(np.quantile(seconds, 0.99)) * 1e3, 2)
    row["rss_mb"] = round(resident() / 1e6)
    gallery.close()
    return row


def probes(people: int, cosine: float) -> NDArray[np.float32]:
    """Other photos of people spread over the gallery."""
    rng = np.random.default_rng(int(cosine * 10))
    wanted = np.sort(rng.choice(people, min(PROBES, people), replace=False))
    mates = np.concatenate(
        [
            chunk[wanted[(wanted >= start) & (wanted < start + len(chunk))] - start]
            for start, chunk in vectors(people)
        ]
    )
    noise = rng.standard_normal(mates.shape)
    noise -= (noise * mates).sum(axis=1, keepdims=True) * mates
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    return (cosine * mates + np.sqrt(1 - cosine**2) * noise).astype(np.float32)


def strangers() -> NDArray[np.float32]:
    rng = np.random.default_rng(99)
    queries = rng.standard_normal((PROBES, DIMENSION))
    return (queries / np.linalg.norm(queries, axis=1, keepdims=True)).astype(np.float32)


def exact_best(people: int, queries: NDArray[np.float32]) -> NDArray[np.int64]:
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


def resident() -> int:
    """Bytes of memory that this process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
