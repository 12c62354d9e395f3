"""Mistakes can be corrected, and corrections taken back."""

from __future__ import annotations

import pytest
from tests.gallery.conftest import MODEL, face, near, someone, unit

from mien.core.errors import StoreError
from mien.core.types import Embedding
from mien.gallery.corrections import apart, merge, not_the_same, remove_face, rename, split, undo
from mien.gallery.people import People


def names(people: People) -> list[str | None]:
    return [person.name for person in people.all()]


def best(people: People, seed: int) -> str | None:
    return people.identify(Embedding(unit(seed), MODEL), top=1)[0].name


def test_a_renamed_person_is_found_by_the_new_name_only(people: People) -> None:
    ada = people.enrol("Adda", [someone(1)])
    rename(people, "Adda", "Ada")
    assert people.find("Ada").id == ada.id
    assert best(people, 1) == "Ada"
    assert undo(people) == "rename"
    assert names(people) == ["Adda"]


def test_a_name_that_is_taken_is_refused(people: People) -> None:
    people.enrol("Ada", [someone(1)])
    people.enrol("Ben", [someone(2)])
    with pytest.raises(StoreError, match="merge the two"):
        rename(people, "Ben", "ada")


def test_merging_joins_the_photos_and_undo_parts_them(people: People) -> None:
    ada = people.enrol("Ada", [someone(1, b"1")])
    twin = people.enrol("Countess", [someone(2, b"2")])
    merge(people, "Ada", "Countess")
    assert names(people) == ["Ada"]
    assert people.find(twin.id).id == ada.id
    assert len(people.faces("Ada")) == 2
    assert undo(people) == "merge"
    assert names(people) == ["Ada", "Countess"]
    assert (best(people, 1), best(people, 2)) == ("Ada", "Countess")
    people.verify()


def test_a_nameless_entry_takes_the_name_of_the_one_merged_in(people: People) -> None:
    group = people.enrol(None, [someone(1)])
    people.enrol("Ada", [someone(2)])
    merge(people, group.id, "Ada")
    assert names(people) == ["Ada"]
    assert people.find("Ada").id == group.id
    undo(people)
    assert names(people) == [None, "Ada"]


def test_a_split_person_is_never_merged_back_by_mistake(people: People) -> None:
    ada = people.enrol("Ada", [someone(1, b"1"), face(near(unit(1), 0.8), b"2"), someone(9, b"3")])
    wrong = people.faces("Ada")[2].id
    ben = split(people, "Ada", [wrong], "Ben")
    assert best(people, 9) == "Ben"
    assert len(people.faces("Ada")) == 2
    assert apart(people) == {(ada.id, ben.id)}
    with pytest.raises(StoreError, match="undo that first"):
        merge(people, "Ada", "Ben")
    undo(people)
    assert names(people) == ["Ada"]
    assert len(people.faces("Ada")) == 3
    assert apart(people) == set()


def test_people_in_the_same_photo_cannot_be_one(people: People) -> None:
    people.enrol("Ada", [someone(1, b"together")])
    people.enrol("Ben", [someone(2, b"together")])
    with pytest.raises(StoreError, match="two people"):
        merge(people, "Ada", "Ben")


def test_not_the_same_holds_through_merges(people: People) -> None:
    ada = people.enrol("Ada", [someone(1)])
    ben = people.enrol("Ben", [someone(2)])
    people.enrol("Benny", [someone(3)])
    not_the_same(people, "Ada", "Benny")
    merge(people, "Ben", "Benny")
    assert apart(people) == {(ada.id, ben.id)}
    with pytest.raises(StoreError, match="different"):
        merge(people, "Ada", "Ben")


def test_undo_goes_back_step_by_step_and_then_says_so(people: People) -> None:
    people.enrol("Ada", [someone(1)])
    people.enrol("Ben", [someone(2)])
    rename(people, "Ben", "Benjamin")
    not_the_same(people, "Ada", "Benjamin")
    assert (undo(people), undo(people)) == ("not_the_same", "rename")
    with pytest.raises(StoreError, match="no correction to undo"):
        undo(people)
    assert names(people) == ["Ada", "Ben"]


def test_the_last_photo_is_not_removed_by_mistake(people: People) -> None:
    people.enrol("Ada", [someone(1, b"1"), someone(2, b"2")])
    first, second = people.faces("Ada")
    remove_face(people, first.id)
    assert best(people, 2) == "Ada"
    with pytest.raises(StoreError, match="only photo"):
        remove_face(people, second.id)


def test_a_correction_is_written_in_the_log(people: People) -> None:
    people.enrol("Ada", [someone(1)])
    rename(people, "Ada", "Augusta")
    undo(people)
    assert [entry.action for entry in people.audit()] == ["enrol", "rename", "undo"]
    assert "Augusta" not in str(people.audit())
