"""Every way to run every network of the profiles, side by side: engine, arithmetic, streams, batches, shapes.

python -m benchmarks.engines [--seconds S] [--json OUT]

All ways of one network take turns, call by call, so that a slower moment of the machine touches all alike.
What the arithmetic costs in accuracy is measured by `benchmarks.precisions`.
"""

from __future__ import annotations

import statistics
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.bare import compile_bare, run
from benchmarks.measuring import Json, arguments, report
from mien.core.errors import MienError
from mien.runtime.choose import ENGINES
from mien.runtime.engine import Choice
from mien.runtime.machine import cores
from mien.runtime.session import readable
from mien.zoo.registry import card
from mien.zoo.store import fetch

NETWORKS = {  # name -> the picture it is fed: height, width
    "yunet": (384, 480),
    "centerface": (384, 480),
    "mesh468": (192, 192),
    "iris": (64, 64),
    "sface": (112, 112),
    "dlib_resnet": (150, 150),
}
BATCHES = (1, 2, 4, 8)
SHAPES = ((256, 320), (384, 480), (480, 640), (640, 640))
Call = Callable[[], object]


def take_turns(ways: Mapping[str, Call], seconds: float) -> dict[str, float]:
    """Milliseconds of a call: the median over rounds in which every way runs once."""
    for call in ways.values():
        call()
    times: dict[str, list[float]] = {name: [] for name in ways}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(next(iter(times.values()))) < 5:
        for name, call in ways.items():
            start = time.perf_counter()
            call()
            times[name].append(time.perf_counter() - start)
    return {name: round(1e3 * statistics.median(found), 3) for name, found in times.items()}


def picture(height: int, width: int, batch: int = 1) -> Any:
    return np.random.default_rng(3).integers(0, 256, (batch, height, width, 3), np.uint8)


def bytes_of(name: str) -> bytes:
    return readable(card(name), fetch(card(name)))


def engine_ways(name: str, seconds: float) -> Json:
    """One picture at a time over all cores, through mien's own session: the figures that decide."""
    pixels = picture(*NETWORKS[name])
    ways: dict[str, Call] = {}
    refused: dict[str, str] = {}
    for engine, module in ENGINES.items():
        for precision in ("fp32", "bf16", *(["int8"] if card(name).ranges else [])):
            choice = Choice(engine, precision)  # type: ignore[arg-type]  # all are Precisions
            fits = engine != "onnxruntime" or card(name).format != "tflite"
            fits &= engine != "litert" or card(name).format == "tflite"
            if not fits or module.version() is None or (engine != "openvino" and precision != "fp32"):
                continue
            try:
                network = module.compile(card(name), bytes_of(name), choice, 1)
                network.run(pixels)
            except MienError as error:
                refused[str(choice)] = str(error)
            else:
                ways[str(choice)] = lambda network=network: network.run(pixels)  # type: ignore[misc]  # bound now
    return {"milliseconds": take_turns(ways, seconds), "refused": refused}


def side_by_side(name: str, precision: str, seconds: float) -> Json:
    """Pictures a second: one stream over all cores, against a stream and a thread a core."""
    how, pixels, count = card(name).preprocess, picture(*NETWORKS[name]), cores()

    def network(streams: int) -> Callable[[], Any]:
        made = compile_bare(
            bytes_of(name),
            layout=how.layout,
            shape=(1, how.height or -1, how.width or -1),
            precision=precision,
            streams=streams,
            threads=count,
            ranges=card(name).ranges,
        )
        return made.request

    def together(requests: Sequence[Any], calls: int = 8) -> None:
        def work(request: Any) -> None:
            for _ in range(calls):
                run(request, pixels)

        threads = [threading.Thread(target=work, args=(request,)) for request in requests]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    one, many = network(1)(), network(count)
    requests = [many() for _ in range(count)]
    found = take_turns({"one": lambda: together([one]), "many": lambda: together(requests)}, seconds)
    return {
        f"1 stream x {count} threads": round(8e3 / found["one"], 1),
        f"{count} streams x 1 thread": round(8e3 * count / found["many"], 1),
    }


def batches(precision: str, seconds: float) -> Json:
    """Milliseconds a face of SFace on one core, by how many go in at once."""

    def way(size: int) -> Call:
        made = compile_bare(
            bytes_of("sface"),
            layout="nchw",
            shape=(size, 112, 112),
            precision=precision,
            streams=1,
            threads=1,
            ranges=card("sface").ranges,
        )
        request, pixels = made.request(), picture(112, 112, size)
        return lambda: run(request, pixels)

    found = take_turns({str(size): way(size) for size in BATCHES}, seconds)
    return {size: round(found[size] / int(size), 3) for size in found}


def shapes(precision: str, seconds: float) -> Json:
    """YuNet on one core, compiled for any size and for this one; and what compiling costs."""
    found: Json = {}
    for height, width in SHAPES:
        ways: dict[str, Call] = {}
        compiling = 0.0
        for name, size in (("any size", (1, -1, -1)), ("this size", (1, height, width))):
            start = time.perf_counter()
            made = compile_bare(
                bytes_of("yunet"),
                layout="nchw",
                shape=size,
                precision=precision,
                streams=1,
                threads=1,
                reverse=True,
            )
            compiling = time.perf_counter() - start
            request, pixels = made.request(), picture(height, width)
            ways[name] = lambda request=request, pixels=pixels: run(request, pixels)  # type: ignore[misc]
        found[f"{width}x{height}"] = {**take_turns(ways, seconds), "compile_ms": round(1e3 * compiling)}
    return found


def main() -> None:
    parser = arguments("engines", __doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each comparison")
    given = parser.parse_args()
    networks: Json = {}
    for name in NETWORKS:
        try:
            networks[name] = engine_ways(name, given.seconds)
        except MienError as error:
            networks[name] = {"milliseconds": {}, "refused": {"all": str(error)}}
        print(name, networks[name], file=sys.stderr)
    figures: Json = {
        "fed_with": {name: f"{width}x{height}" for name, (height, width) in NETWORKS.items()},
        "networks": networks,
        "pictures_per_second": {
            f"{name} {precision}": side_by_side(name, precision, given.seconds)
            for name, precision in (
                ("sface", "fp32"),
                ("sface", "bf16"),
                ("sface", "int8"),
                ("yunet", "fp32"),
                ("yunet", "bf16"),
            )
        },
        "sface_ms_a_face_by_batch": {name: batches(name, given.seconds) for name in ("fp32", "bf16", "int8")},
        "yunet_by_shape": {name: shapes(name, given.seconds / 2) for name in ("fp32", "bf16")},
    }
    report("engines", figures, given.json)


if __name__ == "__main__":
    main()
