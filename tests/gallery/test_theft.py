"""Whoever steals the files without the key has nothing, and whoever rearranges them is found out."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from math import log2
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.gallery.conftest import MODEL, face, near, open_people, someone, tables, unit

from mien.core.errors import StoreCorrupt
from mien.core.people import Consent, Enrolment
from mien.core.types import Embedding
from mien.gallery.corrections import rename
from mien.gallery.leave import erase, remaining
from mien.gallery.people import People

WINDOW = 8  # bytes: two coordinates of a template, which chance does not repeat in a few megabytes


@pytest.fixture
def robbed(folder: Path) -> Iterator[People]:
    """A gallery that a test tampers with; it is let go without the last search that `close` makes."""
    opened = open_people(folder)
    yield opened
    opened.records.close()


def everything(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def windows(vector: NDArray[np.float32]) -> list[bytes]:
    data = vector.tobytes()
    return [data[start : start + WINDOW] for start in range(0, len(data) - WINDOW + 1, 4)]


@pytest.mark.parametrize("protection", ["plain", "rotation", "biohash"])
def test_a_stolen_database_holds_no_part_of_a_template_and_no_name(folder: Path, protection: str) -> None:
    consent = Consent("Zebulon Quaint", "door", "notice 1", at=1.0)
    with open_people(folder, protection=protection) as people:
        list(people.enrol_many(Enrolment(f"Zebulon {i}", [someone(i)], consent) for i in range(50)))
        rename(people, "Zebulon 7", "Barnabas Quaint")
        stored = [people.protect(MODEL, unit(i)[None])[0] for i in range(50)]
    data = everything(folder)
    for i in range(50):
        assert not [window for window in windows(unit(i)) if window in data]
        if protection != "biohash":
            assert not [w for w in windows(np.asarray(stored[i], np.float32)) if w in data]
        else:
            assert stored[i].tobytes() not in data
    for word in (b"Zebulon", b"Barnabas", b"Quaint", b"door", b"notice 1"):
        assert word not in data


def test_sealed_records_look_like_noise(people: People) -> None:
    list(people.enrol_many(Enrolment(f"person {i}", [someone(i)]) for i in range(300)))
    ids = [row.id for row in people.records.people_after(0, 300)]
    sealed = b"".join(row.sealed for row in people.records.faces_of(ids))
    share = np.bincount(np.frombuffer(sealed, dtype=np.uint8), minlength=256) / len(sealed)
    assert -sum(p * log2(p) for p in share if p) > 7.98  # of 8 bits a byte


def test_swapped_templates_are_refused(robbed: People) -> None:
    robbed.enrol("Ada", [someone(1)])
    robbed.enrol("Ben", [someone(2)])
    (a,) = robbed.records.faces_of([robbed.row("Ada").id])
    (b,) = robbed.records.faces_of([robbed.row("Ben").id])
    with robbed.records.writing():
        for face_id, sealed in ((a.id, b.sealed), (b.id, a.sealed)):
            tables(robbed).run("UPDATE faces SET sealed = ? WHERE id = ?", (sealed, face_id))
    with pytest.raises(StoreCorrupt, match="swapped"):
        robbed.verify()
    with pytest.raises(StoreCorrupt):
        robbed.identify(Embedding(unit(1), MODEL))


@pytest.mark.parametrize(
    "lie",
    [
        "UPDATE faces SET person = :ben WHERE person = :ada",
        "UPDATE faces SET model = 'other' WHERE person = :ada",
        "UPDATE faces SET photo = zeroblob(16) WHERE person = :ada",
        "UPDATE people SET key = (SELECT key FROM people WHERE id = :ben) WHERE id = :ada",
        "UPDATE people SET sealed = (SELECT sealed FROM people WHERE id = :ben) WHERE id = :ada",
    ],
)
def test_a_record_in_another_place_is_refused(robbed: People, lie: str) -> None:
    robbed.enrol("Ada", [someone(1)])
    robbed.enrol("Ben", [someone(2), face(near(unit(2), 0.9), b"2")])
    ada, ben = (str(robbed.row(name).id) for name in ("Ada", "Ben"))
    with robbed.records.writing():
        tables(robbed).run(lie.replace(":ada", ada).replace(":ben", ben), ())
    with pytest.raises(StoreCorrupt):
        robbed.verify()


def test_a_record_of_another_gallery_under_the_same_key_is_refused(robbed: People, tmp_path: Path) -> None:
    with open_people(tmp_path / "other") as other:
        for gallery in (robbed, other):
            gallery.enrol("Ada", [someone(1)])
        (mine,) = robbed.records.faces_of([robbed.row("Ada").id])
        (theirs,) = other.records.faces_of([other.row("Ada").id])
    with robbed.records.writing():
        tables(robbed).run("UPDATE faces SET sealed = ? WHERE id = ?", (theirs.sealed, mine.id))
    with pytest.raises(StoreCorrupt):
        robbed.verify()


def test_of_500_erased_templates_no_byte_is_found(folder: Path) -> None:
    with open_people(folder) as people:
        list(people.enrol_many(Enrolment(f"person {i}", [someone(i)]) for i in range(1000)))
        rows = people.records.people_after(0, 1000)
        sealed = [row.sealed for row in people.records.faces_of([row.id for row in rows])]
        owners = [row.person for row in people.records.faces_of([row.id for row in rows])]
        gone = {row.id for row in rows[::2]}
        erased = [data for data, owner in zip(sealed, owners, strict=True) if owner in gone]
        kept = [data for data, owner in zip(sealed, owners, strict=True) if owner not in gone]
        assert len(erased) == len(kept) == 500
        for row in rows[::2]:
            assert erase(people, row.id).bytes_left == 0
        assert remaining(erased, people.records.files()) == 0
        assert remaining(kept, people.records.files()) == 500
    assert remaining(erased, [path for path in folder.rglob("*") if path.is_file()]) == 0


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_every_file_of_a_gallery_is_private_whatever_the_umask(folder: Path) -> None:
    old = os.umask(0)
    try:
        with open_people(folder) as people:
            people.enrol("Ada", [someone(1)])
            modes = [stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_file()]
    finally:
        os.umask(old)
    assert set(modes) == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
