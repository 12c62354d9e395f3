"""A folder of results: annotated pictures and one line of JSON a picture, whole after every stop."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import IO

from mien.core.errors import InputError
from mien.core.report import PhotoReport
from mien.core.types import Image
from mien.imaging.sources import open_picture
from mien.overlay.annotate import COLOURS, Marked, annotate
from mien.pipeline.analyze import Analyzer, named_sources

LINES = "faces.jsonl"


class PhotoFolder:
    """Collects reports under ``folder``; with ``resume`` pictures that are there already are skipped.

    skipped: how many were, so far.
    """

    def __init__(self, folder: Path, *, resume: bool = False) -> None:
        self.folder = folder
        self._lines = folder / LINES
        if self._lines.exists() and not resume:
            raise InputError(
                f"{self._lines} is there already: say --resume to go on, or choose another --out"
            )
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{folder} cannot be made ({error.strerror}): choose another --out") from error
        self._done = self._finished() if resume else set()
        self._file: IO[str] | None = None
        self.skipped = 0

    def __enter__(self) -> PhotoFolder:
        # Names that are no text are written as JSON escapes them.
        self._file = self._lines.open("a", encoding="utf-8", errors="backslashreplace")
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def fill(
        self, analyzer: Analyzer, paths: list[str], asked: frozenset[str]
    ) -> Generator[PhotoReport, None, None]:
        """Analyse what is not there yet; a picture counts as finished once its line is written."""
        if self._file is None:
            raise AssertionError("the folder is used outside its with block")
        formats = analyzer.config.formats

        def draw(source: object, report: PhotoReport) -> None:
            picture = open_picture(source, formats=formats)
            save_annotated(self.folder / picture_name(report.source), picture.image, report)

        for report in analyzer.analyze_many(self._left(paths, formats), asked, finish=draw):
            self._file.write(json.dumps(report.to_dict(), ensure_ascii=False, allow_nan=False) + "\n")
            self._file.flush()
            yield report

    def _left(self, paths: list[str], formats: frozenset[str]) -> Iterator[object]:
        for name, source in named_sources(paths, formats):
            if name in self._done:
                self.skipped += 1
            else:
                yield source

    def _finished(self) -> set[str]:
        """Names of the pictures in the file; a line cut short by a crash is removed, not trusted."""
        if not self._lines.exists():
            return set()
        whole: list[str] = []
        names: set[str] = set()
        with self._lines.open(encoding="utf-8", errors="replace", newline="\n") as lines:
            for line in lines:
                try:
                    names.add(str(json.loads(line)["source"]))
                except (ValueError, KeyError, TypeError):
                    continue
                whole.append(line if line.endswith("\n") else line + "\n")
        fresh = self._lines.with_suffix(".tmp")
        fresh.write_text("".join(whole), encoding="utf-8")
        os.replace(fresh, self._lines)
        return names


def picture_name(source: str) -> str:
    """A file name for a picture's annotated copy: its own, made unique by its path.

    >>> picture_name("a/b.png") != picture_name("c/b.png")
    True
    """
    digest = hashlib.sha256(os.path.abspath(source).encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return f"{Path(source).stem[:80]}-{digest}.jpg"


def save_annotated(path: Path, image: Image, report: PhotoReport) -> None:
    from PIL import Image as Pictures

    marked = [
        Marked(face, f"{number}" if len(report.faces) > 1 else "", COLOURS[(number - 1) % len(COLOURS)])
        for number, face in enumerate(report.faces, 1)
    ]
    Pictures.fromarray(annotate(image, marked)).save(path, quality=92)
