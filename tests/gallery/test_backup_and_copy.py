"""A copy is whole or absent, whatever happens to the gallery meanwhile."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from tests.gallery.conftest import MODEL, open_people, someone, unit
from tests.gallery.test_journaled import Memory

from mien.core.errors import InputError, StoreError
from mien.core.types import Embedding
from mien.gallery.copy import copy
from mien.gallery.journaled import JournaledRecords
from mien.gallery.people import People
from mien.gallery.records import SqliteRecords
from mien.gallery.rows import PersonRow


def test_a_backup_opens_as_the_gallery_it_was(people: People, tmp_path: Path) -> None:
    people.enrol("Ada", [someone(1)])
    place = tmp_path / "restored" / "gallery.db"
    place.parent.mkdir()
    place.write_bytes(b"something older")
    place.chmod(0o644)
    people.records.backup(place)
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert [path.name for path in place.parent.iterdir()] == ["gallery.db"]
    with open_people(place.parent) as restored:
        assert [match.name for match in restored.identify(Embedding(unit(1), MODEL))] == ["Ada"]


def test_a_backup_is_refused_where_it_would_destroy(people: People, folder: Path, tmp_path: Path) -> None:
    people.enrol("Ada", [someone(1)])
    before = sorted(path.name for path in folder.iterdir())
    for place in (folder / "gallery.db", folder / "copy.db", tmp_path, tmp_path / "gone" / "copy.db"):
        with pytest.raises(InputError, match=r"name a new file|choose another place"):
            people.records.backup(place)
    assert sorted(path.name for path in folder.iterdir()) == before
    assert people.verify()["people"] == 1


def test_a_copy_of_a_gallery_that_changes_meanwhile_is_not_kept(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_people(folder) as people:
        people.enrol("Ada", [someone(1)])
        source = SqliteRecords(folder)
        pages = source.people_after

        def while_somebody_enrols(id: int, limit: int) -> list[PersonRow]:
            if not id:
                people.enrol("Ben", [someone(2)])
            return pages(id, limit)

        monkeypatch.setattr(source, "people_after", while_somebody_enrols)
        target = SqliteRecords(tmp_path / "copy")
        with pytest.raises(StoreError, match="repeat it"):
            copy(source, target)
        assert target.get_meta("gallery") is None
        monkeypatch.undo()
        assert copy(source, target) == (2, 2)
        source.close()
        target.close()
    with open_people(tmp_path / "copy") as copied:
        assert copied.verify()["people"] == 2


def test_filling_never_clears_a_store_that_became_a_gallery() -> None:
    records = JournaledRecords(Memory())
    with records.writing():
        records.put_meta("gallery", bytes(16))
    with pytest.raises(StoreError, match="a gallery already"), records.filling():
        pass
    assert records.get_meta("gallery") == bytes(16)
