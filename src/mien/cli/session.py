"""An analyzer for one command: its downloads are said on stderr."""

from __future__ import annotations

from dataclasses import replace

from mien.cli.downloads import announced
from mien.pipeline.analyze import Analyzer
from mien.pipeline.config import Config


def open_analyzer(config: Config, *, streams: int | None = None) -> Analyzer:
    """streams: networks run side by side; 1 gives the shortest answer to a single question."""
    return Analyzer(replace(config, streams=streams or config.streams), announced)
