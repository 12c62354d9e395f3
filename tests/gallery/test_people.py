"""Enrolling and finding people."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.gallery.conftest import MODEL, face, near, open_people, someone, tables, unit

from mien.core.errors import (
    ConsentRequired,
    InputError,
    ModelMismatch,
    StoreError,
    UnknownPerson,
    WrongKey,
)
from mien.core.people import Consent, Enrolment
from mien.core.types import Embedding
from mien.gallery.people import People

CONSENT = Consent("Ada", "unlock the door", "notice 1", at=1.0)


def test_finds_who_was_enrolled_with_the_exact_similarity(people: People) -> None:
    for seed in range(20):
        people.enrol(f"person {seed}", [someone(seed)])
    best = people.identify(Embedding(near(unit(7), 0.6), MODEL))[0]
    assert best.name == "person 7"
    assert best.similarity == pytest.approx(0.6, abs=1e-5)


def test_an_enrolment_is_there_after_reopening(folder: Path) -> None:
    with open_people(folder) as first:
        ada = first.enrol("Ada", [someone(1)], CONSENT)
    with open_people(folder) as second:
        assert second.find("Ada") == replace(ada, seen=int(ada.seen))
        assert second.identify(Embedding(unit(1), MODEL))[0].person == ada.id


def test_two_openings_of_one_gallery_see_each_other(folder: Path) -> None:
    with open_people(folder) as first, open_people(folder) as second:
        first.enrol("Ada", [someone(1)])
        assert [m.name for m in second.identify(Embedding(unit(1), MODEL))] == ["Ada"]
        second.enrol("Ben", [someone(2)])
        assert {m.name for m in first.identify(Embedding(unit(2), MODEL))} == {"Ada", "Ben"}


def test_a_name_is_one_person_whatever_its_case_and_spacing(people: People) -> None:
    ada = people.enrol("Ada Lovelace", [someone(1, b"1")])
    assert people.enrol("  ada   LOVELACE", [face(near(unit(1), 0.7), b"2")]).id == ada.id
    assert len(people) == 1
    assert len(people.faces("ADA LOVELACE")) == 2


def test_enrolling_the_same_photo_again_changes_nothing(people: People) -> None:
    for _ in range(3):
        people.enrol("Ada", [someone(1, b"photo")])
    assert len(people.faces("Ada")) == 1


def test_one_bad_photo_does_not_drag_the_template_away(people: People) -> None:
    good = [face(near(unit(1), 0.8, seed), bytes([seed])) for seed in range(4)]
    people.enrol("Ada", [*good, face(near(unit(1), 0.0), b"x", quality=0.1)])
    people.enrol("Ada without it", good)
    matches = {m.name: m.similarity for m in people.identify(Embedding(unit(1), MODEL))}
    assert matches["Ada"] > 0.95 * matches["Ada without it"]
    advice = [stored.advice for stored in people.faces("Ada")]
    assert advice[:4] == ["", "", "", ""]
    assert advice[4].endswith("check who it shows")


def test_an_empty_gallery_answers_with_nobody(people: People) -> None:
    assert people.identify(Embedding(unit(1), MODEL)) == []


def test_never_compares_templates_of_different_networks(people: People) -> None:
    people.enrol("Ada", [someone(1)])
    with pytest.raises(ModelMismatch, match="enrolled with test"):
        people.identify(Embedding(unit(1), "other"))


def test_someone_enrolled_with_two_networks_is_found_by_both(people: People) -> None:
    people.enrol("Ada", [someone(1), face(unit(5, 64), model="wide")])
    assert people.identify(Embedding(unit(1), MODEL))[0].name == "Ada"
    assert people.identify(Embedding(unit(5, 64), "wide"))[0].name == "Ada"


def test_a_wrong_key_opens_nothing(folder: Path) -> None:
    with open_people(folder) as first:
        first.enrol("Ada", [someone(1)])
    with pytest.raises(WrongKey, match="give the one it was made with"):
        open_people(folder, master=bytes(32))


def test_refuses_people_without_consent_where_it_is_required(people: People) -> None:
    people.set_policy({"require_consent": True})
    with pytest.raises(ConsentRequired):
        people.enrol("Ada", [someone(1)])
    assert people.enrol("Ada", [someone(1)], CONSENT).consent == CONSENT


@pytest.mark.parametrize("name", ["", "   ", "\x00\x07", "p-ff", "x" * 201])
def test_refuses_names_that_cannot_be_shown_or_told_from_ids(people: People, name: str) -> None:
    with pytest.raises(InputError):
        people.enrol(name, [someone(1)])


@pytest.mark.parametrize("vector", [np.zeros(32, np.float32), np.full(32, np.nan, np.float32), unit(1) * 2])
def test_refuses_what_is_not_a_direction(people: People, vector: np.ndarray) -> None:
    with pytest.raises(InputError, match="unit length"):
        people.enrol("Ada", [face(vector)])


def test_refuses_embeddings_of_another_length_than_are_here(people: People) -> None:
    people.enrol("Ada", [someone(1)])
    people.identify(Embedding(unit(1), MODEL))
    for samples in ([face(unit(2, 8))], [someone(3), face(unit(3, 8))]):
        with pytest.raises(InputError, match="have 32 numbers here, not 8"):
            people.enrol("Ben", samples)


def test_a_photo_whose_name_is_no_text_is_kept(people: People) -> None:
    people.enrol("Ada", [replace(someone(1), source="caf\udce9.jpg")])
    assert [face.source for face in people.faces("Ada")] == ["caf\udce9.jpg"]


@pytest.mark.parametrize("code", ["p-" + 16 * "f", "p-" + 40 * "1", "p--1", "p- 1", "p-0x1", "p-1_0"])
def test_what_only_looks_like_a_code_is_nobody(people: People, code: str) -> None:
    people.enrol("Ada", [someone(1)])
    with pytest.raises(UnknownPerson):
        people.find(code)


def test_who_waited_for_another_writer_takes_the_time_of_its_turn(folder: Path) -> None:
    """Ids grow with time: with the time before the wait, two that bring thousands would draw the same."""
    turns: list[bool] = []

    def clock() -> float:
        turns.append(records._writing)
        return 5.0

    with open_people(folder, clock=clock) as people:
        records = tables(people)
        people.enrol("Ada", [someone(1)])
    assert turns == [True]


def test_says_who_is_unknown(people: People) -> None:
    with pytest.raises(UnknownPerson, match="people list"):
        people.find("Nobody")


def test_many_are_enrolled_in_order_and_all_are_found(people: People) -> None:
    wanted = [Enrolment(f"person {seed}", [someone(seed)]) for seed in range(250)]
    done = list(people.enrol_many(wanted, group=100))
    assert [person.name for person in done] == [enrolment.name for enrolment in wanted]
    assert [person.name for person in people.all()] == [enrolment.name for enrolment in wanted]
    for seed in (0, 99, 100, 249):
        assert people.identify(Embedding(unit(seed), MODEL), top=1)[0].name == f"person {seed}"


def test_one_name_twice_in_a_group_is_one_person(people: People) -> None:
    twice = [Enrolment("Ada", [someone(1, b"a")]), Enrolment("ada", [face(near(unit(1), 0.8), b"b")])]
    assert len({person.id for person in people.enrol_many(twice)}) == 1
    assert len(people.faces("Ada")) == 2
    assert people.identify(Embedding(unit(1), MODEL))[0].similarity > 0.9


def test_everything_can_be_verified(people: People) -> None:
    people.enrol("Ada", [someone(1, b"a"), face(near(unit(1), 0.7), b"b")])
    people.enrol("Ben", [someone(2)])
    assert people.verify() == {"people": 2, "faces": 3, "audit_entries": 2}


def test_a_newer_schema_is_refused(folder: Path) -> None:
    import apsw

    open_people(folder).close()
    database = apsw.Connection(str(folder / "gallery.db"))
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(StoreError, match="update mien"):
        open_people(folder)


@pytest.mark.parametrize("protection", ["plain", "rotation", "biohash"])
def test_every_protection_finds_the_right_person(folder: Path, protection: str) -> None:
    with open_people(folder, protection=protection) as opened:
        for seed in range(30):
            opened.enrol(f"person {seed}", [face(unit(seed, 128)), face(near(unit(seed, 128), 0.8))])
        for seed in range(30):
            best = opened.identify(Embedding(near(unit(seed, 128), 0.7, seed), MODEL))[0]
            assert best.name == f"person {seed}"
            assert best.similarity == pytest.approx(0.7, abs=0.2)
