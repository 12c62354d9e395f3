"""The PostgreSQL store behaves like the embedded one. Needs MIEN_TEST_POSTGRES (.ci/services.sh)."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.gallery.conftest import DIMENSION, MASTER, MODEL, near, open_people, someone, unit
from tests.gallery.test_state_machine import GalleryMachine, run

from mien.core.errors import StoreError, WrongKey
from mien.core.people import Enrolment
from mien.core.types import Embedding
from mien.gallery.copy import copy
from mien.gallery.corrections import merge, remove_face, undo
from mien.gallery.founding import found
from mien.gallery.leave import erase
from mien.gallery.people import People
from mien.gallery.records import SqliteRecords
from mien.gallery.rekey import rekey
from mien.privacy.protect import load_protector
from mien.privacy.seal import Keyring

SERVER = os.environ.get("MIEN_TEST_POSTGRES", "")
pytestmark = pytest.mark.skipif(not SERVER, reason="MIEN_TEST_POSTGRES is not set: see .ci/services.sh")


def open_server(schema: str, protection: str = "rotation") -> People:
    from mien.gallery.postgres import PostgresRecords

    records = PostgresRecords(f"{SERVER}?options=-csearch_path%3D{schema},public")
    try:
        sealer = found(records, lambda gallery, new: Keyring(MASTER), protection)
        return People(records, sealer, load_protector)
    except BaseException:
        records.close()
        raise


@pytest.fixture
def schema() -> Iterator[str]:
    name = make_schema()
    yield name
    drop_schema(name)


def make_schema() -> str:
    import psycopg

    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(SERVER, autocommit=True) as server:
        server.execute("CREATE EXTENSION IF NOT EXISTS vector SCHEMA public")
        server.execute(f"CREATE SCHEMA {name}".encode())
    return name


def drop_schema(name: str) -> None:
    import psycopg

    with psycopg.connect(SERVER, autocommit=True) as server:
        server.execute(f"DROP SCHEMA {name} CASCADE".encode())


def test_finds_who_was_enrolled_also_from_another_connection(schema: str) -> None:
    with open_server(schema) as first, open_server(schema) as second:
        list(first.enrol_many(Enrolment(f"person {i}", [someone(i)]) for i in range(300)))
        for i in (0, 150, 299):
            best = second.identify(Embedding(near(unit(i), 0.7), MODEL))[0]
            assert best.name == f"person {i}"
            assert best.similarity == pytest.approx(0.7, abs=1e-5)
    with open_server(schema) as third:
        assert third.searchable(MODEL) == 300
        assert third.verify()["people"] == 300


def test_finds_packed_bits_too(schema: str) -> None:
    with open_server(schema, "biohash") as people:
        list(people.enrol_many(Enrolment(f"person {i}", [someone(i)]) for i in range(200)))
        found = [people.identify(Embedding(near(unit(i), 0.9), MODEL), top=1)[0] for i in range(0, 200, 10)]
    assert [match.name for match in found] == [f"person {i}" for i in range(0, 200, 10)]


def test_an_erased_person_is_forgotten_by_every_process(schema: str) -> None:
    with open_server(schema) as first, open_server(schema) as second:
        first.enrol("Ada", [someone(1)])
        first.enrol("Ben", [someone(2)])
        assert second.identify(Embedding(unit(1), MODEL))[0].name == "Ada"
        erased = erase(first, "Ada")
        assert erased.bytes_left is None
        assert [match.name for match in second.identify(Embedding(unit(1), MODEL))] == ["Ben"]


def test_no_erased_template_is_left_in_the_files_that_the_server_searches(schema: str) -> None:
    import psycopg

    with open_server(schema, "plain") as people:
        people.enrol("Ada", [someone(1), someone(3)])
        people.enrol("Ben", [someone(2)])
        people.searchable(MODEL)
        remove_face(people, people.faces("Ada")[1].id)
        assert [match.name for match in people.identify(Embedding(unit(1), MODEL))] == ["Ada", "Ben"]
        erase(people, "Ada")
    with psycopg.connect(SERVER, autocommit=True) as server:
        server.execute("CHECKPOINT")
        name = f"{schema}.templates_{MODEL}_{DIMENSION}"
        files = [
            server.execute(
                "SELECT pg_read_binary_file(pg_relation_filepath(%s::regclass))", (name + end,)
            ).fetchall()[0][0]
            for end in ("", "_near")
        ]
    assert unit(2).tobytes() in files[0]
    for data in files:
        assert unit(1).tobytes() not in data


def test_a_gallery_further_down_the_search_path_is_another_one(schema: str) -> None:
    other = make_schema()
    with open_server(other) as people:
        people.enrol("Ada", [someone(1)])
    with open_server(f"{schema},{other}") as people:
        assert len(people) == 0
        people.enrol("Ben", [someone(2)])
        assert [match.name for match in people.identify(Embedding(unit(1), MODEL))] == ["Ben"]
    with open_server(other) as people:
        assert [match.name for match in people.identify(Embedding(unit(2), MODEL))] == ["Ada"]
        assert people.searchable(MODEL) == 1
    drop_schema(other)


def test_asking_makes_no_gallery(schema: str) -> None:
    import psycopg

    from mien.gallery.postgres import PostgresRecords

    with pytest.raises(StoreError, match="enrol somebody"):
        PostgresRecords(f"{SERVER}?options=-csearch_path%3D{schema},public", create=False)
    with psycopg.connect(SERVER) as server:
        tables = server.execute("SELECT 1 FROM pg_tables WHERE schemaname = %s", (schema,)).fetchall()
    assert tables == []
    with pytest.raises(StoreError, match="CREATE SCHEMA"):
        PostgresRecords(f"{SERVER}?options=-csearch_path%3Dno_such_schema")


def test_a_gallery_moves_there_and_back(schema: str, tmp_path: Path) -> None:
    with open_people(tmp_path / "here") as here:
        for i in range(20):
            here.enrol(f"person {i}", [someone(i)])
        merge(here, "person 1", "person 2")
    from mien.gallery.postgres import PostgresRecords

    source = SqliteRecords(tmp_path / "here")
    there = PostgresRecords(f"{SERVER}?options=-csearch_path%3D{schema},public")
    assert copy(source, there) == (19, 20)
    back = SqliteRecords(tmp_path / "back")
    copy(there, back)
    for records in (source, there, back):
        records.close()
    with open_people(tmp_path / "back") as people, open_server(schema) as server_people:
        for opened in (people, server_people):
            assert opened.identify(Embedding(unit(7), MODEL))[0].name == "person 7"
            assert opened.verify() == {"people": 19, "faces": 20, "audit_entries": 22}
            assert undo(opened) == "merge"


def test_a_new_key_reaches_the_templates_on_the_server_too(schema: str) -> None:
    with open_server(schema) as people:
        list(people.enrol_many(Enrolment(f"person {i}", [someone(i)]) for i in range(50)))
        before = people.identify(Embedding(near(unit(7), 0.7), MODEL))[0]
        old = people.records
        rekey(old, Keyring(MASTER), lambda: Keyring(bytes(32)), load_protector, "tests", 5.0)
        with pytest.raises(WrongKey):
            open_server(schema)
        people = People(old, Keyring(bytes(32)), load_protector)
        after = people.identify(Embedding(near(unit(7), 0.7), MODEL))[0]
        assert after.name == before.name
        assert after.similarity == pytest.approx(before.similarity, abs=1e-5)
        assert people.verify()["audit_entries"] == 51


class PostgresMachine(GalleryMachine):
    """The same rules over a schema of its own."""

    def __init__(self) -> None:
        self.schema = make_schema()
        super().__init__()

    def make(self) -> People:
        return open_server(self.schema)

    def teardown(self) -> None:
        super().teardown()
        drop_schema(self.schema)


def test_the_server_behaves_like_a_dictionary() -> None:
    run(PostgresMachine, 3, 20)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_the_server_behaves_like_a_dictionary_for_long() -> None:
    run(PostgresMachine, 50, 50)
