"""Before and after: one network and what was made of it, on the same crops, pairs and machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mien.compression.accuracy import DEFAULT_FMR, AccuracyChange, Trial, compare_accuracy
from mien.compression.crops import Crops, cut_crops, embed_crops
from mien.compression.guard import Change, Comparison
from mien.compression.speed import compare_speed
from mien.core.modelcard import ModelCard
from mien.core.protocols import Network
from mien.pipeline.analyze import Analyzer
from mien.runtime.session import OpenNetwork, open_network

TIMED = 16  # crops that take part in the timing


@dataclass(frozen=True, slots=True, eq=False)
class Bench:
    """What every candidate of one compression is measured on; the crops are cut once.

    fmr: the error rate at which accuracy is compared.    notebook: remembers which engine is fastest here.
    """

    trial: Trial
    crops: Crops
    fmr: float = DEFAULT_FMR
    notebook: Path | None = None

    def change(self, before: Network, after: Network) -> AccuracyChange:
        first, second = (embed_crops(network, self.crops.pixels) for network in (before, after))
        return compare_accuracy(self.trial, self.crops.picture, first, second, self.fmr)


class Measured(Protocol):
    """What two networks can be measured on: the crops they are fed, and how well each does with them."""

    @property
    def crops(self) -> Crops: ...

    @property
    def notebook(self) -> Path | None: ...

    def change(self, before: Network, after: Network) -> Change: ...


def prepare_bench(
    analyzer: Analyzer,
    card: ModelCard,
    trial: Trial,
    fmr: float = DEFAULT_FMR,
    which: str = "center",
    done: Callable[[], object] = lambda: None,
) -> Bench:
    """Cut the crops of a trial for a network of this card's template."""
    crops = cut_crops(analyzer, card, trial.pictures, which, done)
    return Bench(trial, crops, fmr, analyzer.config.cache / "engines.json")


def compare(bench: Measured, before: tuple[ModelCard, bytes], after: tuple[ModelCard, bytes]) -> Comparison:
    """Measure two networks; each runs on the engine that is fastest for it on this machine."""
    networks = [open_network(card, data, notebook=bench.notebook) for card, data in (before, after)]
    return compare_networks(bench, networks[0], networks[1], len(before[1]), len(after[1]))


def compare_networks(
    bench: Measured, before: OpenNetwork, after: OpenNetwork, size_before: int, size_after: int
) -> Comparison:
    return Comparison(
        accuracy=bench.change(before, after),
        speed=compare_speed(before, after, bench.crops.pixels[:TIMED]),
        size_before=size_before,
        size_after=size_after,
    )
