"""`mien models …`: one JSON document, and exit codes that scripts can trust."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from tests.zoo.tiny import CONTENT, make_card

from mien.cli.models import app
from mien.core.errors import InputError, LicenceRefused, ModelMissing, UnknownModel
from mien.zoo import store
from mien.zoo.cardfile import format_card


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A models folder with one own model, and no network."""
    for name in ("MIEN_ALLOW_NONCOMMERCIAL", "MIEN_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MIEN_OFFLINE", "1")
    folder = tmp_path / "models"
    monkeypatch.setenv("MIEN_MODELS", str(folder))
    folder.mkdir()
    (folder / "tiny.toml").write_text(format_card(make_card(sources=())))
    store.save(make_card(), CONTENT)
    return folder


def run(*arguments: str) -> int:
    code = app(list(arguments), standalone_mode=False)
    return code if isinstance(code, int) else 0


def ask(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    """Run a command under --json; returns its exit code and its one document."""
    code = run(*arguments, "--json")
    return code, json.loads(capsys.readouterr().out)


def test_list_tells_licence_size_and_whether_it_is_here(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = ask(capsys, "list")
    models = {m["name"]: m for m in said["models"]}
    assert code == 0
    assert models["tiny"]["cached"]
    assert not models["sface"]["cached"]
    assert models["sface"]["licence"] == "Apache-2.0"
    assert models["auraface"]["size"] is None


def test_list_filters(capsys: pytest.CaptureFixture[str]) -> None:
    _, said = ask(capsys, "list", "--task", "embed", "--commercial")
    assert {m["task"] for m in said["models"]} == {"embed"}
    assert all(m["commercial"] for m in said["models"])


def test_list_of_an_unknown_task_is_the_callers_fault() -> None:
    with pytest.raises(InputError, match="mien models list"):
        run("list", "--task", "mind-reading")


def test_show_tells_everything(capsys: pytest.CaptureFixture[str]) -> None:
    _, said = ask(capsys, "show", "sface")
    assert said["dimension"] == 128
    assert said["preprocess"]["width"] == 112
    assert said["sources"][0]["kind"] == "url"
    assert said["path"].endswith("face_recognition_sface_2021dec.onnx")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["list"], "dlib_resnet"),
        (["show", "sface"], "0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79"),
        (["show", "auraface"], "Apache-2.0"),
        (["verify"], "ok        tiny"),
    ],
)
def test_people_see_names_and_hashes_whole(
    command: list[str], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert run(*command) == 0
    assert said in capsys.readouterr().out


def test_show_of_an_unknown_name_names_a_near_one() -> None:
    with pytest.raises(UnknownModel, match="sface"):
        run("show", "sfase")


def test_pull_of_what_is_here_answers_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = ask(capsys, "pull", "tiny")
    assert (code, said["models"][0]["error"]) == (0, None)


def test_one_model_that_cannot_be_had_is_one_row(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = ask(capsys, "pull", "sface", "tiny", "buffalo_l")
    errors = [m["error"] and m["error"]["code"] for m in said["models"]]
    assert (code, errors) == (3, ["model_missing", None, "licence_refused"])


def test_verify_finds_a_flipped_bit(capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(capsys, "verify")[0] == 0
    path = store.cached_path(make_card())
    path.write_bytes(CONTENT[:-1] + b"?")
    code, said = ask(capsys, "verify")
    assert (code, said["models"][0]["state"]) == (3, "corrupt")


def test_export_and_import_carry_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = tmp_path / "b.zip"
    code, said = ask(capsys, "export", str(bundle), "tiny")
    assert (code, said["size"]) == (0, bundle.stat().st_size)
    monkeypatch.setenv("MIEN_MODELS", str(tmp_path / "other"))
    code, said = ask(capsys, "import", str(bundle))
    assert (code, [m["name"] for m in said["models"]]) == (0, ["tiny"])
    assert ask(capsys, "verify", "tiny")[1]["models"][0]["state"] == "ok"


def test_export_of_forbidden_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LicenceRefused):
        run("export", str(tmp_path / "b.zip"), "buffalo_s")
    assert not (tmp_path / "b.zip").exists()


def test_bundle_takes_all_of_a_profile(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"yunet|sface|mesh468|iris|astronaut"):
        run("bundle", str(tmp_path / "b.zip"))


def test_import_pins_an_unpinned_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = b"\x08\x08" + bytes(100)
    (tmp_path / "glintr100.onnx").write_bytes(data)
    code, said = ask(capsys, "import", str(tmp_path / "glintr100.onnx"), "--as", "auraface")
    assert code == 0
    assert said["models"][0] == {
        "name": "auraface",
        "sha256": hashlib.sha256(data).hexdigest(),
        "size": len(data),
        "pinned": True,
    }


def test_import_of_a_file_asks_for_its_name(tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(b"\x08\x08" + bytes(100))
    with pytest.raises(InputError, match="--as NAME"):
        run("import", str(tmp_path / "x.onnx"))


def test_import_of_ones_own_network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.onnx").write_bytes(b"\x08\x08" + bytes(100))
    ask(capsys, "import", str(tmp_path / "x.onnx"), "--as", "mynet", "--like", "sface", "--licence", "mine")
    _, said = ask(capsys, "show", "mynet")
    assert (said["licence"], said["commercial"], said["dimension"]) == ("mine", False, 128)
