"""What the gallery's commands answer, and how they refuse; with made-up people, so no network runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.gallery.conftest import face, near, someone, unit

from mien.cli.main import run
from mien.core.people import Consent
from mien.pipeline.stores import open_people

Ask = Callable[..., tuple[int, Any]]


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Run a command with --json in this process: (exit code, document)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MIEN_KEYS", "keys")
    monkeypatch.setenv("MIEN_GALLERY", "gallery")
    with open_people("gallery") as people:
        agreed = Consent("self", "door", "v1", people.clock())
        for i, name in enumerate(("Ada", "Ben", "Cleo")):
            photos = [someone(i, bytes([i])), face(near(unit(i), 0.8, i), bytes([i, 1]))]
            people.enrol(name, photos, agreed)
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.txt").write_text("no pictures here")

    def one(*words: str) -> tuple[int, Any]:
        with pytest.raises(SystemExit) as ended:
            run([*words, "--json"])
        code = ended.value.code
        assert isinstance(code, int)
        return code, json.loads(capsys.readouterr().out)

    return one


def answer(ask: Ask, *words: str) -> Any:
    code, document = ask("people", *words)
    assert code == 0, document
    return document


def test_every_correction_answers_with_one_document(ask: Ask) -> None:
    assert answer(ask, "rename", "Ada", "Ada L")["person"]["name"] == "Ada L"
    merged = answer(ask, "merge", "Ada L", "Ben")
    assert (merged["person"]["name"], merged["photos"]) == ("Ada L", 4)
    assert answer(ask, "undo") == {"undone": "merge"}
    photos = [row["id"] for row in answer(ask, "show", "Cleo")["faces"]]
    assert answer(ask, "split", "Cleo", str(photos[0]), "--name", "Dan")["person"]["name"] == "Dan"
    assert len(answer(ask, "not-same", "Ben", "Dan")["different"]) == 2
    photo = answer(ask, "show", "Ben")["faces"][0]["id"]
    assert answer(ask, "remove", str(photo)) == {"removed": photo}
    assert answer(ask, "withdraw", "Dan")["person"]["withdrawn"]
    assert answer(ask, "export", "Ben", "-o", "ben.json") == {"written": "ben.json"}
    assert Path("ben.json").stat().st_mode & 0o077 == 0
    taken = answer(ask, "import", "ben.json", "--gallery", "second")["people"]
    assert [person["name"] for person in taken] == ["Ben"]
    assert answer(ask, "backup", "copy.db") == {"written": "copy.db"}
    assert answer(ask, "purge")["erased"]
    assert answer(ask, "check")["people"] == 3
    assert answer(ask, "log")["length"] > 10


@pytest.mark.parametrize(
    ("code", "cure", "words"),
    [
        (4, "enrol somebody", ["people", "list", "--gallery", "typo"]),
        (4, "enrol somebody", ["identify", "text.txt", "--gallery", "typo"]),
        (4, "enrol somebody", ["gallery", "copy", "typo", "target"]),
        (4, "enrol somebody", ["gallery", "rekey", "--gallery", "typo"]),
        (2, "mien people list", ["people", "show", "Nobody"]),
        (2, "mien people list", ["people", "erase", "p-0000000000000001"]),
        (2, "mien people show", ["people", "remove", "12"]),
        (2, "mien people show", ["people", "split", "Ada", "12"]),
        (4, "merge the two", ["people", "rename", "Ada", "Ben"]),
        (2, "give another", ["people", "rename", "Ada", "  "]),
        (4, "split its photos", ["people", "not-same", "Ada", "Ada"]),
        (4, "name two", ["people", "merge", "Ada", "Ada"]),
        (4, "mien people erase", ["people", "undo"]),
        (2, "mien people export", ["people", "import", "text.txt"]),
        (2, "mien people export", ["people", "import", "empty"]),
        (2, "choose another place", ["people", "export", "Ada", "-o", "nowhere/ada.json"]),
        (2, "choose another place", ["people", "backup", "nowhere/copy.db"]),
        (2, "--from deepface", ["people", "adopt", "text.txt", "--images", "empty", "--from", "x"]),
        (2, "give", ["people", "adopt", "text.txt", "--images", "empty"]),
        (2, "give its JSON", ["people", "adopt", "text.txt", "--images", "empty", "--from", "compreface"]),
        (2, "sub-folder", ["enrol", "--people", "empty"]),
        (2, "--name", ["enrol"]),
        (4, "leave --protection out", ["enrol", "--name", "A", "empty", "--protection", "biohash"]),
        (2, "use plain, rotation", ["enrol", "--name", "A", "empty", "--protection", "x", "--gallery", "n"]),
        (2, "no pictures were found", ["identify", "empty"]),
        (2, "no pictures were found", ["cluster", "empty"]),
        (2, "choose another --out", ["cluster", "empty", "--out", "text.txt"]),
        (2, "choose another --out", ["index", "empty", "--out", "text.txt"]),
        (2, "choose an empty folder", ["index", "empty", "--out", "gallery"]),
        (2, "--people DIR", ["calibrate"]),
        (2, "make it", ["calibrate", "--people", "empty", "-o", "nowhere/curve.json"]),
        (2, "sub-folder a person", ["calibrate", "--people", "empty"]),
        (2, "postgresql://", ["people", "list", "--gallery", "mysql://server/db"]),
        (2, "milvus://host:port", ["people", "list", "--gallery", "milvus://"]),
        (4, "check the server", ["people", "list", "--gallery", "milvus://127.0.0.1:9"]),
        (4, "check the server", ["people", "list", "--gallery", "postgresql://me@127.0.0.1:9/db"]),
        (4, "name an empty", ["gallery", "copy", "gallery", "gallery"]),
        (4, "name another folder", ["enrol", "--name", "A", "empty", "--gallery", "text.txt"]),
    ],
)
def test_a_refusal_says_what_to_do(ask: Ask, code: int, cure: str, words: list[str]) -> None:
    given, document = ask(*words)
    assert (given, [*document]) == (code, ["error"]), document
    assert cure in document["error"]["message"]
    assert "Errno" not in document["error"]["message"]


@pytest.mark.parametrize(
    ("variable", "value", "cure"),
    [
        ("MIEN_KEYS", "no-keys", "set MIEN_GALLERY_KEY"),
        ("MIEN_GALLERY_KEY", "short", "give 32 bytes"),
        ("MIEN_GALLERY_KEY", "00" * 32, "give the one it was made with"),
        ("MIEN_GALLERY_PASSPHRASE", "a guess", "give the one it was made with"),
    ],
)
def test_a_key_that_is_missing_or_wrong_is_said(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, cure: str
) -> None:
    monkeypatch.setenv(variable, value)
    code, document = ask("people", "list")
    assert (code, document["error"]["code"]) == (4, "wrong_key")
    assert cure in document["error"]["message"]


def test_a_damaged_database_is_said_and_nobody_is_shown(ask: Ask) -> None:
    path = Path("gallery/gallery.db")
    path.write_bytes(b"no database" * 1000)
    for command in ("list", "check"):
        code, document = ask("people", command)
        assert (code, document["error"]["code"]) == (4, "store_corrupt")
        assert "restore it from a backup" in document["error"]["message"]


def test_a_folder_for_keys_that_cannot_be_made_is_said(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIEN_KEYS", "text.txt/keys")
    Path("export.json").write_text("{}")
    code, document = ask("people", "import", "export.json", "--gallery", "new")
    assert code == 4
    assert "set MIEN_KEYS" in document["error"]["message"]
