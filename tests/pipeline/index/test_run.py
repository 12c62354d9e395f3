"""Every photo once, whatever happens in between."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from tests.pipeline.index.standin import StandIn, write_store

from mien.core.errors import InputError, ModelMismatch, StoreCorrupt, StoreError, WrongKey
from mien.pipeline.analyze import Analyzer
from mien.pipeline.config import Config, configure
from mien.pipeline.index.engines import LocalEngine
from mien.pipeline.index.folder import IndexFolder, is_index, open_index
from mien.pipeline.index.run import Indexed, index, made_by
from mien.pipeline.index.seen import looks
from mien.pipeline.look import Look

CONFIG = Config()
TEXTS = ["1", "2", "broken", "0", "3"] * 5


def local(config: Config = CONFIG) -> LocalEngine:
    return LocalEngine(cast(Analyzer, StandIn(config)))


def run(store: Path, out: Path, **options: int) -> Indexed:
    return index(
        str(store), out, CONFIG, local(), shard=options.get("shard", 4), retry=bool(options.get("retry"))
    )


def sources(out: Path) -> list[str]:
    return [look.report.source for look in IndexFolder(out).looks()]


def test_looks_at_every_picture_once_and_keeps_bad_ones_as_rows(tmp_path: Path) -> None:
    names = write_store(tmp_path / "store", TEXTS)
    done = run(tmp_path / "store", tmp_path / "out")
    assert (done.photos, done.before, done.faces, done.errors) == (25, 0, 30, 5)
    kept = [*IndexFolder(tmp_path / "out").looks()]
    assert [look.report.source for look in kept] == names
    assert [len(look.report.faces) for look in kept[:5]] == [1, 2, 0, 0, 3]
    assert [look.report.error.code for look in kept if look.report.error] == ["bad_image"] * 5


def test_a_second_run_looks_at_new_pictures_only(tmp_path: Path) -> None:
    write_store(tmp_path / "store", TEXTS[:10])
    run(tmp_path / "store", tmp_path / "out")
    names = write_store(tmp_path / "store", TEXTS)
    done = run(tmp_path / "store", tmp_path / "out")
    assert (done.photos, done.before) == (25, 10)
    assert sources(tmp_path / "out") == names
    assert run(tmp_path / "store", tmp_path / "out").before == 25


class Interrupted:
    """Stops after some pictures, as Ctrl-C does."""

    def __init__(self, after: int) -> None:
        self.after = after

    def run(self, names: Sequence[str]) -> Generator[Look, None, None]:
        for number, look in enumerate(local().run(names)):
            if number == self.after:
                raise KeyboardInterrupt
            yield look


@pytest.mark.parametrize("after", [0, 1, 4, 7, 24])
def test_what_was_seen_before_ctrl_c_is_kept_and_the_next_run_goes_on(tmp_path: Path, after: int) -> None:
    names = write_store(tmp_path / "store", TEXTS)
    with pytest.raises(KeyboardInterrupt):
        index(str(tmp_path / "store"), tmp_path / "out", CONFIG, Interrupted(after), shard=4)
    assert sources(tmp_path / "out") == names[:after]
    run(tmp_path / "store", tmp_path / "out")
    assert sources(tmp_path / "out") == names


SLOW = """
import sys, time
from pathlib import Path
from typing import cast
from tests.pipeline.index.test_run import CONFIG, local
from mien.pipeline.index.run import index
def seen(report):
    time.sleep(0.004)
    print(report.source, flush=True)
