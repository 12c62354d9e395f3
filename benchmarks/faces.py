"""Labelled pictures as embeddings, each looked at once: kept by its bytes and by what looked at it."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.measuring import ROOT
from mien.core.errors import MienError
from mien.core.types import Embedding
from mien.embedding.quality import quality_of
from mien.evaluation.acquire import embed_pictures
from mien.pipeline.analyze import Analyzer
from mien.pipeline.index.run import made_by
from mien.zoo.folder import cache_folder

PORTION = 250  # pictures; a kill costs no more
Kept = dict[bytes, tuple[NDArray[np.float32], float] | None]


@dataclass(frozen=True)
class Faces:
    """vectors: (N, D).    qualities: (N,).    people: (N,) numbers 0, 1, ...    names: (N,) of the people."""

    vectors: NDArray[np.float32]
    qualities: NDArray[np.float64]
    people: NDArray[np.int64]
    names: list[str]

    def __len__(self) -> int:
        return len(self.names)

    def part(self, chosen: NDArray[Any]) -> Faces:
        """Some of the rows; people are numbered anew."""
        names = [self.names[i] for i in np.arange(len(self.names))[chosen]]
        return labelled(self.vectors[chosen], self.qualities[chosen], names)


def labelled(vectors: NDArray[np.float32], qualities: NDArray[np.float64], names: list[str]) -> Faces:
    return Faces(vectors, qualities, np.unique(names, return_inverse=True)[1], names)


def joined(a: Faces, b: Faces) -> Faces:
    """Both, with nobody in common."""
    names = [*a.names, *(f"stranger {name}" for name in b.names)]
    vectors, qualities = (np.concatenate(parts) for parts in zip(_columns(a), _columns(b), strict=True))
    return labelled(vectors, qualities, names)


def load(analyzer: Analyzer, pictures: Mapping[Path, str]) -> Faces:
    """The face of each picture that shows one.  pictures: path -> who it shows.

    Embeddings are kept in the user's cache (``MIEN_CACHE``), so a run that was stopped goes on where it was.
    """
    folder = cache_folder() / "benchmarks" / _making(analyzer)
    kept = _read(folder)
    digests = {path: hashlib.sha256(path.read_bytes()).digest() for path in pictures}
    left = [path for path, digest in digests.items() if digest not in kept]
    for start in range(0, len(left), PORTION):
        portion = left[start : start + PORTION]
        print(f"embedding {len(left) - start:,} pictures more", file=sys.stderr)
        fresh = dict(zip((digests[path] for path in portion), _embedded(analyzer, portion), strict=True))
        _write(folder, fresh)
        kept |= fresh
    found = [(name, face) for path, name in pictures.items() if (face := kept[digests[path]]) is not None]
    vectors, qualities = zip(*(face for _, face in found), strict=True)
    return labelled(np.stack(vectors), np.array(qualities), [name for name, _ in found])


def shared(name: str) -> Path:
    return Path(os.environ.get("MIEN_SHARED", ROOT.parent / "shared")) / "data" / name


def wild40() -> dict[Path, str]:
    """480 uncropped photos of 40 people."""
    return {path: path.parent.name for path in sorted(shared("wild40").glob("*/*.jpg"))}


def celeba10k() -> dict[Path, str]:
    """10,000 aligned crops of 5,429 people; names are CelebA's numbers."""
    photos = {path.name: path for path in sorted(shared("celeba10k").rglob("*.jpg"))}
    table = next(shared("celeba10k").rglob("identity_CelebA.txt"))
    rows = (line.split() for line in table.read_text().splitlines())
    return {photos[name]: person for name, person in rows if name in photos}


def one_each(pictures: Mapping[Path, str], most: int) -> dict[Path, str]:
    """The first photo of so many people."""
    first: dict[str, Path] = {}
    for path, person in pictures.items():
        first.setdefault(person, path)
    return {path: person for person, path in list(first.items())[:most]}


def _making(analyzer: Analyzer) -> str:
    made = made_by(analyzer.config)
    facts = repr((made.embedder, sorted(made.models.items()), analyzer.config.profile))
    return f"{made.profile}-{hashlib.sha256(facts.encode()).hexdigest()[:16]}"


def _embedded(
    analyzer: Analyzer, portion: Sequence[Path]
) -> Iterator[tuple[NDArray[np.float32], float] | None]:
    for answer in embed_pictures(analyzer)(portion):
        yield None if isinstance(answer, MienError) else (answer.vector, _quality(answer))


def _quality(embedding: Embedding) -> float:
    known = quality_of(embedding)
    if known is None:
        raise SystemExit(f"the quality of {embedding.model} is not known: choose another profile")
    return known


def _read(folder: Path) -> Kept:
    kept: Kept = {}
    for file in sorted(folder.glob("*.npz")):
        with np.load(file) as shard:
            rows = zip(shard["digests"], shard["vectors"], shard["qualities"].tolist(), strict=True)
            kept |= {d.tobytes(): None if np.isnan(q) else (v, q) for d, v, q in rows}
    return kept


def _write(folder: Path, fresh: Kept) -> None:
    """A shard that is there whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    faces = [face for face in fresh.values() if face is not None]
    nothing = np.zeros_like(faces[0][0]) if faces else np.zeros(1, np.float32)
    file = folder / f"{time.time_ns()}.npz"
    with open(file.with_suffix(".new"), "wb") as stream:
        np.savez(
            stream,
            digests=np.stack([np.frombuffer(digest, np.uint8) for digest in fresh]),
            vectors=np.stack([nothing if face is None else face[0] for face in fresh.values()]),
            qualities=np.array([np.nan if face is None else face[1] for face in fresh.values()]),
        )
    os.replace(file.with_suffix(".new"), file)


def _columns(faces: Faces) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    return faces.vectors, faces.qualities
