"""How much of the time of `mien analyze` over a folder is model inference, and does memory grow?

python -m benchmarks.throughput [--json OUT]

The networks' inputs of a run are recorded, then replayed from memory through the bare engine (OpenVINO's own
calls, same precision, same number of streams and threads): the raw time. Run and replay take turns; the share
of inference is raw time / pipeline time of each pair. All of it is warm: models are compiled before.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.bare import BareNetwork, compile_bare, run
from benchmarks.measuring import Json, arguments, photos, report, spread
from mien.pipeline.analyze import Analyzer
from mien.pipeline.config import Config, configure
from mien.pipeline.networks import Networks
from mien.runtime.engine import Compiled, Outputs
from mien.runtime.machine import cores
from mien.runtime.session import OpenNetwork, readable
from mien.zoo.registry import card
from mien.zoo.store import fetch

ONLY = ("box", "keypoints", "embedding")
CASES = (  # name, folder, photos, profile, pairs
    ("wild40, 480 px", "wild40", 300, "balanced", 5),
    ("wild40, 480 px", "wild40", 300, "fast", 5),
    ("wild40, 480 px", "wild40", 300, "accurate", 2),
    ("London, 800 px", "london", 300, "balanced", 2),
    ("cctwelve, 1600 px", "cctwelve", 300, "balanced", 2),
)
Call = tuple[str, NDArray[np.uint8]]


@dataclass(frozen=True, slots=True, eq=False)
class Recorder:
    """A compiled network that keeps what it was fed."""

    name: str
    compiled: Compiled
    calls: list[Call]

    def run(self, pixels: NDArray[np.uint8]) -> Outputs:
        self.calls.append((self.name, np.require(pixels.copy(), requirements=["C", "W"])))
        return self.compiled.run(pixels)


class RecordingNetworks(Networks):
    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.calls: list[Call] = []

    def get(self, name: str) -> OpenNetwork:
        opened = super().get(name)
        return replace(opened, compiled=Recorder(name, opened.compiled, self.calls))


def record(config: Config, sources: Sequence[str]) -> tuple[list[list[Call]], int, dict[str, OpenNetwork]]:
    """The network calls of each photo, the number of faces, and the networks as they were opened."""
    analyzer = Analyzer(config)
    networks = analyzer.networks = RecordingNetworks(config)
    kept, faces = [], 0
    for source in sources:
        networks.calls.clear()
        faces += len(analyzer.analyze(source, ONLY))
        kept.append(list(networks.calls))
    return kept, faces, networks.opened()


def bare_networks(opened: dict[str, OpenNetwork], streams: int) -> dict[str, BareNetwork]:
    """The same networks in the bare engine."""
    made = {}
    for name, network in opened.items():
        choice, how = network.decision.choice, network.card.preprocess
        if choice.engine != "openvino":
            raise SystemExit(f"{name} runs on {choice} here; the raw time is only measured for OpenVINO")
        data: bytes | str = readable(card(name), fetch(card(name)))
        if card(name).format == "tflite":
            file = Path(tempfile.mkdtemp(), "model.tflite")
            file.write_bytes(fetch(card(name)))
            data = str(file)
        made[name] = compile_bare(
            data,
            layout=how.layout,
            shape=(1, how.height or -1, how.width or -1),
            precision=choice.precision,
            streams=streams,
            threads=max(cores(), streams),
            reverse=how.colour == "bgr",
            mean=how.mean,
            std=how.std,
            ranges=network.card.ranges,
        )
    return made


def replayer(
    kept: Sequence[list[Call]], networks: dict[str, BareNetwork], workers: int
) -> Callable[[], None]:
    """A function that runs all calls, photo by photo, in as many threads as the pipeline has."""
    own = threading.local()

    def replay(calls: list[Call]) -> None:
        requests: dict[str, Any] = own.__dict__
        for name, pixels in calls:
            if name not in requests:
                requests[name] = networks[name].request()
            for row in range(len(pixels)):
                run(requests[name], pixels[row : row + 1])

    pool = ThreadPoolExecutor(workers)
    return lambda: [*pool.map(replay, kept)].clear()


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def case(folder: str, count: int, profile: str, pairs: int) -> Json:
    workers = cores()
    config = replace(configure(profile), streams=workers)
    sources = photos(folder, count)
    kept, faces, opened = record(config, sources)
    replay = replayer(kept, bare_networks(opened, workers), workers)
    with Analyzer(config) as analyzer:

        def pipeline() -> int:
            return sum(len(one.faces) for one in analyzer.analyze_many(sources, ONLY))

        pipeline()
        replay()
        rounds = []
        for turn in range(pairs):
            first, second = (pipeline, replay) if turn % 2 else (replay, pipeline)
            times = {first: seconds(first), second: seconds(second)}
            rounds.append((times[pipeline], times[replay]))
    return {
        "photos": count,
        "faces": faces,
        "calls": sum(len(calls) for calls in kept),
        "workers": workers,
        "engines": {name: str(network.decision.choice) for name, network in sorted(opened.items())},
        "pipeline_seconds": spread([a for a, _ in rounds]),
        "raw_seconds": spread([b for _, b in rounds]),
        "share_of_inference": spread([b / a for a, b in rounds]),
        "photos_per_second": spread([count / a for a, _ in rounds], 1),
        "faces_per_second": spread([faces / a for a, _ in rounds], 1),
    }


MEMORY = """
import sys
from mien.pipeline.analyze import Analyzer
from mien.pipeline.config import configure
def resident():
    for line in open("/proc/self/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
analyzer = Analyzer(configure("balanced"))
only, sources = tuple(sys.argv[1].split(",")), sys.stdin.read().split("\\n")
for done, found in enumerate(analyzer.analyze_many(sources, only), 1):
    if done in (50, len(sources)):
        print(resident())
"""


def memory(folder: str, count: int) -> Json:
    """MB in use by a fresh process after 50 photos and after all of them."""
    command = [sys.executable, "-c", MEMORY, ",".join(ONLY)]
    done = subprocess.run(
        command, input="\n".join(photos(folder, count)), capture_output=True, text=True, check=True
    )
    early, late = map(float, done.stdout.split())
    return {
        "after_50_mb": round(early, 1),
        f"after_{count}_mb": round(late, 1),
        "growth_mb": round(late - early, 1),
    }


def main() -> None:
    parser = arguments("throughput", __doc__)
    parser.add_argument("--photos", type=int, help="fewer, to try it")
    parser.add_argument("--pairs", type=int, help="fewer, to try it")
    given = parser.parse_args()
    os.environ["MIEN_ENGINE"] = "openvino"  # the bare runs know no other
    found = []
    for name, folder, count, profile, pairs in CASES:
        figures = case(folder, given.photos or count, profile, given.pairs or pairs)
        found.append({"photos_of": name, "profile": profile, **figures})
        print(name, profile, figures["share_of_inference"], figures["photos_per_second"], file=sys.stderr)
    figures = {"only": list(ONLY), "cases": found, "memory": memory("wild40", given.photos or 300)}
    report("throughput", figures, given.json)


if __name__ == "__main__":
    main()
