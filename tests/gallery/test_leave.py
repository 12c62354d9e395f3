"""Withdrawal, erasure, retention, export."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np
import pytest
from tests.gallery.conftest import DIMENSION, MODEL, face, near, open_people, someone, tables, unit

from mien.core.errors import InputError, StoreCorrupt, StoreError, UnknownPerson
from mien.core.people import Consent, Enrolment
from mien.core.types import Embedding
from mien.gallery import audit, leave
from mien.gallery.corrections import merge, rename, split
from mien.gallery.leave import erase, export, purge, remaining, take_in, withdraw
from mien.gallery.people import People
from mien.gallery.records import SqliteRecords
from mien.privacy.retention import DAY, RetentionPolicy, due


def test_a_withdrawn_person_is_never_matched(people: People) -> None:
    people.enrol("Ada", [someone(1)])
    people.enrol("Ben", [someone(2)])
    withdraw(people, "Ada")
    assert [match.name for match in people.identify(Embedding(unit(1), MODEL))] == ["Ben"]
    assert people.find("Ada").withdrawn is not None


def test_a_new_consent_brings_a_withdrawn_person_back(people: People) -> None:
    people.enrol("Ada", [someone(1, b"1")])
    withdraw(people, "Ada")
    people.enrol("Ada", [someone(1, b"1")])
    assert people.identify(Embedding(unit(1), MODEL)) == []
    people.enrol("Ada", [someone(1, b"1")], Consent("Ada", "door", "notice 2", at=2.0))
    assert people.identify(Embedding(unit(1), MODEL))[0].name == "Ada"


def test_photos_alone_do_not_undo_a_withdrawal_whoever_adds_them(people: People) -> None:
    ada = people.enrol("Ada", [someone(1)], Consent("Ada", "door", "notice", at=1.0))
    withdraw(people, "Ada")
    assert people.add_faces(ada.id, [face(near(unit(1), 0.9))]).withdrawn is not None
    assert people.identify(Embedding(unit(1), MODEL)) == []


def test_a_withdrawal_goes_with_the_photos_that_are_split_off(people: People) -> None:
    consent = Consent("Ada", "door", "notice", at=1.0, expires=50.0)
    people.enrol("Ada", [someone(1), someone(2)], consent)
    withdraw(people, "Ada")
    fresh = split(people, "Ada", [people.faces("Ada")[0].id])
    assert fresh.consent == consent
    assert fresh.withdrawn is not None
    assert people.row(fresh.id).expires == 50
    assert people.identify(Embedding(unit(1), MODEL)) == []


def test_a_withdrawn_entry_is_not_merged_back_into_sight(people: People) -> None:
    people.enrol("Ada", [someone(1)])
    people.enrol("Countess", [someone(2)])
    withdraw(people, "Countess")
    for keep, other in (("Ada", "Countess"), ("Countess", "Ada")):
        with pytest.raises(StoreError, match="erase that entry"):
            merge(people, keep, other)


def test_no_erased_byte_is_left_in_any_file(folder: Path) -> None:
    with open_people(folder) as people:
        list(people.enrol_many(Enrolment(f"person {i}", [someone(i)]) for i in range(300)))
        sealed = [row.sealed for row in people.records.people_after(0, 300)]
        assert remaining(sealed, people.records.files()) == 300
        for i in range(0, 300, 2):
            assert erase(people, f"person {i}").bytes_left == 0
        assert remaining(sealed[::2], people.records.files()) == 0
        assert remaining(sealed[1::2], people.records.files()) == 150
    assert remaining(sealed[::2], [path for path in folder.iterdir() if path.is_file()]) == 0


def test_a_trace_is_found_wherever_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leave, "PIECE", 64)
    traces = [os.urandom(40 + i) for i in range(5)]
    file, other = tmp_path / "a", tmp_path / "b"
    other.write_bytes(b"")
    for at in range(150):
        file.write_bytes(os.urandom(at) + traces[3] + os.urandom(7))
        assert remaining(traces, [other, file]) == 1
        file.write_bytes(os.urandom(at) + traces[3][:23])
        assert remaining(traces, [file]) == 0
    assert remaining([], [file]) == 0
    file.write_bytes(b"".join(traces))
    assert remaining(traces, [file, file]) == 5


def test_an_erased_person_does_not_come_back(folder: Path) -> None:
    with open_people(folder) as people:
        people.enrol("Ada", [someone(1)])
        people.enrol("Ben", [someone(2)])
        erase(people, "Ada")
        with pytest.raises(UnknownPerson):
            people.find("Ada")
    with open_people(folder) as people:
        assert [match.name for match in people.identify(Embedding(unit(1), MODEL))] == ["Ben"]


@pytest.mark.parametrize("leaving", [erase, withdraw])
def test_nobody_who_left_meanwhile_is_brought_back_with_more_photos(
    folder: Path, leaving: Callable[[People, str], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_people(folder) as people, open_people(folder) as other:
        ada = people.enrol("Ada", [someone(1)])
        writing = people.records.writing

        @contextmanager
        def after_waiting() -> Iterator[None]:
            leaving(other, "Ada")
            with writing():
                yield

        monkeypatch.setattr(people.records, "writing", after_waiting)
        with pytest.raises(UnknownPerson) if leaving is erase else nullcontext():
            people.add_faces(ada.id, [face(near(unit(1), 0.9))])
        monkeypatch.undo()
        assert people.identify(Embedding(unit(1), MODEL)) == []


def test_who_agrees_anew_while_a_purge_waits_is_kept_and_who_is_erased_twice_is_unknown(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_people(folder) as people, open_people(folder) as other:
        people.enrol("Ada", [someone(1)])
        people.enrol("Ben", [someone(2)])
        for name in ("Ada", "Ben"):
            withdraw(people, name)
        meanwhile: list[Callable[[], object]] = [
            lambda: other.enrol("Ada", [someone(1)], Consent("Ada", "door", "notice", at=2.0)),
            lambda: erase(other, "Ada"),
        ]
        writing = people.records.writing

        @contextmanager
        def after_waiting() -> Iterator[None]:
            if meanwhile:
                meanwhile.pop(0)()
            with writing():
                yield

        monkeypatch.setattr(people.records, "writing", after_waiting)
        gone = purge(people, lambda seen, expires, withdrawn: "withdrawn" if withdrawn else None)
        assert [len(erasure.people) for erasure in gone] == [1]
        assert [person.name for person in people.all()] == ["Ada"]
        with pytest.raises(UnknownPerson, match="just now"):
            erase(people, "Ada")


def test_erasing_takes_merged_entries_and_corrections_along(people: People) -> None:
    people.enrol("Ada", [someone(1, b"1")])
    people.enrol("Countess", [someone(2, b"2")])
    merge(people, "Ada", "Countess")
    rename(people, "Ada", "Augusta")
    assert len(erase(people, "Augusta").people) == 2
    assert people.records.edits() == []
    assert people.records.count() == (0, 0)


def test_another_process_forgets_the_erased_too(folder: Path) -> None:
    with open_people(folder) as first, open_people(folder) as second:
        first.enrol("Ada", [someone(1)])
        assert second.identify(Embedding(unit(1), MODEL))[0].name == "Ada"
        erase(first, "Ada")
        assert second.identify(Embedding(unit(1), MODEL)) == []


def test_purge_erases_exactly_those_whose_time_is_over(folder: Path) -> None:
    now = [1_000.0 * DAY]
    with open_people(folder, clock=lambda: now[0]) as people:
        people.enrol("old", [someone(1)])
        people.enrol("expiring", [someone(2)], Consent("x", "door", "1", now[0], now[0] + 5 * DAY))
        people.enrol("withdrawn", [someone(3)])
        withdraw(people, "withdrawn")
        now[0] += 10 * DAY
        people.enrol("fresh", [someone(4)])
        people.touch([people.enrol("seen", [someone(5)]).id])
        policy = RetentionPolicy(keep_days=10)
        erased = purge(people, lambda seen, expires, gone: due(policy, now[0], seen, expires, gone))
        assert sum(len(group.people) for group in erased) == 3
        assert [person.name for person in people.all()] == ["fresh", "seen"]
        reasons = {entry.details["reason"] for entry in people.audit() if entry.action == "erase"}
        assert reasons == {"consent_expired", "consent_withdrawn", "not_seen"}


def test_being_seen_prolongs_retention(folder: Path) -> None:
    now = [0.0]
    with open_people(folder, clock=lambda: now[0]) as people:
        ada = people.enrol("Ada", [someone(1)])
        now[0] = 9 * DAY
        people.touch([ada.id])
        people.flush()
        assert people.find("Ada").seen == 9 * DAY


def test_an_export_is_json_with_everything(people: People) -> None:
    consent = Consent("Ada", "door", "notice 1", at=1.0)
    people.enrol("Ada", [face(unit(1), b"1", 0.5), face(near(unit(1), 0.9), b"2")], consent)
    data = json.loads(json.dumps(export(people, "Ada")))
    assert data["person"]["name"] == "Ada"
    assert data["person"]["consent"]["purpose"] == "door"
    assert [round(entry["quality"], 3) for entry in data["faces"]] == [0.5, 1.0]
    assert [entry["action"] for entry in data["log"]] == ["enrol"]


def test_an_export_can_be_taken_in_by_another_gallery(people: People, tmp_path: Path) -> None:
    people.enrol("Ada", [face(unit(1), b"1", 0.5), face(near(unit(1), 0.9), b"2")])
    data = json.loads(json.dumps(export(people, "Ada")))
    with open_people(tmp_path / "other", master=bytes(32)) as other:
        take_in(other, [data])
        take_in(other, [data, data])
        assert len(other.faces("Ada")) == 2
        assert other.identify(Embedding(unit(1), MODEL))[0].similarity > 0.95


@pytest.mark.parametrize(
    "change",
    [
        {"format": "other"},
        {"faces": [{}]},
        {"person": None},
        {"faces": [{"embedding": None, "box": None, "photo": "", "model": "x", "quality": 1, "source": ""}]},
    ],
)
def test_what_is_no_export_is_refused(people: People, change: dict[str, object]) -> None:
    people.enrol("Ada", [someone(1)])
    with pytest.raises(InputError, match="people export"):
        take_in(people, [{**export(people, "Ada"), **change}])


@pytest.mark.parametrize(
    ("where", "change"),
    [
        ("faces", {"embedding": [0.0] * DIMENSION}),
        ("faces", {"embedding": [1.0, 0.0, 0.0]}),
        ("faces", {"embedding": [float("nan")] * DIMENSION}),
        ("faces", {"quality": float("nan")}),
        ("faces", {"quality": 1e30}),
        ("person", {"consent": {"given_by": "A", "purpose": "", "text": "", "at": 1, "expires": "soon"}}),
        ("person", {"consent": {"given_by": "A", "purpose": "", "text": "", "at": float("inf")}}),
        ("person", {"consent": {"given_by": 1, "purpose": "", "text": "", "at": 1.0}}),
    ],
)
def test_an_export_that_lies_enrols_nobody_and_harms_nothing(
    folder: Path, where: str, change: dict[str, object]
) -> None:
    with open_people(folder) as people:
        people.enrol("Ada", [someone(1)])
    with open_people(folder) as people:
        good = json.loads(json.dumps(export(people, "Ada")))
        bad = json.loads(json.dumps({**good, "person": {**good["person"], "name": "Eve"}}))
        (bad["faces"][0] if where == "faces" else bad["person"]).update(change)
        other = {**good, "person": {**good["person"], "name": "Ben"}}
        with pytest.raises(InputError):
            take_in(people, [other, bad])
        assert [match.name for match in people.identify(Embedding(unit(1), MODEL))] == ["Ada"]
        assert people.verify()["people"] == 1


def test_any_changed_log_entry_is_found(people: People) -> None:
    for i in range(30):
        people.enrol(f"person {i}", [someone(i)])
    assert audit.verify(people.records, people.vault.sealer) == 30
    rng = np.random.default_rng(0)
    rows = people.records.audit_after(0, 100)
    for _ in range(30):
        victim = rows[int(rng.integers(30))]
        column = ["at", "actor", "action", "subject", "mac"][int(rng.integers(5))]
        lies = {"at": victim.at + 1, "actor": "x", "action": "x", "subject": 5, "mac": os.urandom(16)}
        with people.records.writing():
            tables(people).run(f"UPDATE audit SET {column} = ? WHERE seq = ?", (lies[column], victim.seq))
        with pytest.raises(StoreCorrupt, match=f"audit entry {victim.seq} "):
            audit.verify(people.records, people.vault.sealer)
        with people.records.writing():
            tables(people).run("DELETE FROM audit WHERE seq = ?", (victim.seq,))
            people.records.put_audit([victim])


def test_a_log_cut_short_is_found(people: People) -> None:
    people.enrol("Ada", [someone(1)])
    people.enrol("Ben", [someone(2)])
    with people.records.writing():
        tables(people).run("DELETE FROM audit WHERE seq = 2")
    with pytest.raises(StoreCorrupt, match="ends early"):
        audit.verify(people.records, people.vault.sealer)


def test_an_erasure_cut_short_by_a_kill_is_finished_at_the_next_opening(folder: Path) -> None:
    with open_people(folder) as people:
        people.enrol("Ada", [someone(1)])
        people.enrol("Ben", [someone(2)])
        sealed = [row.sealed for row in people.records.people_after(0, 1)]
        copied = folder.parent / "killed"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(SqliteRecords, "wipe_traces", lambda self: None)
            patch.setattr(SqliteRecords, "files", lambda self: [])
            erase(people, "Ada")
        shutil.copytree(folder, copied)  # what a kill at this point leaves
    assert remaining(sealed, [path for path in copied.iterdir() if path.is_file()]) == 1
    with open_people(copied) as people:
        assert remaining(sealed, people.records.files()) == 0
        assert [person.name for person in people.all()] == ["Ben"]
