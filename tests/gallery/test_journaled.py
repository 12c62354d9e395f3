"""Transactions on a store that has none: whole or absent wherever the store fails, one writer at a time."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.gallery.conftest import MASTER, MODEL, near, open_people, someone, two_photos, unit

from mien.core.errors import StoreError
from mien.core.people import Enrolment
from mien.core.types import Embedding
from mien.gallery.copy import copy
from mien.gallery.corrections import merge, undo
from mien.gallery.documents import JOURNAL, TURNS, Row, Table, Where
from mien.gallery.flat import FlatIndex
from mien.gallery.founding import found
from mien.gallery.index import Index
from mien.gallery.journaled import JournaledRecords
from mien.gallery.leave import erase
from mien.gallery.people import People
from mien.gallery.records import SqliteRecords
from mien.gallery.turns import LEASE, Turns
from mien.privacy.protect import load_protector
from mien.privacy.seal import Keyring


class Memory:
    """Documents in dictionaries; dies at the n-th row that is put or dropped."""

    longest = 4_096

    def __init__(self) -> None:
        self.rows: dict[str, dict[Any, Any]] = {}
        self.indexes: dict[str, FlatIndex] = {}
        self.calls = 0
        self.dies_at: int | None = None

    def _step(self) -> None:
        self.calls += 1
        if self.dies_at is not None and self.calls >= self.dies_at:
            raise StoreError("the process died")

    def put(self, table: Table, rows: Sequence[Row]) -> None:
        for row in rows:  # a batch may be cut anywhere
            self._step()
            self.rows.setdefault(table.name, {})[row[0]] = row

    def drop(self, table: Table, keys: Sequence[Any]) -> None:
        for key in keys:
            self._step()
            self.rows.setdefault(table.name, {}).pop(key, None)

    def find(self, table: Table, *wheres: Where) -> list[Any]:
        rows = [*self.rows.get(table.name, {}).values()]
        return [row for row in rows if all(where.holds(row) for where in wheres)]

    def page(self, table: Table, after: int, limit: int, *wheres: Where) -> list[Any]:
        found = self.find(table, Where(table.key, beyond=after), *wheres)
        return sorted(found, key=lambda row: row[0])[:limit]

    def count(self, table: Table, *wheres: Where) -> int:
        return len(self.find(table, *wheres))

    def index(self, model: str, dimension: int) -> Index:
        return self.indexes.setdefault(model, FlatIndex())

    def settle(self) -> None:
        pass

    def close(self) -> None:
        pass


def open_memory(memory: Memory) -> People:
    records = JournaledRecords(memory, alone=True)
    sealer = found(records, lambda gallery, new: Keyring(MASTER))
    return People(records, sealer, load_protector)


def start(memory: Memory) -> None:
    with open_memory(memory) as people:
        people.enrol("person 1", two_photos(1))
        people.enrol("person 2", two_photos(2))


def state(people: People) -> tuple[object, ...]:
    people.verify()
    everyone = sorted((str(person.name), len(people.faces(person.id))) for person in people.all())
    found = [people.identify(Embedding(unit(seed), MODEL), top=1)[0] for seed in (1, 2, 3)]
    return everyone, [match.name for match in found if match.similarity > 0.9]


CHANGES: dict[str, Callable[[People], object]] = {
    "enrol": lambda people: people.enrol("person 3", two_photos(3)),
    "merge": lambda people: merge(people, "person 1", "person 2"),
    "erase": lambda people: erase(people, "person 1"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_whole_or_absent_wherever_the_process_dies(change: str) -> None:
    memory = Memory()
    start(memory)
    with open_memory(memory) as people:
        before = state(people)
        CHANGES[change](people)
        after = state(people)
    seen = set()
    for nth in range(1, 200):
        memory = Memory()
        start(memory)
        people = open_memory(memory)
        memory.calls, memory.dies_at = 0, nth
        with contextlib.suppress(StoreError):
            CHANGES[change](people)
        died, memory.dies_at = memory.calls >= nth, None
        with open_memory(memory) as survivor:
            now = state(survivor)
            assert now in (before, after)
            seen.add(now == after)
            assert not memory.count(JOURNAL)
        if not died:
            assert seen == {False, True}
            return
    pytest.fail("a change took more than 200 rows")


def test_the_same_process_goes_on_after_a_failure() -> None:
    for nth in range(1, 40):
        memory = Memory()
        start(memory)
        people = open_memory(memory)
        memory.calls, memory.dies_at = 0, nth
        with contextlib.suppress(StoreError):
            people.enrol("person 3", two_photos(3))
        memory.dies_at = None
        people = open_memory(memory)  # the turn that the failure left behind
        people.enrol("person 3", two_photos(3))
        assert state(people)[1] == ["person 1", "person 2", "person 3"]


def test_a_broken_off_copy_leaves_no_gallery_and_can_be_repeated(tmp_path: Path) -> None:
    with open_people(tmp_path / "here") as here:
        list(here.enrol_many(Enrolment(f"person {i}", [someone(i)]) for i in range(30)))
    source = SqliteRecords(tmp_path / "here")
    memory = Memory()
    memory.dies_at = 50
    with pytest.raises(StoreError):
        copy(source, JournaledRecords(memory))
    memory.dies_at = None
    records = JournaledRecords(memory, alone=True)
    assert records.get_meta("gallery") is None
    assert copy(source, records) == (30, 30)
    with open_memory(memory) as people:
        assert people.identify(Embedding(near(unit(7), 0.7), MODEL))[0].name == "person 7"


def test_long_values_are_kept_whole() -> None:
    records = JournaledRecords(Memory())
    value = bytes(range(256)) * 100
    with records.writing():
        records.put_meta("long", value)
        assert records.get_meta("long") == value
    assert records.get_meta("long") == value
    with records.writing():
        records.put_meta("long", b"")
    assert records.get_meta("long") == b""


def test_a_merge_survives_another_connection() -> None:
    memory = Memory()
    start(memory)
    with open_memory(memory) as first:
        merge(first, "person 1", "person 2")
        with open_memory(memory) as second:
            assert undo(second) == "merge"
        assert len(first) == 2


# --- turns ------------------------------------------------------------------------------------------------


def test_only_one_of_many_writers_is_inside_at_a_time() -> None:
    memory, inside, most, done = Memory(), 0, 0, 0

    def work() -> None:
        nonlocal inside, most, done
        turns = Turns(memory)
        for _ in range(20):
            with turns.mine():
                inside += 1
                most = max(most, inside)
                inside -= 1
                done += 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most, done) == (1, 80)
    assert not memory.count(TURNS)


class Clock:
    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += max(seconds, 1.0)


def test_the_turn_of_a_dead_process_is_taken_over_and_a_slow_one_notices() -> None:
    memory, clock = Memory(), Clock()
    slow, other = Turns(memory, clock.now, clock.sleep), Turns(memory, clock.now, clock.sleep)
    waiting = slow.mine()
    waiting.__enter__()
    with other.mine():
        assert clock.time > LEASE
        with pytest.raises(StoreError, match="lost its turn"):
            slow.renew()


def test_a_holder_who_renews_is_never_robbed() -> None:
    memory, clock = Memory(), Clock()
    holder = Turns(memory, clock.now, clock.sleep)

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        holder.renew()

    with (
        holder.mine(),
        pytest.raises(StoreError, match="another process wrote"),
        Turns(memory, clock.now, sleep).mine(),
    ):
        pass
