"""Nothing acknowledged is lost, nothing erased comes back, nothing is half done: whatever goes wrong.

The numbers G1 to G8 are those of docs/gallery.md. Each has a small version here and a full one marked `long`.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from operator import add
from pathlib import Path

import apsw
import pytest
from tests.gallery.conftest import MASTER, MODEL, open_people, someone, tables, two_photos, unit
from tests.gallery.powercut import PowerCutVfs

from mien.core.errors import MienError, StoreError
from mien.core.types import Embedding
from mien.gallery.founding import found
from mien.gallery.leave import erase
from mien.gallery.people import People
from mien.gallery.records import DATABASE, SqliteRecords
from mien.gallery.schema import STEPS, steps_after
from mien.privacy.protect import load_protector
from mien.privacy.seal import Keyring

ROOT = Path(__file__).resolve().parents[2]


def open_over(vfs: PowerCutVfs | None, folder: Path) -> People:
    records = SqliteRecords(folder, vfs=vfs.name if vfs else None, exclusive=vfs is not None)
    sealer = found(records, lambda gallery, new: Keyring(MASTER))
    return People(records, sealer, load_protector, folder)


def hold(
    folder: Path,
    enrolled: Iterable[str],
    erased: Iterable[str],
    maybe: Iterable[str] = (),
    opener: Callable[[Path], People] = open_people,
) -> None:
    """The gallery holds exactly what was acknowledged; ``maybe`` was asked for but not acknowledged."""
    with opener(folder) as people:
        people.verify()
        names = {person.name for person in people.all()}
        assert set(enrolled) - set(maybe) <= names
        assert names <= set(enrolled) | set(maybe)
        assert not names & (set(erased) - set(maybe))
        for person in people.all():
            assert len(people.faces(person.id)) == 2
            seed = int(str(person.name).split()[1])
            assert people.identify(Embedding(unit(seed), MODEL), top=1)[0].person == person.id


# --- G1: the process is killed ----------------------------------------------------------------------------

WRITER = """
import sys
from pathlib import Path
from tests.gallery.conftest import two_photos
from {module} import {opener}
from mien.gallery.leave import erase
people = {opener}(Path(sys.argv[1]))
for number in range(int(sys.argv[2]), int(sys.argv[2]) + 100000):
    print("?", number, flush=True)
    people.enrol(f"person {number}", two_photos(number))
    print("+", number, flush=True)
    if number % 3 == 0:
        print("?", number, flush=True)
        erase(people, f"person {number}")
        print("-", number, flush=True)
