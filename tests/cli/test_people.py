"""Corrections from the command line, each of them and its undo, on folders of real people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.cli.test_commands import Outcome, mien

from mien.core.types import Image


class Home:
    """A gallery of its own, and the command that uses it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *words: str) -> Outcome:
        variables = {"MIEN_KEYS": str(self.folder / "keys"), "MIEN_GALLERY": str(self.folder / "gallery")}
        return mien(*words, **variables)  # type: ignore[arg-type]  # all are texts

    def do(self, *words: str) -> str:
        answer = self.run(*words)
        assert answer.code == 0, answer.err
        return answer.out

    def people(self) -> list[str]:
        return sorted(
            row["name"] or row["id"] for row in json.loads(self.do("people", "list", "--json"))["people"]
        )

    def photos(self, who: str) -> list[tuple[int, str]]:
        faces = json.loads(self.do("people", "show", who, "--json"))["faces"]
        return [(face["id"], Path(face["source"]).parent.name) for face in faces]


@pytest.fixture
def home(shared: Path, astronaut: Image, tmp_path: Path) -> Home:
    """Two of wild40's people under their folder's names, and three photos of a third among the first's."""
    del astronaut  # skips where the weights cannot be had
    folders = sorted(path for path in (shared / "wild40").iterdir() if path.is_dir())[:3]
    for name, sources in (("Ada", folders[:1]), ("Ben", folders[1:2])):
        for source in sources:
            for photo in sorted(source.glob("*.jpg"))[:4]:
                target = tmp_path / "people" / name / f"{source.name}-{photo.name}"
                target.parent.mkdir(parents=True, exist_ok=True)
                target.symlink_to(photo.absolute())
    home = Home(tmp_path)
    home.do("enrol", "--people", str(tmp_path / "people"), "--which", "center")
    return home


@pytest.mark.weights
@pytest.mark.shared
def test_every_correction_can_be_made_and_taken_back(home: Home) -> None:
    assert home.people() == ["Ada", "Ben"]
    home.do("people", "rename", "Ada", "Ada Lovelace")
    assert home.people() == ["Ada Lovelace", "Ben"]
    assert "rename" in home.do("people", "undo")
    assert home.people() == ["Ada", "Ben"]

    before = home.photos("Ada")
    home.do("people", "split", "Ada", str(before[0][0]), str(before[1][0]), "--name", "Twin")
    assert home.people() == ["Ada", "Ben", "Twin"]
    assert len(home.photos("Ada")) == len(before) - 2
    refused = home.run("people", "merge", "Ada", "Twin")
    assert (refused.code, "undo" in refused.err) == (4, True)
    assert "split" in home.do("people", "undo")
    assert home.people() == ["Ada", "Ben"]
    assert home.photos("Ada") == before

    home.do("people", "merge", "Ada", "Ben")
    assert home.people() == ["Ada"]
    assert "merge" in home.do("people", "undo")
    assert home.people() == ["Ada", "Ben"]
    assert home.photos("Ada") == before

    home.do("people", "not-same", "Ada", "Ben")
    assert home.run("people", "merge", "Ada", "Ben").code == 4
    assert "not the same" in home.do("people", "undo")
    home.do("people", "merge", "Ada", "Ben")
    home.do("people", "undo")
    nothing = home.run("people", "undo", "--gallery", str(home.folder / "gallery"))
    assert nothing.code == 4
    assert "no correction to undo" in nothing.err
    assert "sound" in home.do("people", "check")


@pytest.mark.weights
@pytest.mark.shared
def test_a_withdrawn_person_is_not_matched_and_an_export_brings_a_person_back(home: Home) -> None:
    faces = json.loads(home.do("people", "show", "Ada", "--json"))["faces"]
    photo = next(face["source"] for face in faces if not face["advice"])

    def decision() -> Any:
        answer = json.loads(home.do("identify", photo, "--json"))
        return [face["decision"] for face in answer["results"][0]["faces"]]

    assert "Ada" in decision()
    home.do("people", "export", "Ada", "--out", str(home.folder / "ada.json"))
    home.do("people", "withdraw", "Ada")
    assert "Ada" not in decision()
    erased = json.loads(home.do("people", "erase", "Ada", "--json"))
    assert erased["bytes_left"] == 0
    assert home.people() == ["Ben"]
    assert "no correction to undo" in home.run("people", "undo").err
    home.do("people", "import", str(home.folder / "ada.json"))
    assert home.people() == ["Ada", "Ben"]
    assert "Ada" in decision()


@pytest.mark.weights
@pytest.mark.shared
def test_somebody_who_is_not_there_is_an_error_with_the_cure(home: Home) -> None:
    for words in (("show", "Zoe"), ("rename", "Zoe", "Eve"), ("merge", "Ada", "Zoe"), ("erase", "Zoe")):
        answer = home.run("people", *words)
        assert (answer.code, "people list" in answer.err) == (2, True)
