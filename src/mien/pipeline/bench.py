"""How long every stage takes on this machine: the figures behind `mien bench`."""

from __future__ import annotations

import platform
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from mien import __version__
from mien.core.errors import InputError
from mien.core.report import Json
from mien.core.types import LocatedFace
from mien.imaging.decode import Decoded
from mien.pipeline.analyze import Analyzer, asked_findings
from mien.pipeline.config import Config
from mien.pipeline.networks import Networks, Progress
from mien.runtime.engine import Compiled, Outputs
from mien.runtime.machine import cores, processor
from mien.runtime.session import OpenNetwork

WARM_UP, PASSES = 2, 3


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of the work, on one core.

    unit: what one call works on, "picture" or "face".
    milliseconds: the median of a call.    in_network: the part of it that the networks took.
    per_picture: milliseconds of this stage that a picture costs on average.
    """

    name: str
    unit: str
    milliseconds: float
    in_network: float
    per_picture: float

    def to_dict(self) -> Json:
        return {
            "stage": self.name,
            "unit": self.unit,
            "milliseconds": round(self.milliseconds, 3),
            "in_network": round(self.in_network, 3),
            "per_picture": round(self.per_picture, 3),
        }


@dataclass(frozen=True, slots=True)
class Speed:
    """What `measure` found.

    workers: pictures worked on side by side in the run as a whole, one core each.
    pictures_per_second: of that run: the median of several, decoding included.
    engines: model -> how it was run.
    """

    stages: tuple[Stage, ...]
    workers: int
    pictures: int
    faces: int
    pictures_per_second: float
    engines: dict[str, str]

    @property
    def faces_per_second(self) -> float:
        return self.pictures_per_second * self.faces / self.pictures

    def to_dict(self) -> Json:
        return {
            "stages": [stage.to_dict() for stage in self.stages],
            "whole": {
                "workers": self.workers,
                "pictures": self.pictures,
                "faces": self.faces,
                "pictures_per_second": round(self.pictures_per_second, 2),
                "faces_per_second": round(self.faces_per_second, 2),
            },
            "models": self.engines,
            "machine": {
                "processor": processor(),
                "cores": cores(),
                "platform": platform.platform(),
                "python": platform.python_version(),
            },
            "mien": __version__,
        }


class _Clock:
    """Seconds spent in networks by this thread since the last reading."""

    def __init__(self) -> None:
        self._here = threading.local()

    def add(self, seconds: float) -> None:
        self._here.seconds = getattr(self._here, "seconds", 0.0) + seconds

    def read(self) -> float:
        seconds: float = getattr(self._here, "seconds", 0.0)
        self._here.seconds = 0.0
        return seconds


@dataclass(frozen=True, slots=True, eq=False)
class _Timed:
    """A compiled network that adds its time to a clock."""

    compiled: Compiled
    clock: _Clock

    def run(self, pixels: NDArray[np.uint8]) -> Outputs:
        start = time.perf_counter()
        try:
            return self.compiled.run(pixels)
        finally:
            self.clock.add(time.perf_counter() - start)


class _TimedNetworks(Networks):
    def __init__(self, config: Config, progress: Callable[[str], Progress] | None, clock: _Clock) -> None:
        super().__init__(config, progress)
        self._clock = clock

    def get(self, name: str) -> OpenNetwork:
        opened = super().get(name)
        return replace(opened, compiled=_Timed(opened.compiled, self._clock))


@dataclass(slots=True)
class _Laps:
    """Durations of one stage's calls and the parts of them spent in networks, in seconds."""

    unit: str
    calls: list[float] = field(default_factory=list)
    in_network: list[float] = field(default_factory=list)

    def stage(self, name: str, pictures: int) -> Stage:
        middle = statistics.median(self.calls) if self.calls else 0.0
        network = statistics.median(self.in_network) if self.in_network else 0.0
        return Stage(name, self.unit, middle * 1e3, network * 1e3, sum(self.calls) * 1e3 / pictures)


@contextmanager
def _lap(laps: _Laps, clock: _Clock) -> Iterator[None]:
    clock.read()
    start = time.perf_counter()
    yield
    laps.calls.append(time.perf_counter() - start)
    laps.in_network.append(clock.read())


def measure(
    config: Config, pictures: Sequence[bytes], progress: Callable[[str], Progress] | None = None
) -> Speed:
    """Time every stage over these picture files, then all of it as `Analyzer.analyze_many` runs it.

    raises: InputError without pictures or where none shows a face, `ImageError`, `ModelError`.
    """
    if not pictures:
        raise InputError("there is no picture to measure with: pass pictures, or none to use rendered ones")
    clock = _Clock()
    analyzer = Analyzer(config, progress)
    analyzer.networks = _TimedNetworks(config, progress, clock)
    with analyzer:
        for data in pictures[:WARM_UP]:
            analyzer.analyze(data)
        stages, faces = _stages(analyzer, pictures, clock)
        if not faces:
            raise InputError("the pictures show no face that mien can find: pass others, or none")
        rate = _whole(analyzer, pictures)
        engines = {name: str(net.decision.choice) for name, net in analyzer.networks.opened().items()}
    return Speed(stages, config.streams or cores(), len(pictures), faces, rate, engines)


def _stages(analyzer: Analyzer, pictures: Sequence[bytes], clock: _Clock) -> tuple[tuple[Stage, ...], int]:
    decode, detect = _Laps("picture"), _Laps("picture")
    landmarks, embed = _Laps("face"), _Laps("face")
    for data in pictures:
        with _lap(decode, clock):
            picture: Decoded = analyzer.open(data)
        with _lap(detect, clock):
            found = analyzer.detector.detect(picture.image)
        for detection in found:
            face = LocatedFace(picture.image, detection)
            with _lap(landmarks, clock):
                analyzer.landmarker.locate(face)
            with _lap(embed, clock):
                analyzer.embedder.embed([face])
    # The embedder aligns and runs its network in one call: the network's part is told apart by the clock.
    align = _Laps("face", [a - b for a, b in zip(embed.calls, embed.in_network, strict=True)])
    network = _Laps("face", embed.in_network, embed.in_network)
    named = {"decode": decode, "detect": detect, "landmarks": landmarks, "align": align, "embed": network}
    return tuple(laps.stage(name, len(pictures)) for name, laps in named.items()), len(embed.calls)


def _whole(analyzer: Analyzer, pictures: Sequence[bytes]) -> float:
    """Pictures a second of a run over all of them with box, keypoints, landmarks, pose and embedding."""
    asked = sorted(asked_findings(None))
    rates = []
    for _ in range(PASSES):
        start = time.perf_counter()
        for report in analyzer.analyze_many(iter(pictures), asked):
            if report.error is not None:
                raise report.error
        rates.append(len(pictures) / (time.perf_counter() - start))
    return statistics.median(rates)
