"""An analyzer that reads names instead of pictures; importable by the processes of a cluster."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
from tests.gallery.conftest import unit

from mien.core.errors import ImageError
from mien.core.report import FaceReport, PhotoReport
from mien.core.types import Box, Detection, Embedding
from mien.pipeline.config import Config
from mien.pipeline.look import ASKED


class StandIn:
    """A file's text is how many faces it shows; "broken" cannot be read; "deadly" ends the process."""

    def __init__(self, config: Config) -> None:
        self.config = config

    def analyze_many(
        self,
        sources: Iterable[object],
        only: object = None,
        *,
        finish: Callable[[object, PhotoReport], None] | None = None,
    ) -> Iterator[PhotoReport]:
        for number, source in enumerate(sources):
            name = source if isinstance(source, str) else f"#{number}"
            try:
                report = self._report(name, source)
            except ImageError as error:
                yield PhotoReport(name, 0, 0, (), error)
                continue
            if finish is not None:
                finish(source, report)
            yield report

    def _report(self, name: str, source: object) -> PhotoReport:
        text = source.decode() if isinstance(source, bytes) else Path(str(source)).read_text()
        if text == "broken":
            raise ImageError("damaged", f"{name} is damaged: use another copy")
        if text == "deadly":
            os._exit(9)
        return PhotoReport(name, 640, 480, tuple(face(text, place) for place in range(int(text))))


def face(text: str, place: int) -> FaceReport:
    box = Box(10.125 * place, 0.1, 10.125 * place + 100, 100.1)
    embedding = Embedding(
        unit(zlib.crc32(text.encode("utf-8", "replace")) % 1000 + place), "sface", 11.0 + place
    )
    return FaceReport(Detection(box, 0.9375, np.full((5, 2), 0.3)), ASKED, embedding=embedding)


def stand_in(config: Config) -> StandIn:
    return StandIn(config)


def write_store(folder: Path, texts: Iterable[str]) -> list[str]:
    """One file a text; returns their names as an index knows them."""
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for number, text in enumerate(texts):
        path = folder / f"{number:04d}.jpg"
        path.write_text(text)
        names.append(str(path.absolute()))
    return names
