"""A long command that is stopped goes on where it was, and leaves nothing once it is done."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from tests.pipeline.index.standin import StandIn, write_store

from mien.core.report import PhotoReport
from mien.pipeline.analyze import Analyzer
from mien.pipeline.cluster import faces_of, group
from mien.pipeline.config import Config
from mien.pipeline.index.engines import LocalEngine
from mien.pipeline.index.journal import cache_takes_files, can_be_kept, journal
from mien.pipeline.index.run import index

TEXTS = ["1", "2", "broken", "0"] * 6


class Stop(Exception):
    pass


def config(home: Path) -> Config:
    return replace(Config(), cache=home / "cache")


def analyzer(home: Path) -> Analyzer:
    return cast(Analyzer, StandIn(config(home)))


def seen(home: Path, *, resume: bool = False, stop_after: int | None = None) -> list[PhotoReport]:
    """What is looked at in one run; stops in the middle as Ctrl-C does."""
    looked_at: list[PhotoReport] = []

    def one(report: PhotoReport) -> None:
        looked_at.append(report)
        if len(looked_at) == stop_after:
            raise Stop

    with journal([str(home / "store")], config(home), resume) as opened:
        shots = [*opened.looks(analyzer(home), seen=one)]
        assert [shot.report.source for shot in shots] == sorted(map(str, (home / "store").iterdir()))
        assert len(faces_of(shots)) == 18
    return looked_at


def left_behind(home: Path) -> list[str]:
    """Files of the cache and keys, less empty lock files."""
    folders = (home / "cache", home / "keys")
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return [path.name for path in files if path.stat().st_size]


def test_what_was_seen_before_is_not_looked_at_again(tmp_path: Path) -> None:
    write_store(tmp_path / "store", TEXTS)
    with pytest.raises(Stop):
        seen(tmp_path, stop_after=10)
    assert left_behind(tmp_path)
    again = seen(tmp_path, resume=True)
    assert [Path(report.source).stem for report in again] == [f"{n:04d}" for n in range(10, 24)]
    assert left_behind(tmp_path) == []


def test_without_resume_it_begins_anew(tmp_path: Path) -> None:
    write_store(tmp_path / "store", TEXTS)
    with pytest.raises(Stop):
        seen(tmp_path, stop_after=10)
    assert len(seen(tmp_path)) == 24
    assert left_behind(tmp_path) == []


def test_nothing_to_go_on_with_is_a_beginning(tmp_path: Path) -> None:
    write_store(tmp_path / "store", TEXTS)
    assert len(seen(tmp_path, resume=True)) == 24


def test_names_stay_as_they_were_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_store(tmp_path / "store", TEXTS)
    monkeypatch.chdir(tmp_path)
    with journal(["store", "store/0001.jpg"], config(tmp_path), resume=False) as opened:
        shots = [*opened.looks(analyzer(tmp_path))]
    assert [shot.report.source for shot in shots] == [f"store/{n:04d}.jpg" for n in range(24)]


def test_a_journal_is_private_and_sealed(tmp_path: Path) -> None:
    write_store(tmp_path / "store", TEXTS)
    with pytest.raises(Stop):
        seen(tmp_path, stop_after=10)
    files = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert {oct(path.stat().st_mode & 0o077) for path in files if path.stat().st_size} == {"0o0"}
    assert not any(b"0001.jpg" in path.read_bytes() for path in files)


def test_a_damaged_journal_is_replaced(tmp_path: Path) -> None:
    write_store(tmp_path / "store", TEXTS)
    with pytest.raises(Stop):
        seen(tmp_path, stop_after=10)
    for path in (tmp_path / "cache").rglob("index.json"):
        path.write_text("{}")
    assert len(seen(tmp_path)) == 24
    assert not [*(tmp_path / "cache").rglob("*.sealed")]


KILLED = """
import os, sys
from pathlib import Path
from typing import cast
from tests.pipeline.index import test_journal as t
from mien.pipeline.index import run
run.KEEP_EVERY = 0.0
count = 0
def seen(report):
    global count
    count += 1
    if count == int(sys.argv[2]):
        os.kill(os.getpid(), 9)
home = Path(sys.argv[1])
with t.journal([str(home / "store")], t.config(home), False) as opened:
    list(opened.looks(t.StandIn(t.config(home)), seen=seen))
"""


def test_a_killed_command_goes_on_too(tmp_path: Path) -> None:
    write_store(tmp_path / "store", TEXTS)
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), "15"], cwd=Path(__file__).parents[3], check=False
    )
    assert killed.returncode == -9
    assert len(seen(tmp_path, resume=True)) == 9
    assert left_behind(tmp_path) == []


def test_groups_are_those_of_a_run_that_was_not_stopped(tmp_path: Path) -> None:
    from tests.pipeline.test_gallery import calibration

    write_store(tmp_path / "store", TEXTS)
    with pytest.raises(Stop):
        seen(tmp_path, stop_after=7)
    answers = []
    for resume in (True, False):
        with journal([str(tmp_path / "store")], config(tmp_path), resume) as opened:
            answers.append(group(faces_of(opened.looks(analyzer(tmp_path))), calibration()))
    assert answers[0] == answers[1]


def test_an_index_and_standard_input_need_no_journal(tmp_path: Path) -> None:
    write_store(tmp_path / "store", TEXTS)
    made = tmp_path / "made"
    index(
        str(tmp_path / "store"),
        made,
        config(tmp_path),
        LocalEngine(analyzer(tmp_path)),
    )
    assert [can_be_kept(path) for path in ("-", str(made), str(tmp_path / "store"))] == [False, False, True]


def test_a_cache_that_cannot_be_written_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert not cache_takes_files(tmp_path / "file" / "cache")
    assert cache_takes_files(tmp_path / "cache")


def test_what_nobody_goes_on_with_is_forgotten(tmp_path: Path) -> None:
    write_store(tmp_path / "store", TEXTS)
    with pytest.raises(Stop):
        seen(tmp_path, stop_after=10)
    for folder in (tmp_path / "cache" / "unfinished").iterdir():
        os.utime(folder, (1.0, 1.0))
    write_store(tmp_path / "other", ["1"])
    with journal([str(tmp_path / "other")], config(tmp_path), resume=False) as opened:
        assert len([*opened.looks(analyzer(tmp_path))]) == 1
    assert left_behind(tmp_path) == []
