"""The whole of `mien index`: list, skip what is done, look, and keep in whole shards."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from mien.core.errors import InputError
from mien.core.report import PhotoReport
from mien.imaging.sources import STANDARD_INPUT, iter_pictures
from mien.pipeline.config import PROFILES, Config
from mien.pipeline.index.engines import Engine
from mien.pipeline.index.folder import SHARD_PHOTOS, IndexFolder, Made, open_index
from mien.pipeline.look import ASKED, Look
from mien.zoo.registry import card

KEEP_EVERY = 20.0  # seconds of work that a kill may cost


@dataclass(frozen=True, slots=True)
class Indexed:
    """photos: all that were asked for.    before: done by an earlier run.    faces, errors: of this run."""

    photos: int
    before: int
    faces: int
    errors: int
    seconds: float


def index(
    sources: str | Iterable[str],
    folder: Path,
    config: Config,
    engine: Engine,
    *,
    retry: bool = False,
    begin: Callable[[int, int], None] = lambda photos, before: None,
    seen: Callable[[PhotoReport], None] = lambda report: None,
    shard: int = SHARD_PHOTOS,
) -> Indexed:
    """Look at every picture that the index in ``folder`` does not have yet; each is kept exactly once.

    Stopped or killed at any moment, the folder is valid and the next run goes on. A file is known by its
    path; a picture that could not be read is a row with its error, which ``retry`` looks at again.
    begin: (pictures asked for, done before).    seen: learns of each report of this run.

    raises: InputError, ModelMismatch, WrongKey for a folder that cannot be used.
    """
    start = time.monotonic()
    names = [*dict.fromkeys(os.path.abspath(name) for name in _listed(sources, config))]
    faces = errors = 0
    with open_index(folder, made_by(config)) as opened:
        if retry:
            opened.forget_errors()
        done = opened.sources()
        left = [name for name in names if name not in done]
        begin(len(names), len(names) - len(left))
        with _Keeper(opened, shard) as keeper, closing(engine.run(left)) as looks:
            for look in looks:
                keeper.add(look)
                faces += len(look.report.faces)
                errors += look.report.error is not None
                seen(look.report)
    return Indexed(len(names), len(names) - len(left), faces, errors, time.monotonic() - start)


def made_by(config: Config) -> Made:
    """What an index that this configuration makes says of itself."""
    names = [part for name in config.model_names(ASKED).values() for part in name.split("+")]
    profile = next((name for name, known in PROFILES.items() if known == config.profile), "of its own")
    return Made(config.profile.embedder, {name: card(name).sha256 for name in names}, profile)


class _Keeper:
    """Gathers looks and writes them as shards; what it holds at the end of the block is written too.

    A shard's number is settled before it is written and counted up after, so that an interrupted write is
    repeated in its place and never beside it.
    """

    def __init__(self, index: IndexFolder, most: int) -> None:
        self._index, self._most = index, most
        self._number = index.next_number()
        self._held: list[Look] = []
        self._kept = time.monotonic()

    def __enter__(self) -> _Keeper:
        return self

    def __exit__(self, *_: object) -> None:
        self._keep()

    def add(self, look: Look) -> None:
        self._held.append(look)
        if len(self._held) >= self._most or time.monotonic() - self._kept > KEEP_EVERY:
            self._keep()

    def _keep(self) -> None:
        if self._held:
            self._index.put(self._number, self._held)
            self._held = []
            self._number += 1
        self._kept = time.monotonic()


def _listed(sources: str | Iterable[str], config: Config) -> Sequence[str]:
    names = [*iter_pictures(sources, config.formats)]
    if STANDARD_INPUT in names:
        raise InputError("standard input has no name to index it by: save the picture to a file first")
    return names
