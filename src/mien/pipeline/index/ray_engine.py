"""Pictures spread over a Ray cluster: chunks to whoever is free, results in order, no chunk lost.

The only importer of ray. Without an address a cluster of processes is started on this machine and ended with
the work. A worker that dies is started again and its chunk repeated; a picture that kills its worker twice
becomes a row with its error.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mien.core.errors import DependencyMissing, InputError, MienError
from mien.core.report import PhotoReport
from mien.imaging.sources import read_source
from mien.pipeline.analyze import Analyzer
from mien.pipeline.config import Config
from mien.pipeline.index.shard import unpack
from mien.pipeline.index.worker import Item, Worker
from mien.pipeline.look import Look

CHUNK = 32  # pictures a task: a third of a second of work, against a millisecond of sending
AHEAD = 4  # chunks a worker that may wait for an earlier one, so that memory stays level


@dataclass(frozen=True, slots=True)
class RayEngine:
    """workers: processes, or None for one a processor of the cluster.

    address: of a running cluster ("auto", "host:port", "ray://…"), or None to start one here.
    send: send the pictures' bytes, for workers that do not see these files.
    chunk: pictures a task.    build: makes each worker's analyzer.
    """

    config: Config
    workers: int | None = None
    address: str | None = None
    send: bool = False
    chunk: int = CHUNK
    build: Callable[[Config], Analyzer] = Analyzer

    def run(self, names: Sequence[str]) -> Generator[Look, None, None]:
        """Look at these files, in order.

        raises: DependencyMissing without ray, InputError where no cluster answers, `ModelError` of a worker.
        """
        ray = _import_ray()
        mine = not ray.is_initialized()
        if mine:
            _connect(ray, self.address, self.workers)
        count = self.workers or max(int(ray.cluster_resources().get("CPU", 1)), 1)
        remote = ray.remote(num_cpus=1, max_restarts=-1, max_task_retries=1)(Worker)
        chunks = [names[start : start + self.chunk] for start in range(0, len(names), self.chunk)]
        actors = [remote.remote(self.config, self.build) for _ in range(min(count, len(chunks)))]
        try:
            yield from _Spread(ray, actors, self._items).run(chunks)
        finally:
            for actor in actors:
                ray.kill(actor)
            if mine:
                ray.shutdown()

    def _items(self, names: Sequence[str]) -> list[Item]:
        return [(name, _bytes(name) if self.send else None) for name in names]


class _Spread:
    """The chunks of one run: which worker has which, and which wait for an earlier one."""

    def __init__(self, ray: Any, actors: Sequence[Any], items: Callable[[Sequence[str]], list[Item]]) -> None:
        self._ray, self._items = ray, items
        self._idle = list(actors)
        self._most = AHEAD * len(actors)
        self._running: dict[Any, tuple[int, Any, Sequence[str]]] = {}
        self._waiting: dict[int, list[Look]] = {}

    def run(self, chunks: Sequence[Sequence[str]]) -> Iterator[Look]:
        started = finished = 0
        while finished < len(chunks):
            while self._idle and started < len(chunks) and started - finished < self._most:
                actor = self._idle.pop()
                task = actor.look.remote(self._items(chunks[started]))
                self._running[task] = (started, actor, chunks[started])
                started += 1
            if finished not in self._waiting:
                self._collect()
            while finished in self._waiting:
                yield from self._waiting.pop(finished)
                finished += 1

    def _collect(self) -> None:
        (done,), _ = self._ray.wait([*self._running], num_returns=1)
        position, actor, names = self._running.pop(done)
        looks = self._result(done)
        self._waiting[position] = self._one_by_one(actor, names) if looks is None else looks
        self._idle.append(actor)

    def _one_by_one(self, actor: Any, names: Sequence[str]) -> list[Look]:
        """After a worker died twice over a chunk: find the picture that does it."""
        found: list[Look] = []
        for name in names:
            looks = self._result(actor.look.remote(self._items([name])))
            found += looks or [_fatal(name)]
        return found

    def _result(self, task: Any) -> list[Look] | None:
        """The looks, or None where the worker died; what a worker raised is raised here."""
        failures = self._ray.exceptions
        try:
            return unpack(self._ray.get(task))
        except failures.RayTaskError as error:
            raise error.cause if isinstance(error.cause, MienError) else error from None
        except failures.RayError:
            return None


def _import_ray() -> Any:
    # Ray would report usage to its makers; a photo store is nobody's business.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        raise DependencyMissing("--engine ray needs Ray: pip install 'mien[ray]'") from error
    return ray


def _connect(ray: Any, address: str | None, workers: int | None) -> None:
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    try:
        if address is None:
            ray.init(address="local", num_cpus=workers, include_dashboard=False, **quiet)
        else:
            ray.init(address=address, **quiet)
    except Exception as error:  # Ray raises a bare one where a node does not come up in time
        raise InputError(
            f"no Ray cluster could be had at {address or 'this machine'} ({error}): start one with "
            "`ray start --head`, or leave --address out"
        ) from error


def _bytes(name: str) -> bytes | None:
    try:
        return read_source(name)
    except InputError:
        return None  # the worker tries the file itself, and its row says what is wrong


def _fatal(name: str) -> Look:
    error = InputError(f"{name} ended the worker that read it, twice: look at this file, or leave it out")
    return Look(PhotoReport(name, 0, 0, (), error), b"")
