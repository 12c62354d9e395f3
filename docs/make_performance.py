"""Write docs/performance.md from benchmarks/results: ``python -m docs.make_performance``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_name("performance.md")
RESULTS = Path(__file__).resolve().parent.parent / "benchmarks" / "results"
HEAD = """# How fast, and at what cost

Generated from `benchmarks/results/*.json` by `python -m docs.make_performance`; do not edit. `mien
bench` measures your own machine. Each table names the command that made it; figures are medians, with
the least and the most in brackets. They were measured on {machine} with {versions}.
"""
SHARE = """## How much of the time is inference

`mien analyze` with `--only {only}`, warm, decoding included. The raw time is that of the same network
calls, replayed from memory through OpenVINO's own calls with the same arithmetic, streams and threads;
run and replay take turns. The share is raw time / pipeline time.
"""
PEERS = """## Beside what you would use instead

The same {photos} photos (`wild40`, 480 px), reading the files included, each library in its own
process, taking turns. A face is *true* where detectors of two different kinds agree on it (YuNet in
mien, OpenCV and DeepFace; CenterFace in mien's `accurate`; HOG in face_recognition); *unconfirmed* ones
were found by one kind only, and may be true all the same. `opencv:N` is OpenCV with N photos side by
side, which is not its default.
"""
START = """## Starting

`import mien` touches {touched}. The yardstick for `mien verify A B` (models cached, `balanced`) is a
bare script in a fresh process: import the engine (without its model converter, as mien does), read the
same files, compile the same networks with the same settings, run them on crops that lie ready.
"""
ENGINES = """## Engines

Milliseconds a call with all cores, one picture at a time, through mien's own session; all ways of a
network take turns. mien measures this once on each machine and remembers it (`mien doctor` tells),
among the arithmetic that the model's card allows.
"""
ARITHMETIC = """## What faster arithmetic costs

{photos} photos of `wild40`, OpenVINO, against fp32. Shifts are in distances between the eyes. TMR is
the true match rate in percent over all {genuine} same-person and {impostors} other pairs, the largest
face of each photo, at a false match rate of 1e-2, 1e-3 and 1e-4.
"""

TRIED = """## Tried, and left

What did not help, on the machine above with its other work going on, most of it for `fast`:

* Second looks at fewer faces: leaving those alone that score 0.87 and more, or whose cut-out does upright,
  misplaces the eyes of 223 and 198 of 663 turned faces of London; all turns on one sheet misplace none and
  cost two looks (`benchmarks/studies/second_look.py`). The face mesh as the judge of what is upright spares
  a quarter of the looks.
* Faces of several photos in one call of SFace: four at a time take 2.8 ms of processor time a face for
  3.3 ms (int8), bit for bit the same, but every worker has to hold four photos; compiled for any number of
  faces, a changing number takes 3.5 ms.
* A network of its own for each worker, in place of one network with as many streams: 4 to 6 % less
  processor time a call, for twice the compiling and memory.
* Floats in place of bytes as YuNet's input: two changes of layout less inside OpenVINO, 0.12 of 1.3 ms at
  320 x 320; making the floats costs most of that. Its first layer as one over a single, three times wider
  channel: 3 % in bf16, 6 to 8 % in fp32, for surgery on the graph.
* Photos with a fourth, empty byte a pixel, which Pillow takes without a copy: 0.08 of 0.54 ms of fitting
  a photo into the detector's frame; lost again where crops are interpolated.
* All strides of YuNet's answer in one go: 0.048 for 0.055 ms. Three, four or eight workers for six: as fast.
"""

Json = Any


def result(name: str) -> Json:
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table in Markdown; a column whose title starts with ">" is set flush right."""
    heads = [name.removeprefix(">") for name in columns]
    rules = ["---:" if name.startswith(">") else "---" for name in columns]
    lines = [heads, rules, *([str(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def ranged(figures: Json, unit: str = "", scale: float = 1, digits: int = 2) -> str:
    """
    >>> ranged({"median": 0.871, "min": 0.86, "max": 0.88}, " %", 100, 0)
    '87 % (86–88)'
    """
    middle, low, high = (f"{scale * figures[key]:.{digits}f}" for key in ("median", "min", "max"))
    return f"{middle}{unit} ({low}–{high})" if low != high else f"{middle}{unit}"


def made_by(found: Json) -> str:
    return f"`{found['command']}` ({found['date']}, load average {found['load_before']} before it)\n"


def performance_page() -> str:
    sections = [_head(), _share(), _peers(), _start(), _engines(), _arithmetic(), TRIED]
    return "\n".join(sections)


def _head() -> str:
    found = result("throughput")
    where, what = found["machine"], found["versions"]
    machine = f"{where['processor']}, {where['cores']} cores, {where['platform']}, Python {where['python']}"
    versions = ", ".join(f"{name} {number}" for name, number in what.items())
    return HEAD.format(machine=machine, versions=versions)


def _share() -> str:
    found = result("throughput")
    rows = [
        (
            one["photos_of"],
            one["profile"],
            one["photos"],
            ranged(one["photos_per_second"], digits=0),
            ranged(one["faces_per_second"], digits=0),
            ranged(one["share_of_inference"], " %", 100, 0),
        )
        for one in found["cases"]
    ]
    columns = ("photos", "profile", ">number", ">photos/s", ">faces/s", ">share of inference")
    memory = found["memory"]
    (late,) = (value for key, value in memory.items() if key not in ("after_50_mb", "growth_mb"))
    level = (
        f"Memory in use (RSS) after 50 photos: {memory['after_50_mb']:.0f} MB; after all:"
        f" {late:.0f} MB, a growth of {memory['growth_mb']:.0f} MB.\n"
    )
    only = ",".join(found["only"])
    return "\n".join([SHARE.format(only=only), table(columns, rows), level, made_by(found)])


def _peers() -> str:
    found = result("peers")
    libraries = found["libraries"]
    peers = [name for name in libraries if not name.startswith("mien:")]
    rows = [
        (
            name,
            ranged(one["faces_per_second"], digits=1),
            one["peak_mb"],
            one["true"],
            one["true_missed"],
            one["not_confirmed"],
            ", ".join(f"{what} {number}" for what, number in one["versions"].items()),
        )
        for name, one in libraries.items()
    ]
    columns = (
        "library", ">faces/s", ">peak memory, MB", ">true faces", ">missed", ">unconfirmed", "version"
    )  # fmt: skip
    ratios = [
        (ours, *(f"{ranged(against[peer], digits=1)}×" for peer in peers))
        for ours, against in found["faster_than"].items()
    ]
    aims = "; ".join(f"{least}× {name}" for name, least in found["aims"].items())
    return "\n".join(
        [
            PEERS.format(photos=found["photos"]),
            table(columns, rows),
            f"Faces a second, against each (aims: {aims}):\n",
            table(("faster than", *(f">{peer}" for peer in peers)), ratios),
            made_by(found),
        ]
    )


def _start() -> str:
    found = result("startup")
    took, answer = found["import"]["seconds"], found["verify"]
    rows = [
        ("`import mien`", ranged(took["mien"], digits=4)),
        ("`import mien` and its recognition", ranged(took["mien.pipeline.api"], digits=2)),
        ("`import numpy` alone", ranged(took["numpy"], digits=2)),
        ("`import openvino` alone", ranged(took["openvino"], digits=2)),
        ("`mien verify A B`", ranged(answer["verify_seconds"])),
        ("bare load and run of its models", ranged(answer["load_and_run_seconds"])),
    ]
    touched = "no file but Python's own modules, and no socket" if not found["import"]["touched"] else "files"
    ratio = f"Ratio of the last two, pair by pair: {ranged(answer['ratio'])} (aim: below 1.5).\n"
    return "\n".join(
        [START.format(touched=touched), table(("what", ">seconds"), rows), ratio, made_by(found)]
    )


def _engines() -> str:
    found = result("engines")
    ways = sorted({way for one in found["networks"].values() for way in one["milliseconds"]})
    rows = [
        (name, found["fed_with"][name], *(one["milliseconds"].get(way, "–") for way in ways))
        for name, one in found["networks"].items()
    ]
    streams = found["pictures_per_second"]
    kinds = list(next(iter(streams.values())))
    sizes = list(next(iter(found["sface_ms_a_face_by_batch"].values())))
    shaped = found["yunet_by_shape"]
    parts = [
        ENGINES,
        table(("network", "picture", *(f">{way}" for way in ways)), rows),
        "Pictures a second, one network over all cores against one stream a core:\n",
        table(
            ("network", *(f">{kind}" for kind in kinds)), [(n, *one.values()) for n, one in streams.items()]
        ),
        "Milliseconds a face of SFace on one core, by how many go in at once:\n",
        table(
            ("arithmetic", *(f">{size}" for size in sizes)),
            [(name, *one.values()) for name, one in found["sface_ms_a_face_by_batch"].items()],
        ),
        "Milliseconds of YuNet on one core, compiled for any size, and for this alone as in `fast`:\n",
        table(
            ("arithmetic", "picture", ">any size", ">this size", ">compiling once more"),
            [
                (name, size, one["any size"], one["this size"], one["compile_ms"])
                for name, sized in shaped.items()
                for size, one in sized.items()
            ],
        ),
    ]
    return "\n".join([*parts, made_by(found)])


def _arithmetic() -> str:
    found = result("precisions")
    pairs = next(iter(found["embedding"]["balanced"].values()))
    embedded = [
        (
            profile,
            name,
            one["cosine_to_fp32"]["median"],
            one["cosine_to_fp32"]["p5"],
            one["cosine_to_fp32"]["min"],
            *(one[f"tmr_at_1e-0{power}"] for power in (2, 3, 4)),
        )
        for profile, ways in found["embedding"].items()
        for name, one in ways.items()
    ]
    shifted = [
        (name, what.replace("_", " "), *(one[what][key] for key in ("median", "p95", "max")))
        for name, one in found.items()
        if isinstance(one, dict) and name.endswith("bf16")
        for what in one
        if what.endswith("distances")
    ]
    count = "; ".join(
        f"{name}: of {one['faces']} faces {one['lost']} lost, {one['gained']} gained"
        for name, one in found.items()
        if isinstance(one, dict) and "lost" in one
    )
    said = ARITHMETIC.format(
        photos=found["photos"], genuine=f"{pairs['genuine']:,}", impostors=f"{pairs['impostors']:,}"
    )
    return "\n".join(
        [
            said,
            table(
                (
                    "profile",
                    "arithmetic",
                    ">cosine to fp32",
                    ">5th percentile",
                    ">least",
                    ">TMR 1e-2",
                    ">1e-3",
                    ">1e-4",
                ),
                embedded,
            ),
            table(("network", "what moves", ">median", ">95 %", ">most"), shifted),
            f"{count}.\n",
            made_by(found),
        ]
    )


if __name__ == "__main__":
    PAGE.write_text(performance_page(), encoding="utf-8")
