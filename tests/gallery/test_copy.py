"""A gallery moves through all three stores and stays the same. Needs MIEN_TEST_POSTGRES (.ci/services.sh)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.cli.test_commands import mien
from tests.gallery.conftest import MODEL, face, near, someone, unit
from tests.gallery.test_postgres import SERVER, drop_schema, make_schema

from mien.core.errors import StoreError
from mien.core.people import Consent, person_code
from mien.core.types import Embedding
from mien.gallery.copy import copy
from mien.gallery.corrections import apart, merge, not_the_same, rename, split, undo
from mien.gallery.leave import erase, export, withdraw
from mien.gallery.people import People
from mien.pipeline.stores import open_people, open_records

pytest.importorskip("pymilvus")
pytest.importorskip("milvus_lite")
pytestmark = pytest.mark.skipif(not SERVER, reason="MIEN_TEST_POSTGRES is not set: see .ci/services.sh")

PEOPLE = 40


@dataclass(frozen=True)
class Stores:
    """URIs of empty stores."""

    folder: str
    postgres: str
    milvus: str
    second_postgres: str
    second_folder: str

    @property
    def in_turn(self) -> list[str]:
        return [self.folder, self.postgres, self.milvus, self.second_postgres, self.second_folder]


@pytest.fixture
def stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stores]:
    monkeypatch.setenv("MIEN_KEYS", str(tmp_path / "keys"))
    schemas = [make_schema(), make_schema()]
    first, second = (f"{SERVER}?options=-csearch_path%3D{schema},public" for schema in schemas)
    yield Stores(str(tmp_path / "one"), first, f"milvus://{tmp_path}/faces.db", second, str(tmp_path / "two"))
    for schema in schemas:
        drop_schema(schema)


def fill(people: People) -> None:
    """Everything that a gallery can hold: people, consent, every kind of correction, rules, a calibration."""
    agreed = Consent("the person", "door", "v2", people.clock(), people.clock() + 86_400)
    for i in range(PEOPLE):
        two = [someone(i, bytes([i, 1])), face(near(unit(i), 0.8, i), bytes([i, 2]), quality=0.5)]
        people.enrol(f"person {i}", two, agreed if i % 2 else None)
    merge(people, "person 1", "person 2")
    split(people, "person 3", [people.faces("person 3")[1].id], "twin of 3")
    not_the_same(people, "person 4", "person 5")
    rename(people, "person 6", "Ada")
    withdraw(people, "person 7")
    erase(people, "person 8")
    people.set_policy({"keep_days": 30, "require_consent": False})
    people.set_calibration(MODEL, "a curve")


def told(people: People) -> dict[str, object]:
    """All that users can learn of a gallery."""
    probes = [Embedding(near(unit(i), 0.7, 70 + i), MODEL) for i in range(PEOPLE)]
    found = [people.identify(probe, 3) for probe in probes]
    # Packed bits tie: who comes third of equals is the store's to choose.
    answers = [(best[0], [round(match.similarity, 5) for match in best]) for best in found]
    everybody = [*people.all()]
    return {
        "answers": answers,
        "people": everybody,
        "exports": [export(people, person_code(person.id)) for person in everybody],
        "log": people.audit(),
        "sound": people.verify(),
        "apart": apart(people),
        "policy": people.policy(),
        "calibration": people.calibration(MODEL),
    }


@pytest.mark.parametrize("protection", ["rotation", "biohash"])
def test_a_gallery_is_the_same_after_moving_through_every_store(stores: Stores, protection: str) -> None:
    with open_people(stores.folder, protection=protection) as people:
        fill(people)
        before = told(people)
    for source, target in zip(stores.in_turn, stores.in_turn[1:], strict=False):
        origin, goal = open_records(source, create=False)[0], open_records(target, create=True)[0]
        assert copy(origin, goal) == (PEOPLE - 1, 2 * (PEOPLE - 1))
        with pytest.raises(StoreError, match="empty"):
            copy(origin, goal)
        origin.close()
        goal.close()
    for uri in stores.in_turn[1:]:
        with open_people(uri, create=False) as people:
            assert told(people) == before


def test_corrections_go_on_where_the_other_store_stopped(stores: Stores) -> None:
    with open_people(stores.folder) as people:
        fill(people)
    for source, target in ((stores.folder, stores.postgres), (stores.postgres, stores.milvus)):
        copied = mien("gallery", "copy", source, target, "--json", MIEN_KEYS=f"{stores.folder}/../keys")
        assert copied.json == {"people": PEOPLE - 1, "faces": 2 * (PEOPLE - 1)}
    for uri in (stores.milvus, stores.postgres):
        with open_people(uri, create=False) as people:
            assert undo(people) == "rename"
            assert people.find("person 6").name == "person 6"
            assert [undo(people) for _ in range(3)] == ["not_the_same", "split", "merge"]
            assert people.find("person 2").name == "person 2"
            erase(people, "person 9")
            people.enrol("newcomer", [someone(999)])
            assert people.identify(Embedding(unit(999), MODEL))[0].name == "newcomer"
            assert people.verify()["audit_entries"] > PEOPLE
