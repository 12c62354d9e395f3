"""`mien gallery …` from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.test_commands import Outcome, mien
from tests.gallery.conftest import two_photos

from mien.pipeline.stores import open_people


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MIEN_KEYS", str(tmp_path / "keys"))
    with open_people(str(tmp_path / "one")) as people:
        people.enrol("Ada", two_photos(1))
    return tmp_path


def run(home: Path, *words: str) -> Outcome:
    return mien(*words, MIEN_KEYS=str(home / "keys"), MIEN_GALLERY=str(home / "one"))


def test_a_gallery_is_copied_and_gets_another_key(home: Path) -> None:
    assert run(home, "gallery", "copy", str(home / "one"), str(home / "two"), "--json").json == {
        "people": 1,
        "faces": 2,
    }
    assert run(home, "gallery", "rekey", "--json").json == {
        "people": 1,
        "faces": 2,
        "old_key_destroyed": False,
    }
    for gallery in ("one", "two"):
        assert run(home, "people", "check", "--gallery", str(home / gallery), "--json").json["ok"]
    destroyed = run(home, "gallery", "rekey", "--gallery", str(home / "two"), "--destroy-old-key")
    assert "sealed with the new key" in destroyed.out
    assert run(home, "people", "check", "--json").code == 0


def test_a_key_from_the_environment_is_not_replaced_by_a_file(home: Path) -> None:
    given = mien(
        "gallery",
        "rekey",
        "--json",
        MIEN_KEYS=str(home / "keys"),
        MIEN_GALLERY=str(home / "three"),
        MIEN_GALLERY_KEY="ab" * 32,
    )
    assert given.code == 4  # there is no such gallery
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MIEN_GALLERY_KEY", "ab" * 32)
        open_people(str(home / "three")).close()
    refused = mien("gallery", "rekey", "--json", MIEN_GALLERY=str(home / "three"), MIEN_GALLERY_KEY="ab" * 32)
    assert refused.code == 4
    assert refused.json["error"]["code"] == "wrong_key"
    assert "MIEN_GALLERY_NEW_KEY" in refused.json["error"]["message"]
