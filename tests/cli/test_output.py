"""The JSON of a long run is one whole document, however the run ends."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import typer
from rich.console import Console
from rich.progress import Progress

from mien.cli import main
from mien.cli.output import JsonRows, pictures_task
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


def test_a_reader_who_left_is_written_nothing_more(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BrokenPipeError):
        print_rows(BrokenPipeError())
    assert capsys.readouterr().out.endswith("1")


@pytest.mark.parametrize(
    ("error", "code", "exit_code"),
    [
        (ZeroDivisionError("by zero"), "unforeseen", 70),
        (MemoryError(), "unforeseen", 70),
        (OSError(28, "No space left on device", "faces.jsonl"), "store_error", 4),
    ],
)
@pytest.mark.parametrize("rows", [False, True])
def test_what_nobody_foresaw_is_one_document_and_never_an_answer(
    error: Exception,
    code: str,
    exit_code: int,
    rows: bool,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def command(*_: object, **__: object) -> int:
        if not rows:
            raise error
        try:
            print_rows(error)
        except typer.Exit as left:
            return left.exit_code
        return 0

    monkeypatch.setattr(main, "application", lambda _: command)
    with pytest.raises(SystemExit) as stopped:
        main.run(["analyze", "--json"])
    captured = capsys.readouterr()
    said = json.loads(captured.out)
    assert stopped.value.code == exit_code
    assert said["error"]["code"] == code
    assert said.get("results") == ([1] if rows else None)
    assert "Traceback" not in captured.err
    assert "report it" in captured.err or "No space left on device: faces.jsonl" in captured.err


def test_only_the_command_that_was_asked_for_is_imported() -> None:
    code = "import sys; from mien.cli.main import application; application(['verify']); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert {"mien.cli.verify", "mien.cli.train", "mien.cli.people"} & set(loaded.split()) == {
        "mien.cli.verify"
    }


def test_the_bar_learns_how_many_pictures_there_are(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.png", "notes.txt"):
        (tmp_path / name).touch()
    with Progress(console=Console(file=io.StringIO(), force_terminal=True)) as bar:
        task = pictures_task(bar, [str(tmp_path)], ("jpeg", "png"))
        for thread in threading.enumerate():
            if thread.name == "mien-count":
                thread.join()
        assert bar.tasks[task].total == 2
        unknown = pictures_task(bar, ["-", str(tmp_path)], ("jpeg",))
        assert bar.tasks[unknown].total is None
