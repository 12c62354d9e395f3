"""What one long command has seen so far, so that it can be stopped and gone on with.

An index of its own (`mien.pipeline.index.folder`: sealed, whole shards) in the user's cache, found again by
the paths and networks that the command names, and gone with its key once the command has ended well.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from mien.core.errors import MienError
from mien.core.report import PhotoReport
from mien.imaging.sources import iter_pictures
from mien.pipeline.analyze import Analyzer
from mien.pipeline.config import Config
from mien.pipeline.index.engines import LocalEngine
from mien.pipeline.index.folder import IndexFolder, is_index
from mien.pipeline.index.run import index, made_by
from mien.pipeline.look import Look
from mien.privacy.keys import destroy_key_file
from mien.zoo.lock import exclusive

FOLDER = "unfinished"
KEPT_DAYS = 14  # that nobody goes on with for so long is forgotten: it holds biometric data


class Journal:
    """The looks at some pictures, kept unless `close` is called; one process at a time has it.

    paths: pictures, folders and patterns; neither an index nor standard input.
    """

    def __init__(self, paths: Sequence[str], config: Config) -> None:
        self._paths, self._config = list(paths), config
        words = [*map(os.path.abspath, paths), repr(made_by(config))]
        name = hashlib.sha256("\0".join(words).encode("utf-8", "surrogateescape")).hexdigest()
        self.folder = config.cache / FOLDER / name[:32]

    def looks(
        self,
        analyzer: Analyzer,
        begin: Callable[[int, int], None] = lambda photos, before: None,
        seen: Callable[[PhotoReport], None] = lambda report: None,
    ) -> Iterator[Look]:
        """Every picture, in order: those seen before as they were kept, the others looked at now.

        begin: (pictures, of them seen before).    seen: learns of each that is looked at now.
        """
        names = [*dict.fromkeys(iter_pictures(self._paths, self._config.formats))]
        index(names, self.folder, self._config, LocalEngine(analyzer), begin=begin, seen=seen)
        known = {look.report.source: look for look in IndexFolder(self.folder).looks()}
        for name in names:
            look = known[os.path.abspath(name)]
            yield replace(look, report=replace(look.report, source=name))

    def begun(self) -> bool:
        """Whether there is anything to go on with."""
        return is_index(self.folder)

    def close(self) -> None:
        """The command is done: nothing of it stays."""
        _forget(self.folder)


@contextmanager
def journal(paths: Sequence[str], config: Config, resume: bool) -> Iterator[Journal]:
    """The journal for the length of a command; it goes where the block ends well.

    resume: take over what a command of the same words had seen when it was stopped; else begin anew.
    """
    opened = Journal(paths, config)
    opened.folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = opened.folder.with_suffix(".lock")
    for old in _older_than(opened.folder.parent, KEPT_DAYS):
        _forget(old)
    with exclusive(lock):
        if not resume:
            opened.close()
        yield opened
        opened.close()


def _forget(folder: Path) -> None:
    if is_index(folder):
        # Damaged, or its key is gone: nobody can read it, and it goes all the same.
        with contextlib.suppress(MienError):
            destroy_key_file(IndexFolder(folder).id)
    shutil.rmtree(folder, ignore_errors=True)


def _older_than(home: Path, days: float) -> list[Path]:
    limit = time.time() - days * 86_400
    return [path for path in home.iterdir() if path.is_dir() and path.stat().st_mtime < limit]


def can_be_kept(path: str) -> bool:
    """Whether a journal may stand for this path of a command."""
    return path != "-" and not is_index(path)


def cache_takes_files(folder: Path) -> bool:
    """Whether this folder can be made and written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)
