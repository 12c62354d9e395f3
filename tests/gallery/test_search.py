"""The index follows the records, whoever else is at work; its snapshot is a copy that nobody misses."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.gallery.conftest import MODEL, open_people, someone, unit

from mien.core.people import Enrolment
from mien.core.types import Embedding
from mien.gallery import search, snapshot
from mien.gallery.flat import FlatIndex
from mien.gallery.leave import erase
from mien.gallery.people import People

SNAPSHOT = "index.sealed"


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "SNAPSHOT_FROM", 1)


def fill(people: People) -> None:
    list(people.enrol_many(Enrolment(f"person {i}", [someone(i)]) for i in range(20)))


def test_one_thread_searches_while_no_other_changes_the_index(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_people(folder) as writer, open_people(folder) as people:
        put, nearest, changing, met = FlatIndex.put, FlatIndex.nearest, threading.Event(), threading.Event()

        def slowly(index: FlatIndex, ids: Any, templates: Any) -> None:
            if changing.is_set():
                met.set()
            changing.set()
            met.wait(0.1)  # lets another thread come in, where one can
            put(index, ids, templates)
            changing.clear()

        def watched(index: FlatIndex, query: Any, k: int) -> Any:
            if changing.is_set():
                met.set()
            return nearest(index, query, k)

        fill(writer)
        people.identify(Embedding(unit(1), MODEL))
        writer.enrol("one more", [someone(50)])
        monkeypatch.setattr(FlatIndex, "put", slowly)
        monkeypatch.setattr(FlatIndex, "nearest", watched)
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda i: people.identify(Embedding(unit(i), MODEL)), [50, 1, 2, 3]))
        assert [matches[0].name for matches in found] == ["one more", "person 1", "person 2", "person 3"]
        assert not met.is_set()


@pytest.mark.usefixtures("small")
def test_two_who_close_at_once_leave_one_whole_snapshot(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = open_people(folder), open_people(folder)
    fill(first)
    second.identify(Embedding(unit(1), MODEL))
    write = snapshot._write
    met: list[bool] = []

    def while_another_closes(*words: Any) -> None:
        if not met:
            met.append(True)
            second.close()
        write(*words)

    monkeypatch.setattr(snapshot, "_write", while_another_closes)
    first.close()
    assert [path.name for path in folder.glob("index*")] == [SNAPSHOT]
    with open_people(folder) as people:
        assert people.search.size(MODEL) == 20, "the snapshot is read before anything else is"


@pytest.mark.usefixtures("small")
def test_a_snapshot_that_finds_no_room_costs_nothing_but_time(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    people = open_people(folder)
    fill(people)
    with monkeypatch.context() as patched:
        patched.setattr("os.replace", full)
        people.close()
    assert "No space left" in caplog.text
    assert not list(folder.glob("index*"))
    with open_people(folder) as again:
        assert again.identify(Embedding(unit(3), MODEL))[0].name == "person 3"


@pytest.mark.usefixtures("small")
def test_nobody_erased_meanwhile_is_in_a_snapshot_that_opens(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people, other = open_people(folder), open_people(folder)
    fill(people)
    gone = people.find("person 7").id
    get = people.records.get_meta
    asked: list[str] = []

    def after_an_erasure(name: str) -> bytes | None:
        if name == search.INDEX_KEY and not asked:
            asked.append(name)
            erase(other, "person 7")
        return get(name)

    monkeypatch.setattr(people.records, "get_meta", after_an_erasure)
    people.close()
    assert asked
    sealed = other.records.get_meta(search.INDEX_KEY)
    assert sealed is not None
    key = bytes.fromhex(other.vault.open_own(sealed, search.INDEX_KEY))
    _, arrays = snapshot.load(folder / SNAPSHOT, other.vault.sealer, key)
    assert not any(np.any(array == gone) for _, name, array in arrays if name == "ids")
    other.close()
