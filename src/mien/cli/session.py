"""An analyzer for one command: its downloads show a progress bar on stderr."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mien.cli.output import warn
from mien.pipeline.analyze import Analyzer
from mien.pipeline.config import Config


def open_analyzer(config: Config, *, streams: int | None = None) -> Analyzer:
    """streams: networks run side by side; 1 gives the shortest answer to a single question."""
    return Analyzer(replace(config, streams=streams or config.streams), _announce)


def _announce(name: str) -> Callable[[int, int], None]:
    """Show a download as it comes; rich is imported only if there is one."""
    shown: list[object] = []

    def report(done: int, total: int) -> None:
        if not shown:
            warn(f"mien: fetching the model {name}, {total / 1e6:.1f} MB, once")
            shown.append(True)

    return report
