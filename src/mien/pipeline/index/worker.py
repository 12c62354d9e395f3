"""What runs on each processor of a cluster: one analyzer, and chunks of pictures as they come."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace

from mien.pipeline.analyze import Analyzer
from mien.pipeline.config import Config
from mien.pipeline.index.shard import pack
from mien.pipeline.look import Look, look_at
from mien.zoo.folder import cache_folder

# A name, and the picture's bytes where the worker does not see the file.
Item = tuple[str, bytes | None]


class Worker:
    """build: makes the analyzer; the networks are opened with the first chunk."""

    def __init__(self, config: Config, build: Callable[[Config], Analyzer] = Analyzer) -> None:
        # The cluster decides who has which processor; one each, or they would fight over all of them.
        os.environ.setdefault("MIEN_THREADS", "1")
        self._analyzer = build(replace(config, streams=1, cache=cache_folder()))

    def look(self, items: Sequence[Item]) -> bytes:
        """The packed looks of these pictures, in order."""
        sources = [name if data is None else data for name, data in items]
        found = look_at(self._analyzer, sources)
        return pack([_named(look, name) for look, (name, _) in zip(found, items, strict=True)])


def _named(look: Look, name: str) -> Look:
    return replace(look, report=replace(look.report, source=name))
