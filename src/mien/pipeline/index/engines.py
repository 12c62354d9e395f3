"""Who looks at the pictures: this process, or (`mien.pipeline.index.ray_engine`) a cluster."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Protocol

from mien.pipeline.analyze import Analyzer
from mien.pipeline.look import Look, look_at


class Engine(Protocol):
    def run(self, names: Sequence[str]) -> Generator[Look, None, None]:
        """Look at these files, in order; closing the iterator stops the work and frees what it used."""


@dataclass(frozen=True, slots=True)
class LocalEngine:
    """The threads of this process, as every other command uses them."""

    analyzer: Analyzer

    def run(self, names: Sequence[str]) -> Generator[Look, None, None]:
        yield from look_at(self.analyzer, list(names))
