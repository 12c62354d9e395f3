"""The examples are short, and they run."""

from __future__ import annotations

import re
import runpy
import shutil
import sys
from pathlib import Path

import pytest

from mien.core.errors import ModelMissing
from mien.zoo.registry import card
from mien.zoo.store import cached_path, fetch

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def run(name: str, arguments: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    try:
        for name in ("astronaut", "hopper"):
            (tmp_path / card(name).file).write_bytes(fetch(card(name)))
    except ModelMissing as error:
        pytest.skip(f"the samples cannot be had: {error}")
    return tmp_path


def test_every_example_is_short_and_run_here() -> None:
    here = Path(__file__).read_text(encoding="utf-8")
    for path in EXAMPLES.glob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 40, path.name
        assert f'run("{path.name}"' in here


@pytest.mark.weights
def test_analyse_a_folder(
    photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "torn.jpg").write_bytes(b"\xff\xd8 no picture")
    run("analyze_folder.py", [photos], monkeypatch)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[0].rpartition("/")[2] for line in lines] == [
        "astronaut.png",
        "grace_hopper.jpg",
        "torn.jpg",
    ]
    sizes = [int(number) for number in re.findall(r"(\d+) × (\d+) pixels", lines[0])[0]]
    assert sizes == pytest.approx([91, 111], abs=4)


@pytest.mark.weights
def test_verify_two_photos(
    photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run("verify_photos.py", [photos / "astronaut.png", photos / "grace_hopper.jpg"], monkeypatch)
    assert capsys.readouterr().out.startswith("not the same person\n")


@pytest.mark.weights
def test_a_network_of_ones_own(
    photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sface = card("sface")
    fetch(sface)
    shutil.copy(cached_path(sface), photos / "mynet.onnx")
    portrait = photos / "astronaut.png"
    run("own_model.py", [photos / "mynet.onnx", portrait, portrait], monkeypatch)
    assert capsys.readouterr().out == "similarity by mynet: 1.000\n"
