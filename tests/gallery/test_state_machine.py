"""Any sequence of operations leaves the gallery as a plain dictionary would have it."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.gallery.conftest import MODEL, open_people, someone, unit

from mien.core.errors import MienError, StoreError
from mien.core.types import Embedding
from mien.gallery.corrections import merge, not_the_same, rename, split, undo
from mien.gallery.leave import erase, withdraw
from mien.gallery.people import People

NAMES = st.sampled_from(["Ada", "Ben", "Cleo", "Dora", "Émile"])
SEEDS = st.integers(1, 12)
Photos = dict[int, set[int]]


class GalleryMachine(RuleBasedStateMachine):
    """people: id -> seeds of their photos.  A photo is named by its seed, so it appears once a person."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.open()
        self.names: dict[int, str | None] = {}
        self.photos: Photos = {}
        self.withdrawn: set[int] = set()
        self.apart: set[frozenset[int]] = set()
        # What undo brings back; erasing somebody forgets the corrections about them.
        self.past: list[tuple[set[int], Any]] = []

    def open(self) -> None:
        self.people = self.make()

    def make(self) -> People:
        return open_people(self.folder)

    def teardown(self) -> None:
        self.people.close()
        shutil.rmtree(self.folder)

    def id_of(self, name: str) -> int | None:
        return next((id for id, known in self.names.items() if known == name), None)

    def snapshot(self, *involved: int) -> None:
        state = (dict(self.names), {id: set(p) for id, p in self.photos.items()}, set(self.apart))
        self.past.append((set(involved), state))

    @rule(name=NAMES, seed=SEEDS)
    def enrol(self, name: str, seed: int) -> None:
        id = self.people.enrol(name, [someone(seed, bytes([seed]))]).id
        known = self.id_of(name)
        assert known is None or known == id
        self.names[id] = name
        self.photos.setdefault(id, set()).add(seed)
        # An enrolment after a correction stays when the correction is undone; keep the model simple.
        self.past.clear()
        self.forget_edits()

    def forget_edits(self) -> None:
        with self.people.records.writing():
            self.people.records.drop_edits([edit.id for edit in self.people.records.edits()])

    @rule(name=NAMES, new=NAMES)
    def rename(self, name: str, new: str) -> None:
        id = self.id_of(name)
        if id is None or self.id_of(new) not in (None, id):
            with pytest.raises(MienError):
                rename(self.people, name, new)
            return
        self.snapshot(id)
        rename(self.people, name, new)
        self.names[id] = new

    @rule(a=NAMES, b=NAMES)
    def merge(self, a: str, b: str) -> None:
        keep, other = self.id_of(a), self.id_of(b)
        legal = keep is not None and other is not None and keep != other
        legal = legal and frozenset((keep, other)) not in self.apart
        if not legal or self.photos[other or 0] <= self.photos[keep or 0]:
            with pytest.raises(MienError):
                merge(self.people, a, b)
            return
        assert keep is not None
        assert other is not None
        if (keep in self.withdrawn) != (other in self.withdrawn):
            with pytest.raises(StoreError, match="withdrew"):
                merge(self.people, a, b)
            return
        if self.photos[keep] & self.photos[other] or any(other in pair for pair in self.apart):
            return  # partly shared photos and inherited "not the same" have tests of their own
        self.snapshot(keep, other)
        merge(self.people, a, b)
        self.photos[keep] |= self.photos.pop(other)
        del self.names[other]

    @rule(name=NAMES)
    def split(self, name: str) -> None:
        id = self.id_of(name)
        if id is None or len(self.photos[id]) < 2:
            return
        faces = self.people.faces(id)
        self.snapshot(id)
        new = split(self.people, id, [faces[0].id]).id
        self.names[new] = None
        if id in self.withdrawn:
            self.withdrawn.add(new)
        seed = next(s for s in self.photos[id] if s not in {*self.seeds_of(id)})
        self.photos[id].discard(seed)
        self.photos[new] = {seed}
        self.apart.add(frozenset((id, new)))
        self.past[-1][0].add(new)

    def seeds_of(self, id: int) -> set[int]:
        """Which photos the gallery says somebody has."""
        tags = {self.people.vault.photo_tag(bytes([seed])): seed for seed in range(1, 13)}
        return {tags[face.photo] for face in self.people.open_faces(self.people.row(id))}

    @rule(a=NAMES, b=NAMES)
    def not_the_same(self, a: str, b: str) -> None:
        first, second = self.id_of(a), self.id_of(b)
        if first is None or second is None or first == second or frozenset((first, second)) in self.apart:
            return
        self.snapshot(first, second)
        not_the_same(self.people, a, b)
        self.apart.add(frozenset((first, second)))

    @rule()
    def undo(self) -> None:
        if not self.past:
            with pytest.raises(StoreError):
                undo(self.people)
            return
        _, (names, photos, apart) = self.past.pop()
        undo(self.people)
        self.names, self.photos, self.apart = names, photos, apart

    @rule(name=NAMES)
    def withdraw(self, name: str) -> None:
        id = self.id_of(name)
        if id is not None:
            withdraw(self.people, name)
            self.withdrawn.add(id)

    @rule(name=NAMES)
    def erase(self, name: str) -> None:
        id = self.id_of(name)
        if id is None:
            return
        erased = set(erase(self.people, name).people)
        assert id in erased
        for gone in erased & set(self.names):
            del self.names[gone], self.photos[gone]
        self.withdrawn -= erased
        self.apart = {pair for pair in self.apart if not pair & erased}
        self.past.clear()
        self.forget_edits()

    @rule()
    def reopen(self) -> None:
        self.people.close()
        self.open()

    @rule()
    @precondition(lambda self: self.names)
    def verify(self) -> None:
        self.people.verify()

    @invariant()
    def everyone_is_there(self) -> None:
        assert {person.id: person.name for person in self.people.all()} == self.names
        for id, photos in self.photos.items():
            assert self.seeds_of(id) == photos

    @invariant()
    def search_finds_who_is_there_and_nobody_else(self) -> None:
        expected = set(self.names) - self.withdrawn
        for seed in (1, 7):
            matches = self.people.identify(Embedding(unit(seed), MODEL), top=50) if expected else []
            assert {match.person for match in matches} == expected
            holders = {id for id in expected if self.photos[id] == {seed}}
            if holders:
                assert matches[0].similarity == pytest.approx(1.0, abs=1e-5)
                assert matches[0].person in holders


def run(machine: type[GalleryMachine], examples: int, steps: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_the_gallery_behaves_like_a_dictionary() -> None:
    run(GalleryMachine, 6, 25)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_the_gallery_behaves_like_a_dictionary_for_long() -> None:
    run(GalleryMachine, 200, 50)
