"""`mien index PATH…`: look at a large photo store once, here or on a cluster."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mien.cli import options
from mien.cli.output import NO_PICTURES, emit, progress, say, warn
from mien.core.errors import InputError
from mien.core.report import PhotoReport

if TYPE_CHECKING:
    from mien.pipeline.config import Config
    from mien.pipeline.index.engines import Engine

SAY_EVERY = 30.0  # seconds between lines where stderr is a file


def index(
    paths: Annotated[list[str], typer.Argument(help="Pictures, folders, patterns.")],
    out: Annotated[Path, typer.Option("--out", help="Keep what was seen here; goes on if begun before.")],
    engine: Annotated[
        str, typer.Option("--engine", help="local: this process; ray: a cluster of processes or machines.")
    ] = "local",
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Side by side; default: one a processor.")
    ] = None,
    address: Annotated[
        str | None,
        typer.Option("--address", help="A running Ray cluster: auto or HOST:PORT; default: start one."),
    ] = None,
    send: Annotated[
        bool, typer.Option("--send", help="Send the bytes to workers that do not see these files.")
    ] = False,
    retry: Annotated[
        bool, typer.Option("--retry", help="Look again at pictures that could not be read before.")
    ] = False,
    profile: options.Profile = "balanced",
    models: options.Models = None,
    formats: options.Formats = None,
    allow_noncommercial: options.NonCommercial = False,
    as_json: options.Json = False,
) -> int:
    """Look at a large store of photos, each once, and keep faces and embeddings, encrypted.

    Give the folder to `mien cluster`, `mien enrol --people` or `mien identify` in place of the photos. Stop
    it at any time: the next run goes on. Exit code 2 only where no picture at all could be read.
    """
    from mien.pipeline.config import configure
    from mien.pipeline.index.run import index as index_photos

    config = configure(profile, models=models, allow_noncommercial=allow_noncommercial, formats=formats)
    chosen = _engine(engine, config, workers, address, send)
    failures: list[PhotoReport] = []
    with progress(as_json) as bar:
        task = bar.add_task("pictures", total=None)
        told = _Lines(quiet=as_json or not bar.disable)

        def begin(photos: int, before: int) -> None:
            bar.update(task, total=photos - before)
            told.begin(photos - before)
            if before:
                warn(f"mien: {before:,} of {photos:,} pictures were done before")

        def seen(report: PhotoReport) -> None:
            bar.advance(task)
            told.advance()
            if report.error is not None:
                failures.append(report)

        done = index_photos(paths, out, config, chosen, retry=retry, begin=begin, seen=seen)
    if not done.photos:
        raise InputError(NO_PICTURES)
    fresh = done.photos - done.before
    if as_json:
        errors = [{"source": report.source, "error": report.to_dict()["error"]} for report in failures]
        counts = {"photos": done.photos, "before": done.before, "faces": done.faces}
        emit({"out": str(out), **counts, "errors": errors, "seconds": round(done.seconds, 2)})
    else:
        for report in failures[:20]:
            say(f"  {report.source}: {report.error}")
        seconds, bad = f"{done.seconds:,.0f}", f"{done.errors:,}"
        say(f"{fresh:,} pictures with {done.faces:,} faces in {seconds} s; {bad} could not be read")
        say(f"kept in {out}: try `mien cluster {out}`")
    return 2 if fresh and done.errors == fresh else 0


def _engine(name: str, config: Config, workers: int | None, address: str | None, send: bool) -> Engine:
    from mien.cli.session import open_analyzer
    from mien.pipeline.index.engines import LocalEngine
    from mien.pipeline.index.ray_engine import RayEngine

    match name:
        case "local":
            if address or send:
                raise InputError("--address and --send are for a cluster: say --engine ray")
            return LocalEngine(open_analyzer(config, streams=workers))
        case "ray":
            return RayEngine(config, workers, address, send)
    raise InputError(f"no engine is called {name!r}: say --engine local or --engine ray")


class _Lines:
    """Progress as lines, now and then, where no progress bar can be shown."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self.begin(0)

    def begin(self, total: int) -> None:
        self._total, self._count = total, 0
        self._start = self._last = time.monotonic()

    def advance(self) -> None:
        self._count += 1
        now = time.monotonic()
        if self._quiet or now - self._last < SAY_EVERY:
            return
        self._last = now
        speed = self._count / (now - self._start)
        left = (self._total - self._count) / speed / 60
        warn(f"mien: {self._count:,} of {self._total:,} pictures, {speed:.1f}/s, {left:.0f} min left")