index(sys.argv[1], Path(sys.argv[2]), CONFIG, local(), seen=seen, shard=3)
"""


def test_a_kill_at_any_moment_loses_no_shard_and_repeats_no_photo(tmp_path: Path) -> None:
    names = write_store(tmp_path / "store", ["1"] * 120)
    rounds = 0
    while True:
        command = [sys.executable, "-c", SLOW, str(tmp_path / "store"), str(tmp_path / "out")]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[3])
        assert child.stdout is not None
        for _ in range(20 + 7 * rounds):
            if not child.stdout.readline():
                break
        child.send_signal(signal.SIGKILL)
        ended = child.wait()
        child.stdout.close()
        kept = sources(tmp_path / "out")
        assert len(set(kept)) == len(kept)
        assert kept == names[: len(kept)]
        rounds += 1
        if ended == 0 or len(kept) == len(names) or rounds == 4:
            break
    run(tmp_path / "store", tmp_path / "out")
    assert sources(tmp_path / "out") == names


def test_pictures_that_could_not_be_read_are_looked_at_again_on_request(tmp_path: Path) -> None:
    names = write_store(tmp_path / "store", TEXTS)
    run(tmp_path / "store", tmp_path / "out")
    for name in names:
        if Path(name).read_text() == "broken":
            Path(name).write_text("1")
    assert run(tmp_path / "store", tmp_path / "out").before == 25
    again = run(tmp_path / "store", tmp_path / "out", retry=1)
    assert (again.before, again.faces, again.errors) == (20, 5, 0)
    assert sorted(sources(tmp_path / "out")) == names


def test_one_file_spelled_two_ways_is_one_photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = write_store(tmp_path / "store", TEXTS[:4])
    run(tmp_path / "store", tmp_path / "out")
    monkeypatch.chdir(tmp_path)
    assert index(["store", "./store/../store"], tmp_path / "out", CONFIG, local()).before == 4
    assert sources(tmp_path / "out") == names


def test_a_stolen_index_shows_no_embedding_and_no_name(tmp_path: Path) -> None:
    write_store(tmp_path / "store", TEXTS)
    run(tmp_path / "store", tmp_path / "out")
    vectors = [face.embedding for look in IndexFolder(tmp_path / "out").looks() for face in look.report.faces]
    data = b"".join(path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file())
    for embedding in vectors:
        assert embedding is not None
        assert embedding.vector.tobytes()[:16] not in data
    assert b"0001.jpg" not in data
    for key in (tmp_path / "keys").iterdir():
        key.unlink()
    with pytest.raises(WrongKey):
        IndexFolder(tmp_path / "out")


def test_files_are_private_whatever_the_umask(tmp_path: Path) -> None:
    write_store(tmp_path / "store", TEXTS)
    old = os.umask(0)
    try:
        run(tmp_path / "store", tmp_path / "out")
    finally:
        os.umask(old)
    for path in (tmp_path / "out").rglob("*.sealed"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o700


def test_a_shard_in_another_place_is_refused(tmp_path: Path) -> None:
    write_store(tmp_path / "store", TEXTS)
    run(tmp_path / "store", tmp_path / "out")
    first, second, *_ = sorted((tmp_path / "out").rglob("*.sealed"))
    first.write_bytes(second.read_bytes())
    with pytest.raises(StoreCorrupt, match="delete it and run"):
        sources(tmp_path / "out")
    first.unlink()
    run(tmp_path / "store", tmp_path / "out")
    assert len(set(sources(tmp_path / "out"))) == 25


def test_an_index_of_other_networks_is_refused(tmp_path: Path) -> None:
    write_store(tmp_path / "store", TEXTS[:2])
    run(tmp_path / "store", tmp_path / "out")
    accurate = configure("accurate")
    with pytest.raises(ModelMismatch, match="profile balanced"):
        index(str(tmp_path / "store"), tmp_path / "out", accurate, local(accurate))
    with pytest.raises(ModelMismatch, match="--profile"):
        [*looks(cast(Analyzer, StandIn(accurate)), str(tmp_path / "out"))]


def test_never_writes_among_other_files(tmp_path: Path) -> None:
    names = write_store(tmp_path / "store", ["1"])
    with pytest.raises(InputError, match="holds other files"):
        run(tmp_path / "store", tmp_path / "store")
    assert [str(path) for path in (tmp_path / "store").iterdir()] == names


def test_an_index_stands_for_its_pictures_and_photos_may_be_named_beside_it(tmp_path: Path) -> None:
    names = write_store(tmp_path / "store", ["2", "broken"])
    more = write_store(tmp_path / "more", ["1"])
    run(tmp_path / "store", tmp_path / "out")
    assert is_index(tmp_path / "out")
    assert not is_index(tmp_path / "store")
    (tmp_path / "store" / "0000.jpg").unlink()  # it is not looked at again
    found = [*looks(cast(Analyzer, StandIn(CONFIG)), [str(tmp_path / "out"), more[0]])]
    assert [look.report.source for look in found] == names + more
    assert [len(look.report.faces) for look in found] == [2, 0, 1]
    assert all(len(look.digest) == 32 for look in found if look.report.error is None)


def test_work_is_kept_at_least_every_few_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_store(tmp_path / "store", ["1"] * 6)
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    def seen(report: object) -> None:
        now[0] += 11.0

    index(str(tmp_path / "store"), tmp_path / "out", CONFIG, local(), seen=seen)
    assert len([*(tmp_path / "out").rglob("*.sealed")]) == 3


def test_standard_input_cannot_be_indexed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no name to index it by"):
        index("-", tmp_path / "out", CONFIG, local())


def test_the_profile_is_part_of_what_an_index_says(tmp_path: Path) -> None:
    write_store(tmp_path / "store", ["1"])
    run(tmp_path / "store", tmp_path / "out")
    made = IndexFolder(tmp_path / "out").made
    assert (made.embedder, made.profile) == ("sface", "balanced")
    assert set(made.models) == {"yunet", "mesh468", "sface"}
    assert replace(made, profile="fast") != made


def test_whoever_comes_while_an_index_is_written_waits_and_touches_nothing(tmp_path: Path) -> None:
    made, out, late = made_by(CONFIG), tmp_path / "out", threading.Event()

    def come() -> None:
        with open_index(out, made):
            late.set()

    with open_index(out, made) as opened:
        unfinished = out / "00000001.new"
        unfinished.touch()
        other = threading.Thread(target=come)
        other.start()
        assert not late.wait(0.2)
        assert unfinished.exists()
        first = opened.id
    other.join()
    assert late.is_set()
    assert not unfinished.exists()
    assert IndexFolder(out).id == first


def test_a_full_disk_is_an_error_with_its_cure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_store(tmp_path / "store", TEXTS)
    run(tmp_path / "store", tmp_path / "out")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    write_store(tmp_path / "store", [*TEXTS, "1"])
    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        with pytest.raises(StoreError, match=r"No space left .* which goes on"):
            run(tmp_path / "store", tmp_path / "out")
    assert run(tmp_path / "store", tmp_path / "out").before == 25
