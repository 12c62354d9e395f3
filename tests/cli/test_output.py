"""The JSON of a long run is one whole document, however the run ends."""

from __future__ import annotations

import json

import pytest
import typer

from mien.cli.output import JsonRows
from mien.core.errors import ModelMissing


def print_rows(end: BaseException, **tail: str) -> None:
    with JsonRows("results", dict(tail)) as rows:
        rows.row(1)
        raise end


def test_rows_and_tail_make_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    with JsonRows("results", {"mien": "1"}) as rows:
        for number in range(3):
            rows.row({"n": number})
    assert json.loads(capsys.readouterr().out) == {"results": [{"n": 0}, {"n": 1}, {"n": 2}], "mien": "1"}


def test_no_rows_make_a_document_too(capsys: pytest.CaptureFixture[str]) -> None:
    with JsonRows("results", {"mien": "1"}):
        pass
    assert json.loads(capsys.readouterr().out) == {"results": [], "mien": "1"}


def test_a_stopped_run_leaves_what_was_finished(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt):
        print_rows(KeyboardInterrupt(), mien="1")
    assert json.loads(capsys.readouterr().out) == {"results": [1], "mien": "1"}


def test_an_error_after_the_first_row_stands_in_the_document(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as stopped:
        print_rows(ModelMissing("gone: pull it"))
    assert stopped.value.exit_code == 3
    captured = capsys.readouterr()
    said = json.loads(captured.out)
    assert said == {"results": [1], "error": {"code": "model_missing", "message": "gone: pull it"}}
    assert "gone" in captured.err


def test_an_error_before_the_first_row_prints_nothing_yet(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ModelMissing), JsonRows("results", {}):
        raise ModelMissing("gone: pull it")
    assert capsys.readouterr().out == ""
