"""A gallery gets another key: nothing is lost, the old key opens nothing, and killing it does no harm."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from tests.gallery.conftest import MASTER, MODEL, face, near, open_people, someone, two_photos, unit
from tests.gallery.powercut import PowerCutVfs
from tests.gallery.test_journaled import Memory

from mien.core.errors import StoreCorrupt, StoreError, WrongKey
from mien.core.people import Consent
from mien.core.types import Embedding
from mien.gallery.copy import copy
from mien.gallery.corrections import apart, merge, not_the_same, undo
from mien.gallery.founding import found
from mien.gallery.journaled import JournaledRecords
from mien.gallery.leave import remaining
from mien.gallery.people import People
from mien.gallery.records import SqliteRecords
from mien.gallery.rekey import Rekeyed, opens, rekey
from mien.gallery.rows import Records
from mien.privacy.protect import load_protector
from mien.privacy.seal import Keyring

OTHER = bytes(range(32, 64))
ROOT = Path(__file__).resolve().parents[2]


def turn(records: Records, old: bytes = MASTER, new: bytes = OTHER) -> Rekeyed:
    done = rekey(records, Keyring(old), lambda: Keyring(new), load_protector, "tests", 5.0)
    records.wipe_traces()
    return done


def fill(folder: Path, protection: str = "rotation") -> None:
    with open_people(folder, protection=protection) as people:
        people.enrol("Ada", [someone(1, b"1"), face(near(unit(1), 0.9), b"2")])
        people.enrol("Ben", two_photos(2), Consent("Ben", "door", "notice", at=2.0))
        people.enrol("Countess", [someone(3, b"3")])
        people.enrol(None, [someone(4, b"4")])
        not_the_same(people, "Ada", "Ben")
        merge(people, "Ada", "Countess")
        people.set_policy({"keep_days": 10})
        people.set_calibration(MODEL, "a curve")


@pytest.mark.parametrize("protection", ["plain", "rotation", "biohash"])
def test_everything_is_there_under_the_new_key_and_nothing_under_the_old(
    folder: Path, protection: str
) -> None:
    fill(folder, protection)
    with open_people(folder, protection=protection) as people:
        before = [person.to_dict() for person in people.all()]
        pairs, entries = apart(people), len(people.audit())
        similarity = people.identify(Embedding(near(unit(1), 0.7), MODEL))[0].similarity
        traces = [row.sealed for row in people.records.people_after(0, 10)]
        traces += [row.key for row in people.records.people_after(0, 10)]
    records = SqliteRecords(folder)
    assert turn(records) == Rekeyed(4, 6)
    records.close()
    with pytest.raises(WrongKey):
        open_people(folder)
    with open_people(folder, master=OTHER) as people:
        assert remaining(traces, people.records.files()) == 0
        assert [person.to_dict() for person in people.all()] == before
        assert people.find("ada").name == "Ada"
        assert people.identify(Embedding(near(unit(1), 0.7), MODEL))[0].similarity == pytest.approx(
            similarity, abs=1e-5
        )
        assert people.verify()["audit_entries"] == entries + 1
        assert people.audit()[-1].action == "rekey"
        assert (people.policy(), people.calibration(MODEL)) == ({"keep_days": 10}, "a curve")
        assert apart(people) == pairs
        assert undo(people) == "merge"
        assert people.find("Countess").name == "Countess"


def test_a_photo_is_recognised_through_two_changes_of_the_key(folder: Path) -> None:
    fill(folder)
    records = SqliteRecords(folder)
    turn(records)
    turn(records, OTHER, bytes(32))
    records.close()
    with open_people(folder, master=bytes(32)) as people:
        people.enrol("Ada", [someone(1, b"1")])
        assert len(people.faces("Ada")) == 3
        assert people.owner_of(someone(4, b"4")) is not None


def test_templates_get_a_new_secret_so_that_an_old_copy_of_the_index_is_worthless(folder: Path) -> None:
    fill(folder)
    with open_people(folder) as people:
        old = people.template("Ben", MODEL)
    records = SqliteRecords(folder)
    turn(records)
    records.close()
    with open_people(folder, master=OTHER) as people:
        new = people.template("Ben", MODEL)
    assert old is not None
    assert new is not None
    assert abs(float(np.dot(old, new))) < 0.9


def test_a_changed_log_or_the_same_key_is_refused_and_nothing_happens(folder: Path) -> None:
    fill(folder)
    records = SqliteRecords(folder)
    with pytest.raises(WrongKey, match="already"):
        turn(records, MASTER, MASTER)
    with pytest.raises(WrongKey):
        turn(records, bytes(32), OTHER)
    with records.writing():
        records.run("UPDATE audit SET actor = 'nobody' WHERE seq = 2")
    with pytest.raises(StoreCorrupt, match="audit entry 2"):
        turn(records)
    assert opens(records, Keyring(MASTER))
    records.close()


def test_whichever_write_fails_one_of_the_two_keys_opens_everything(folder: Path) -> None:
    finished = False
    for nth in [*range(1, 12), *range(12, 400, 7)]:
        home = folder / str(nth)
        fill(home)
        vfs = PowerCutVfs(nth)
        records = SqliteRecords(home, vfs=vfs.name, exclusive=True)
        vfs.calls, vfs.fail_at = 0, nth
        with contextlib.suppress(StoreError):
            turn(records)
        finished = vfs.calls < nth
        vfs.cut()
        with contextlib.suppress(StoreError):
            records.close()
        sound(home)
        if finished:
            break
    assert finished


def sound(home: Path) -> bytes:
    """Open with the key that is in force; returns it."""
    with SqliteRecordsOf(home) as records:
        key = MASTER if opens(records, Keyring(MASTER)) else OTHER
    with open_people(home, master=key) as people:
        people.verify()
        assert [person.name for person in people.all()] == ["Ada", "Ben", None]
        assert people.identify(Embedding(unit(2), MODEL), top=1)[0].name == "Ben"
    return key


@contextlib.contextmanager
def SqliteRecordsOf(home: Path):  # type: ignore[no-untyped-def]
    records = SqliteRecords(home)
    try:
        yield records
    finally:
        records.close()


def test_a_store_without_transactions_has_one_of_the_two_keys_wherever_it_dies() -> None:
    seen = set()
    for nth in range(1, 200):
        memory = Memory()
        start(memory)
        records = JournaledRecords(memory, alone=True)
        memory.calls, memory.dies_at = 0, nth
        with contextlib.suppress(StoreError):
            turn(records)
        died, memory.dies_at = memory.calls >= nth, None
        survivor = JournaledRecords(memory, alone=True)
        old = opens(survivor, Keyring(MASTER))
        seen.add(old)
        with People(survivor, Keyring(MASTER if old else OTHER), load_protector) as people:
            people.verify()
            for number in (1, 2):
                assert people.identify(Embedding(unit(number), MODEL))[0].name == f"person {number}"
        if not died:
            assert seen == {True, False}
            return
    pytest.fail("a change of keys took more than 200 rows")


def start(memory: Memory) -> None:
    records = JournaledRecords(memory, alone=True)
    with People(records, found(records, lambda gallery, new: Keyring(MASTER)), load_protector) as people:
        people.enrol("person 1", two_photos(1))
        people.enrol("person 2", two_photos(2))


def test_a_copy_made_before_still_opens_unless_the_old_key_is_destroyed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mien.pipeline.stores import open_people as open_gallery
    from mien.pipeline.stores import rekey_gallery

    monkeypatch.setenv("MIEN_KEYS", str(tmp_path / "keys"))
    one, two = str(tmp_path / "one"), str(tmp_path / "two")
    with open_gallery(one) as people:
        people.enrol("Ada", two_photos(1))
    source, target = SqliteRecords(Path(one)), SqliteRecords(Path(two))
    copy(source, target)
    source.close()
    target.close()

    def names() -> list[str | None]:
        found = []
        for uri in (one, two):
            with open_gallery(uri) as people:
                found += [person.name for person in people.all()]
        return found

    rekey_gallery(one)
    assert names() == ["Ada", "Ada"]
    rekey_gallery(two)
    assert names() == ["Ada", "Ada"]
    monkeypatch.setenv("MIEN_GALLERY_NEW_PASSPHRASE", "correct horse")
    rekey_gallery(two, destroy=True)
    monkeypatch.setenv("MIEN_GALLERY_PASSPHRASE", "correct horse")
    assert names() == ["Ada", "Ada"]


# --- the process is killed --------------------------------------------------------------------------------

CHANGER = """
import sys
from mien.pipeline.stores import rekey_gallery
print(flush=True)
while True:
    rekey_gallery(sys.argv[1])
