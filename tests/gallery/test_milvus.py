"""The Milvus store behaves like the embedded one, in a file of milvus-lite and on a server of it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.gallery.conftest import DIMENSION, MASTER, MODEL, near, open_people, someone, unit
from tests.gallery.test_crash import kill_and_check
from tests.gallery.test_state_machine import GalleryMachine, run

from mien.core.errors import InputError, StoreError
from mien.core.people import Enrolment
from mien.core.types import Embedding
from mien.gallery.copy import copy
from mien.gallery.corrections import merge, undo
from mien.gallery.founding import found
from mien.gallery.leave import erase
from mien.gallery.people import People
from mien.gallery.records import SqliteRecords
from mien.privacy.protect import load_protector
from mien.privacy.seal import Keyring

ROOT = Path(__file__).resolve().parents[2]
pytest.importorskip("pymilvus")
pytest.importorskip("milvus_lite")


def open_file(folder: Path) -> People:
    return open_uri(f"milvus://{folder}/faces.db")


def open_uri(uri: str, protection: str = "rotation") -> People:
    from mien.gallery.milvus import open_milvus

    records = open_milvus(uri)
    sealer = found(records, lambda gallery, new: Keyring(MASTER), protection)
    return People(records, sealer, load_protector)


@pytest.fixture
def uri(tmp_path: Path) -> str:
    return f"milvus://{tmp_path}/faces.db"


def test_finds_who_was_enrolled_also_after_opening_again(uri: str) -> None:
    with open_uri(uri) as people:
        list(people.enrol_many(Enrolment(f"person {i}", [someone(i)]) for i in range(300)))
        for i in (0, 150, 299):
            best = people.identify(Embedding(near(unit(i), 0.7), MODEL))[0]
            assert best.name == f"person {i}"
            assert best.similarity == pytest.approx(0.7, abs=1e-5)
    with open_uri(uri) as people:
        assert people.searchable(MODEL) == 300
        assert people.verify() == {"people": 300, "faces": 300, "audit_entries": 300}
        assert people.identify(Embedding(unit(7), MODEL))[0].name == "person 7"


def test_finds_packed_bits_too(uri: str) -> None:
    with open_uri(uri, "biohash") as people:
        list(people.enrol_many(Enrolment(f"person {i}", [someone(i)]) for i in range(200)))
        found = [people.identify(Embedding(near(unit(i), 0.9), MODEL), top=1)[0] for i in range(0, 200, 10)]
    assert [match.name for match in found] == [f"person {i}" for i in range(0, 200, 10)]


def test_an_erased_person_is_forgotten_by_every_connection(uri: str) -> None:
    with open_uri(uri) as first, open_uri(uri) as second:
        first.enrol("Ada", [someone(1)])
        first.enrol("Ben", [someone(2)])
        assert second.identify(Embedding(unit(1), MODEL))[0].name == "Ada"
        assert erase(first, "Ada").bytes_left is None
        assert [match.name for match in second.identify(Embedding(unit(1), MODEL))] == ["Ben"]


def test_an_erasure_asks_for_the_templates_of_the_search_to_go_too(
    uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_uri(uri) as people:
        people.enrol("Ada", [someone(1)])
        people.searchable(MODEL)
        asked: list[str] = []
        monkeypatch.setattr("pymilvus.MilvusClient.compact", lambda self, name: asked.append(name))
        erase(people, "Ada")
        assert any(name.endswith(f"_templates_{MODEL}_{DIMENSION}") for name in asked)


def test_two_galleries_live_in_one_milvus(uri: str) -> None:
    with open_uri(f"{uri}?prefix=staff") as staff, open_uri(f"{uri}?prefix=guests") as guests:
        staff.enrol("Ada", [someone(1)])
        guests.enrol("Ben", [someone(2)])
        assert [person.name for person in staff.all()] == ["Ada"]
        assert guests.identify(Embedding(unit(1), MODEL))[0].name == "Ben"


def test_a_gallery_moves_there_and_back(uri: str, tmp_path: Path) -> None:
    from mien.gallery.milvus import open_milvus

    with open_people(tmp_path / "here") as here:
        list(here.enrol_many(Enrolment(f"person {i}", [someone(i)]) for i in range(600)))
        merge(here, "person 1", "person 2")
    source, there = SqliteRecords(tmp_path / "here"), open_milvus(uri)
    assert copy(source, there) == (599, 600)
    with pytest.raises(StoreError, match="empty"):
        copy(source, there)
    back = SqliteRecords(tmp_path / "back")
    copy(there, back)
    for records in (source, there, back):
        records.close()
    with open_people(tmp_path / "back") as people, open_uri(uri) as server_people:
        for opened in (people, server_people):
            assert opened.identify(Embedding(unit(7), MODEL))[0].name == "person 7"
            assert opened.verify() == {"people": 599, "faces": 600, "audit_entries": 602}
            assert undo(opened) == "merge"


def test_a_file_of_another_process_is_refused_with_the_cure(
    uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mien.gallery import milvus
    from mien.gallery.milvus_uri import parse_uri

    open_uri(uri).close()
    code = (
        "import sys, time, fcntl; file = open(sys.argv[1], 'a'); fcntl.flock(file, fcntl.LOCK_EX); "
        "print(flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", code, f"{parse_uri(uri).file}/LOCK"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        monkeypatch.setattr(milvus, "FILE_SECONDS", 0.1)
        with pytest.raises(StoreError, match="run a Milvus server"):
            open_uri(uri)
        holder.kill()
    open_uri(uri).close()


@pytest.mark.parametrize(
    "wrong", ["milvus://", "milvus://h:x/db", "milvus://f.db?size=3", "milvus://f.db?prefix=a-b"]
)
def test_a_uri_that_names_nothing_is_refused_without_its_secrets(wrong: str) -> None:
    from mien.gallery.milvus_uri import parse_uri

    with pytest.raises(InputError) as error:
        parse_uri(wrong.replace("://", "://user:secret@") + ("" if "?" in wrong else "?token=secret&x=1"))
    assert "secret" not in str(error.value)


def test_a_gallery_that_is_not_there_is_not_made_by_asking(tmp_path: Path) -> None:
    from mien.gallery.milvus import open_milvus

    with pytest.raises(StoreError, match="there is no gallery"):
        open_milvus(f"milvus://{tmp_path}/none.db", create=False)
    assert not (tmp_path / "none.db").exists()


WRITER = """
import sys
import time
from collections.abc import Iterator
from tests.gallery.conftest import two_photos
from tests.gallery.test_milvus import open_uri
with open_uri(sys.argv[1]) as people:
    for number in range(int(sys.argv[2]), int(sys.argv[2]) + int(sys.argv[3])):
        people.enrol(f"person {number}", two_photos(number))
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A server that several processes may use, as a cluster; here of milvus-lite."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "milvus_lite", "server", "--data-dir", str(tmp_path / "server")]
    running = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 60
        while not listening(port):
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.1)
        yield f"milvus://127.0.0.1:{port}"
    finally:
        running.terminate()
        running.wait()


def listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def writers(server: str, processes: int, each: int) -> None:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    open_uri(server).close()
    running = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, server, str(1 + i * each), str(each)],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for i in range(processes)
    ]
    for process in running:
        _, errors = process.communicate()
        assert process.returncode == 0, errors
    with open_uri(server) as people:
        assert people.verify() == {
            "people": processes * each,
            "faces": 2 * processes * each,
            "audit_entries": processes * each,
        }
        for number in range(1, 1 + processes * each):
            assert people.identify(Embedding(unit(number), MODEL))[0].name == f"person {number}"


def test_several_processes_enrol_at_once_through_a_server(server: str) -> None:
    writers(server, 2, 8)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_g5_8_processes_of_100_through_a_server(server: str) -> None:
    writers(server, 8, 100)


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX")
def test_g1_no_acknowledged_change_is_lost_when_the_process_is_killed(tmp_path: Path) -> None:
    assert kill_and_check(tmp_path, 2, opener=open_file) > 0


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX")
def test_g1_100_kills(tmp_path: Path) -> None:
    assert kill_and_check(tmp_path, 100, opener=open_file) > 100


class MilvusMachine(GalleryMachine):
    """The same rules over a file of milvus-lite."""

    def make(self) -> People:
        return open_file(self.folder)


def test_milvus_behaves_like_a_dictionary() -> None:
    run(MilvusMachine, 2, 15)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_milvus_behaves_like_a_dictionary_for_long() -> None:
    run(MilvusMachine, 50, 50)