"""


def kill_and_check(
    folder: Path, kills: int, seed: int = 0, opener: Callable[[Path], People] = open_people
) -> int:
    module = f"tests.gallery.{opener.__module__.rpartition('.')[2]}"
    code = WRITER.replace("{module}", module).replace("{opener}", opener.__name__)
    rng, enrolled, erased, maybe, start = random.Random(seed), set[str](), set[str](), set[str](), 1
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    for _ in range(kills):
        command = [sys.executable, "-c", code, str(folder), str(start)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as writer:
            assert writer.stdout is not None
            lines = [writer.stdout.readline()]
            assert lines[0], "the writer did not start"
            deadline = time.monotonic() + rng.uniform(0.0, 0.25)
            while time.monotonic() < deadline:
                lines.append(writer.stdout.readline())
            writer.send_signal(signal.SIGKILL)
            lines += writer.stdout.readlines()
        for line in lines:
            sign, number = line.split()
            name, start = f"person {number}", int(number) + 1
            maybe = {name} if sign == "?" else set()
            if sign == "+":
                enrolled.add(name)
            elif sign == "-":
                enrolled.discard(name)
                erased.add(name)
        # What was asked for at the kill may have happened or not; find out, then hold it to that.
        with opener(folder) as people:
            names = {str(person.name) for person in people.all()}
        assert enrolled - maybe <= names <= enrolled | maybe
        enrolled, erased = names, (erased | maybe) - names
    hold(folder, enrolled, erased, opener=opener)
    return len(enrolled)


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX")
def test_g1_no_acknowledged_change_is_lost_when_the_process_is_killed(folder: Path) -> None:
    assert kill_and_check(folder, 4) > 0


@pytest.mark.long
@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX")
@pytest.mark.timeout(3600)
def test_g1_500_kills(folder: Path) -> None:
    assert kill_and_check(folder, 500) > 500


# --- G2: the power is cut ---------------------------------------------------------------------------------


def die(vfs: PowerCutVfs, people: People) -> None:
    """The process ends and writes nothing more."""
    vfs.fail_at = 0
    with pytest.raises(MienError):
        people.enrol("late 0", [someone(1)])
    with contextlib.suppress(MienError):
        people.records.close()


def cut_and_check(folder: Path, cuts: int) -> int:
    enrolled, erased, number = set[str](), set[str](), 1
    for cut in range(cuts):
        vfs = PowerCutVfs(cut)
        people = open_over(vfs, folder)
        for _ in range(vfs.random.randrange(1, 12)):
            people.enrol(f"person {number}", two_photos(number))
            enrolled.add(f"person {number}")
            if vfs.random.random() < 0.3:
                victim = vfs.random.choice(sorted(enrolled))
                with pytest.MonkeyPatch.context() as patch:
                    # The proof reads the real files, which here lag behind on purpose.
                    patch.setattr(SqliteRecords, "files", lambda self: [])
                    erase(people, victim)
                enrolled.discard(victim)
                erased.add(victim)
            number += 1
        vfs.cut()
        die(vfs, people)
        with open_people(folder) as survivor:
            assert {person.name for person in survivor.all()} == enrolled
    hold(folder, enrolled, erased)
    return len(enrolled)


def test_g2_no_acknowledged_change_is_lost_when_the_power_is_cut(folder: Path) -> None:
    assert cut_and_check(folder, 12) > 0


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_g2_400_cuts(folder: Path) -> None:
    assert cut_and_check(folder, 400) > 400


def test_g2_notices_a_store_that_syncs_less(folder: Path) -> None:
    """The simulation can fail: with synchronous=NORMAL it loses acknowledged enrolments."""
    lost = 0
    for cut in range(8):
        vfs = PowerCutVfs(cut)
        people = open_over(vfs, folder / str(cut))
        tables(people).run("PRAGMA synchronous = NORMAL")
        for number in range(1, 6):
            people.enrol(f"person {number}", [someone(number)])
        vfs.cut()
        die(vfs, people)
        with open_people(folder / str(cut)) as survivor:
            lost += 5 - len(survivor)
    assert lost > 0


# --- G3, G4: the disk refuses -----------------------------------------------------------------------------


@pytest.mark.parametrize("error", [apsw.IOError, apsw.FullError])
def test_g3_g4_whichever_write_fails_the_enrolment_is_whole_or_absent(
    folder: Path, error: type[apsw.Error]
) -> None:
    for nth in range(1, 60):
        home = folder / str(nth)
        vfs = PowerCutVfs()
        people = open_over(vfs, home)
        people.enrol("person 1", two_photos(1))
        vfs.error, vfs.calls, vfs.fail_at = error, 0, nth
        done = {"person 1"}
        with contextlib.suppress(StoreError):
            people.enrol("person 2", two_photos(2))
            done.add("person 2")
        reached = vfs.calls >= nth
        vfs.fail_at = None
        # The same process goes on: what failed is absent, and can be repeated.
        assert {person.name for person in people.all()} == done
        people.enrol("person 3", two_photos(3))
        people.close()
        hold(home, done | {"person 3"}, [])
        if not reached:
            assert nth > 3
            return
    pytest.fail("an enrolment took more than 60 writes")


# --- G5: many writers -------------------------------------------------------------------------------------

ENROLLER = """
import sys
from pathlib import Path
from tests.gallery.conftest import open_people, two_photos
with open_people(Path(sys.argv[1])) as people:
    for number in range(int(sys.argv[2]), int(sys.argv[2]) + int(sys.argv[3])):
        people.enrol(f"person {number}", two_photos(number))