"""


def kill_and_check(folder: Path, kills: int) -> None:
    """The key file and the gallery change together, however often it is killed."""
    from mien.pipeline.stores import open_people as open_gallery

    rng, names = random.Random(0), [f"person {number}" for number in range(1, 9)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MIEN_KEYS", str(folder / "keys"))
        patch.setenv("PYTHONPATH", f"{ROOT / 'src'}{os.pathsep}{ROOT}")
        with open_gallery(str(folder / "gallery")) as people:
            for number, name in enumerate(names, start=1):
                people.enrol(name, two_photos(number))
        for _ in range(kills):
            command = [sys.executable, "-c", CHANGER, str(folder / "gallery")]
            with subprocess.Popen(command, stdout=subprocess.PIPE) as changer:
                assert changer.stdout is not None
                changer.stdout.readline()
                time.sleep(rng.uniform(0.0, 0.25))
                changer.send_signal(signal.SIGKILL)
            with open_gallery(str(folder / "gallery"), create=False) as people:
                people.verify()
                assert [person.name for person in people.all()] == names
                assert people.identify(Embedding(unit(3), MODEL), top=1)[0].name == "person 3"


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX")
def test_g1_a_killed_change_of_keys_leaves_a_gallery_that_opens(tmp_path: Path) -> None:
    kill_and_check(tmp_path, 4)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX")
def test_g1_200_killed_changes_of_keys(tmp_path: Path) -> None:
    kill_and_check(tmp_path, 200)


def test_who_has_the_gallery_open_while_its_key_changes_can_write_nothing_more(folder: Path) -> None:
    fill(folder)
    late = open_people(folder)
    late.touch([late.find("Ada").id])
    records = SqliteRecords(folder)
    turn(records)
    records.close()
    for act in (
        lambda: late.enrol("Eve", [someone(5)]),
        lambda: late.identify(Embedding(unit(1), MODEL)),
        lambda: not_the_same(late, "Ben", "Ada"),
        late.flush,
        late.close,
    ):
        with pytest.raises(WrongKey, match="open it again"):
            act()
    with open_people(folder, master=OTHER) as people:
        assert sorted(person.name or "" for person in people.all()) == ["", "Ada", "Ben"]
        people.verify()
