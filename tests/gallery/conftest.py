"""A gallery to play with, and embeddings with known similarities."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mien.core.people import Sample
from mien.core.types import Embedding
from mien.gallery.founding import found
from mien.gallery.people import People
from mien.gallery.records import SqliteRecords
from mien.privacy.protect import load_protector
from mien.privacy.seal import Keyring

MASTER = bytes(range(32))
MODEL = "test"
DIMENSION = 32


def unit(seed: int, dimension: int = DIMENSION) -> NDArray[np.float32]:
    """A random direction; another seed gives one that is nearly orthogonal."""
    vector = np.random.default_rng(seed).standard_normal(dimension)
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)


def near(vector: NDArray[np.float32], cosine: float, seed: int = 0) -> NDArray[np.float32]:
    """A direction at exactly this cosine from the given one."""
    other = unit(seed + 900_000, len(vector))
    other -= (other @ vector) * vector
    other /= np.linalg.norm(other)
    return np.asarray(cosine * vector + np.sqrt(1 - cosine**2) * other, dtype=np.float32)


def face(
    vector: NDArray[np.float32], photo: bytes | None = None, quality: float = 1.0, model: str = MODEL
) -> Sample:
    return Sample(Embedding(vector, model), quality, photo)


def someone(seed: int, photo: bytes | None = None) -> Sample:
    return face(unit(seed), photo)


def two_photos(seed: int) -> list[Sample]:
    """Somebody, twice; the template stays closer to them than anybody else's among thousands."""
    return [someone(seed), face(near(unit(seed), 0.95, seed))]


def open_people(
    folder: Path,
    master: bytes = MASTER,
    protection: str = "rotation",
    clock: Callable[[], float] | None = None,
) -> People:
    records = SqliteRecords(folder)
    try:
        sealer = found(records, lambda gallery, new: Keyring(master), protection)
        if clock is None:
            return People(records, sealer, load_protector, folder)
        return People(records, sealer, load_protector, folder, clock=clock)
    except BaseException:
        records.close()
        raise


def tables(people: People) -> SqliteRecords:
    """The store below, for tests that tamper with it."""
    assert isinstance(people.records, SqliteRecords)
    return people.records


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "gallery"


@pytest.fixture
def people(folder: Path) -> Iterator[People]:
    with open_people(folder) as opened:
        yield opened
