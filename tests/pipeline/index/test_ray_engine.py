"""The same answers from a cluster of processes, in order, whatever happens to the processes."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from tests.pipeline.index.standin import StandIn, stand_in, write_store

from mien.core.errors import DependencyMissing
from mien.pipeline.analyze import Analyzer
from mien.pipeline.config import Config
from mien.pipeline.index.engines import LocalEngine
from mien.pipeline.index.folder import IndexFolder
from mien.pipeline.index.ray_engine import RayEngine
from mien.pipeline.index.run import index
from mien.pipeline.look import Look


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """Two worker processes, for all tests of this file."""
    ray = pytest.importorskip("ray")
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    yield
    # Ray kills its processes without waiting for their end, which Python warns of whenever it cleans up.
    node = ray._private.worker._global_node
    processes = [info.process for infos in node.all_processes.values() for info in infos]
    ray.shutdown()
    for process in processes:
        process.wait(timeout=60)


def engine(**options: Any) -> RayEngine:
    return RayEngine(Config(), build=cast(Any, stand_in), chunk=3, **options)


def said(look: Look) -> tuple[Any, ...]:
    vectors = [face.embedding.vector.tobytes() for face in look.report.faces if face.embedding]
    return look.report.to_dict(), look.digest, vectors


@pytest.mark.usefixtures("cluster")
def test_a_cluster_answers_as_one_process_does_and_in_order(tmp_path: Path) -> None:
    names = write_store(tmp_path / "store", ["1", "broken", "2", "0"] * 5)
    alone = LocalEngine(cast(Analyzer, StandIn(Config())))
    assert [*map(said, engine().run(names))] == [*map(said, alone.run(names))]


@pytest.mark.usefixtures("cluster")
def test_a_picture_that_ends_its_worker_is_one_error_row(tmp_path: Path) -> None:
    names = write_store(tmp_path / "store", ["1"] * 4 + ["deadly"] + ["1"] * 5)
    done = index(str(tmp_path / "store"), tmp_path / "out", Config(), engine(workers=2))
    assert (done.photos, done.faces, done.errors) == (10, 9, 1)
    kept = [*IndexFolder(tmp_path / "out").looks()]
    assert [look.report.source for look in kept] == names
    assert [look.report.source for look in kept if look.report.error] == [names[4]]
    assert "look at this file" in str(kept[4].report.error)


@pytest.mark.usefixtures("cluster")
def test_bytes_can_be_sent_to_workers_that_do_not_see_the_files(tmp_path: Path) -> None:
    names = write_store(tmp_path / "store", ["1", "broken", "2"])
    sent = [*engine(send=True).run(names)]
    assert [look.report.source for look in sent] == names
    assert [len(look.report.faces) for look in sent] == [1, 0, 2]
    seen = [*engine().run(names)]
    assert [said(sent[0])[1:], said(sent[2])[1:]] == [said(seen[0])[1:], said(seen[2])[1:]]


@pytest.mark.usefixtures("cluster")
def test_stopping_early_leaves_no_worker_behind(tmp_path: Path) -> None:
    import ray

    names = write_store(tmp_path / "store", ["1"] * 30)
    for _ in range(3):  # workers that stayed would keep the two processors, and the third would wait for ever
        running = engine(workers=2).run(names)
        next(running)
        running.close()
    assert ray.is_initialized()  # it was not ours to end


def test_without_ray_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def refuse(name: str, *rest: Any) -> Any:
        if name == "ray":
            raise ImportError(name)
        return original(name, *rest)

    monkeypatch.delitem(sys.modules, "ray", raising=False)
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(DependencyMissing, match=r"mien\[ray\]"):
        next(engine().run(["a.jpg"]))
