"""`mien explain` writes what it found, and refuses what it cannot write before it works."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mien.cli.main import run
from mien.core.report import FaceReport
from mien.core.types import Box, Detection
from mien.embedding.compare import Judgement
from mien.pipeline.explain import ExplainedFace, Explanation
from mien.training import explain as room


@pytest.fixture(autouse=True)
def found(monkeypatch: pytest.MonkeyPatch) -> None:
    report = FaceReport(Detection(Box(0, 0, 9, 9), 0.9, np.zeros((5, 2))), frozenset({"box"}))
    heat = np.linspace(-1, 1, 56 * 56).reshape(56, 56)
    face = ExplainedFace(report, np.full((56, 56, 3), 90, np.uint8), heat, {"eyes": 0.3, "mouth": 0.1})
    judgement = Judgement(True, 0.7, 1e-5, 0, 1e-4, True, 0.5, 0.99, 0.5)
    monkeypatch.setattr(
        room, "explain_faces", lambda *_, **__: Explanation(judgement, "rise", face, face, 812)
    )


def call(*arguments: Any) -> int:
    with pytest.raises(SystemExit) as stopped:
        run(["explain", "a.jpg", "b.jpg", *map(str, arguments)])
    assert isinstance(stopped.value.code, int)
    return stopped.value.code


def test_says_the_regions(capsys: pytest.CaptureFixture[str]) -> None:
    assert call() == 0
    shown = capsys.readouterr().out
    assert "same person: similarity 0.700" in shown
    assert "eyes" in shown


def test_writes_a_picture_and_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("--out", tmp_path / "why.png") == 0
    with Image.open(tmp_path / "why.png") as picture:
        assert picture.width > 1000
    assert call("--out", tmp_path / "why.html", "--json") == 0
    assert "812 times" in (tmp_path / "why.html").read_text("utf-8")
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["faces"]["a"]["regions"]["eyes"] == 0.3


def test_another_kind_of_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("--out", tmp_path / "why.pdf", "--json") == 2
    assert ".html" in json.loads(capsys.readouterr().out)["error"]["message"]