"""


def many_writers(folder: Path, processes: int, each: int) -> None:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    running = [
        subprocess.Popen(
            [sys.executable, "-c", ENROLLER, str(folder), str(1 + i * each), str(each)],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for i in range(processes)
    ]
    for process in running:
        _, errors = process.communicate()
        assert process.returncode == 0, errors
    hold(folder, {f"person {number}" for number in range(1, 1 + processes * each)}, [])


def test_g5_several_processes_enrol_at_once(folder: Path) -> None:
    many_writers(folder, 3, 15)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_g5_8_processes_of_1000(folder: Path) -> None:
    many_writers(folder, 8, 1000)


# --- G6: an update of the schema is interrupted -----------------------------------------------------------


def old_gallery(folder: Path, version: int) -> None:
    """A database as an older mien left it; at 0 there is none yet."""
    folder.mkdir(parents=True)
    if not version:
        return
    database = apsw.Connection(str(folder / DATABASE))
    database.execute("PRAGMA journal_mode = WAL")
    for statement in steps_after(0, blob="BLOB", int="INTEGER", real="REAL")[
        : sum(map(len, STEPS[:version]))
    ]:
        database.execute(statement)
    database.execute(f"PRAGMA application_id = {0x4D49454E}")
    database.execute(f"PRAGMA user_version = {version}")
    database.close()


# Where SQLite may go on without a sync, it ignores the injected error, and apsw says so.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("version", range(len(STEPS)))
def test_g6_an_interrupted_migration_is_repeated_from_the_start(folder: Path, version: int) -> None:
    for nth in range(1, 100):
        home = folder / str(nth)
        old_gallery(home, version)
        vfs = PowerCutVfs(nth)
        vfs.fail_at = nth
        try:
            SqliteRecords(home, vfs=vfs.name, exclusive=True).close()
            finished = True
        except StoreError:
            finished = False
        vfs.cut()
        database = apsw.Connection(str(home / DATABASE))
        assert database.pragma("user_version") in (version, len(STEPS))
        database.close()
        with open_people(home) as people:
            people.enrol("person 1", two_photos(1))
        hold(home, ["person 1"], [])
        if finished and vfs.calls < nth:
            return
    pytest.fail("a migration took more than 100 writes")


# --- G7: bits flip ----------------------------------------------------------------------------------------


def flip_and_check(folder: Path, flips: int) -> int:
    with open_people(folder) as people:
        for number in range(1, 41):
            people.enrol(f"person {number}", two_photos(number))
        expected = {person.id: person.name for person in people.all()}
    clean = (folder / DATABASE).read_bytes()
    rng, noticed = random.Random(0), 0
    for _ in range(flips):
        data = bytearray(clean)
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        for path in folder.iterdir():
            path.unlink()
        (folder / DATABASE).write_bytes(data)
        try:
            with open_people(folder) as people:
                for number in range(1, 41):
                    for match in people.identify(Embedding(unit(number), MODEL), top=1):
                        if match.similarity > 0.9:
                            assert match.name == expected[match.person] == f"person {number}"
        except MienError:
            noticed += 1
    return noticed


def test_g7_a_flipped_bit_is_never_a_wrong_identity(folder: Path) -> None:
    assert flip_and_check(folder, 25) > 0


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_g7_200_flips(folder: Path) -> None:
    assert flip_and_check(folder, 200) > 0


# --- G8: the machine misbehaves ---------------------------------------------------------------------------


def test_g8_a_clock_that_jumps_loses_and_mixes_up_nothing(folder: Path) -> None:
    now, years = time.time(), [0, 30, -20, 80, -60, 0, 0.001]
    for number, jump in enumerate(years, start=1):
        with open_people(folder, clock=partial(add, now, jump * 365.25 * 86_400)) as people:
            people.enrol(f"person {number}", two_photos(number))
            people.enrol(f"person {number}", two_photos(number))
    with open_people(folder) as people:
        people.verify()
        assert {person.name for person in people.all()} == {f"person {n}" for n in range(1, 1 + len(years))}
        for number in range(1, 1 + len(years)):
            found = people.identify(Embedding(unit(number), MODEL), top=1)[0]
            assert found.name == f"person {number}"
            assert len(people.faces(found.person)) == 4
            erase(people, found.person)
        assert len(people) == 0


@contextlib.contextmanager
def somebody_else() -> Iterator[None]:
    """Root may write anywhere, so the process becomes another user for a while."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
@pytest.mark.parametrize("there", [True, False])
def test_g8_a_read_only_folder_is_an_error_with_its_cure(there: bool) -> None:
    with tempfile.TemporaryDirectory(dir="/var/tmp") as home:
        folder = Path(home) / "gallery"
        if there:
            open_people(folder).close()
        else:
            folder.mkdir()
        for path in [Path(home), folder, *folder.iterdir()]:
            path.chmod(0o555 if path.is_dir() else 0o444)
        with somebody_else(), pytest.raises(StoreError, match=r"check its folder|name another folder"):
            open_people(folder)
        for path in (Path(home), folder):
            path.chmod(0o755)


def test_g8_a_full_temporary_folder_does_not_matter(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TMPDIR", "SQLITE_TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(name, "/dev/full")
    monkeypatch.setattr(tempfile, "tempdir", "/dev/full")
    with open_people(folder) as people:
        for number in range(1, 6):
            people.enrol(f"person {number}", two_photos(number))
        erase(people, "person 1")
        people.records.backup(folder.parent / "backup.db")
    hold(folder, {f"person {number}" for number in range(2, 6)}, ["person 1"])
