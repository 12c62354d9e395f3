"""One system at one size: what `benchmarks.gallery` starts, building and asking in a process each.

    PYTHON -m benchmarks.gallery_systems {build,ask} SYSTEM --people N --folder DIR --questions FILE

Prints JSON. mien's stores write to disk what they acknowledge, encrypted, and answer with names; the others
are indexes in memory that are saved once at the end, and answer with numbers. mien is imported only for its
own.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.gallery_data import DIMENSION, Floats, read_questions, resident, vectors

Ask = Callable[[Floats], int]  # a query -> the number of the most similar person


@dataclass(frozen=True, slots=True)
class System:
    """most: people it is tried with; more take minutes to build.    asked: queries a kind."""

    build: Callable[[Path, int], None]
    open: Callable[[Path], Ask]
    most: int = 1_000_000
    asked: int = 500


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("part", choices=["build", "ask"])
    options.add_argument("system", choices=SYSTEMS)
    options.add_argument("--people", type=int, required=True)
    options.add_argument("--folder", type=Path, required=True)
    options.add_argument("--questions", type=Path, required=True)
    given = options.parse_args()
    system = SYSTEMS[given.system]
    if given.part == "build":
        print(json.dumps(build(system, given.folder, given.people)))
    else:
        print(json.dumps(ask(system, given.folder, given.questions)))


def build(system: System, folder: Path, people: int) -> dict[str, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    system.build(folder, people)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return {
        "enrol_per_second": round(people / wall),
        "enrol_per_cpu_second": round(people / cpu),
        "disk_mb": round(size / 1e6),
    }


def ask(system: System, folder: Path, questions: Path) -> dict[str, Any]:
    started = time.perf_counter()
    answer = system.open(folder)
    opened = time.perf_counter() - started
    row: dict[str, Any] = {"open_seconds": round(opened, 3)}
    walls, cpu = [], time.process_time()
    for kind, (queries, best) in read_questions(questions, system.asked).items():
        agreed = 0
        for query, expected in zip(queries, best, strict=True):
            asked = time.perf_counter()
            found = answer(query)
            walls.append(time.perf_counter() - asked)
            agreed += found == expected
        row[f"agreement, {kind}"] = round(agreed / len(queries), 4)
    cpu = time.process_time() - cpu
    row["identify_p50_ms"] = round(float(np.quantile(walls, 0.5)) * 1e3, 2)
    row["identify_p99_ms"] = round(float(np.quantile(walls, 0.99)) * 1e3, 2)
    row["identify_cpu_ms"] = round(cpu / len(walls) * 1e3, 2)
    row["queries"] = len(walls)
    row["rss_mb"] = round(resident() / 1e6)
    return row


# --- mien -------------------------------------------------------------------------------------------------


def people_in(uri: str) -> Any:
    os.environ["MIEN_GALLERY_KEY"] = "00" * 32
    from mien.pipeline.stores import open_people

    return open_people(uri)


def enrol(uri: str, people: int) -> None:
    """Everybody, by name; done when the last acknowledged and the index is saved."""
    from mien.core.people import Enrolment, Sample
    from mien.core.types import Embedding

    def everybody() -> Iterator[Enrolment]:
        for start, chunk in vectors(people):
            for number, vector in enumerate(chunk, start=start):
                yield Enrolment(f"person {number}", [Sample(Embedding(vector, "random"))])

    with people_in(uri) as gallery:
        for _ in gallery.enrol_many(everybody()):
            pass


def asking(uri: str) -> Ask:
    from mien.core.types import Embedding

    gallery = people_in(uri)
    gallery.searchable("random")  # learn what others wrote

    def one(query: Floats) -> int:
        match = gallery.identify(Embedding(query, "random"), top=1)[0]
        return int(match.name.split()[1])

    return one


def mien_store(uri: Callable[[Path], str], **limits: int) -> System:
    return System(
        lambda folder, people: enrol(uri(folder), people), lambda folder: asking(uri(folder)), **limits
    )


def postgres_uri(folder: Path) -> str:
    """A schema named after the folder, made if it is not there."""
    import psycopg

    server = os.environ["MIEN_TEST_POSTGRES"]
    schema = "bench_" + "".join(c for c in folder.name.lower() if c.isalnum())
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS vector SCHEMA public")
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}".encode())
    return f"{server}?options=-csearch_path%3D{schema},public"


def drop_schema(folder: Path) -> None:
    import psycopg

    schema = "bench_" + "".join(c for c in folder.name.lower() if c.isalnum())
    with psycopg.connect(os.environ["MIEN_TEST_POSTGRES"], autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE".encode())


# --- indexes ----------------------------------------------------------------------------------------------


def faiss_index(make: Callable[[Any], Any], **limits: int) -> System:
    def build(folder: Path, people: int) -> None:
        import faiss

        index = make(faiss)
        for _, chunk in vectors(people):
            index.add(chunk)
        faiss.write_index(index, str(folder / "index.faiss"))

    def open(folder: Path) -> Ask:
        import faiss

        index = faiss.read_index(str(folder / "index.faiss"))
        return lambda query: int(index.search(query[None], 1)[1][0, 0])

    return System(build, open, **limits)


def hnsw(faiss: Any) -> Any:
    index = faiss.IndexHNSWFlat(DIMENSION, 32, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction, index.hnsw.efSearch = 100, 400
    return index


def build_usearch(folder: Path, people: int) -> None:
    from usearch.index import Index

    index = Index(ndim=DIMENSION, metric="ip", dtype="f32", connectivity=16, expansion_add=128)
    for start, chunk in vectors(people):
        index.add(np.arange(start, start + len(chunk)), chunk, threads=os.cpu_count() or 1)
    index.save(str(folder / "index.usearch"))


def open_usearch(folder: Path) -> Ask:
    from usearch.index import Index

    index = Index.restore(str(folder / "index.usearch"))
    index.expansion_search = 400
    return lambda query: int(index.search(query, 1).keys[0])


# --- DeepFace ---------------------------------------------------------------------------------------------
# `find` over the pickle that it keeps, with the network's answers given: the time is that of the search.


def build_deepface(folder: Path, people: int) -> None:
    place = {"target_x": 0, "target_y": 0, "target_w": 8, "target_h": 8, "hash": ""}
    rows = [
        {"identity": f"{folder}/{number}.jpg", "embedding": vector.tolist(), **place}
        for start, chunk in vectors(people)
        for number, vector in enumerate(chunk, start=start)
    ]
    name = "ds_model_facenet_detector_skip_aligned_normalization_base_expand_0.pkl"
    with (folder / name).open("wb") as file:
        pickle.dump(rows, file, pickle.HIGHEST_PROTOCOL)


def deepface(batched: bool) -> Callable[[Path], Ask]:
    def open(folder: Path) -> Ask:
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
        from deepface.modules import recognition, representation

        picture = np.full((8, 8, 3), 128, dtype=np.uint8)

        def one(query: Floats) -> int:
            representation.represent = lambda *_, **__: [{"embedding": query.tolist()}]
            found = recognition.find(
                picture,
                str(folder),
                model_name="Facenet",
                detector_backend="skip",
                refresh_database=False,
                threshold=2.0,
                k=1,
                silent=True,
                batched=batched,
            )[0]
            best = found[0]["identity"] if batched else found.iloc[0]["identity"]
            return int(Path(best).stem)

        return one

    return open


SYSTEMS: dict[str, System] = {
    "mien, folder": mien_store(lambda folder: str(folder / "gallery")),
    "mien, PostgreSQL": mien_store(postgres_uri, most=10_000, asked=100),
    "mien, milvus-lite": mien_store(lambda folder: f"milvus://{folder}/gallery.db", most=10_000, asked=25),
    "FAISS flat": faiss_index(lambda faiss: faiss.IndexFlatIP(DIMENSION), asked=50),
    "FAISS HNSW": faiss_index(hnsw, most=100_000),
    "usearch": System(build_usearch, open_usearch, most=100_000),
    "DeepFace find": System(build_deepface, deepface(batched=False), most=10_000, asked=2),
    "DeepFace find, batched": System(build_deepface, deepface(batched=True), most=10_000, asked=2),
}

if __name__ == "__main__":
    main()
    sys.stdout.flush()
