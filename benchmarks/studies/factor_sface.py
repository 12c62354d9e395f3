"""SFace several times smaller by thin layers: what the fit costs, what training wins back, and int8 on top.

    python -m benchmarks.studies.factor_sface --work DIR [--times 4,6] [--no-train] [--sample 2400]
        [--set run.epochs=10]

Learns from FairFace's training part and the London set (nobody of them is in wild40), measures on every pair
of wild40: TMR at FMR 1e-2, 1e-3 and 1e-4, each with the 95 % interval of the paired difference by drawing
people. SFace in int8 alone is measured as well, which is the thing to beat. A size that the JSON has already
is kept. Speed: one crop in one stream, both networks taking turns. Answers of the teacher, fitted networks,
what the trunk makes and checkpoints stay in --work, so a study that was stopped goes on; the weights are
SFace's and stay there, too.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.measuring import PACKAGES, RESULTS, arguments, report, versions
from benchmarks.studies.lab import data_folder

from mien.compression.accuracy import compare_accuracy, trial_of_people
from mien.compression.compare import Bench, prepare_bench
from mien.compression.crops import embed_crops
from mien.compression.distill import lessons_folder
from mien.compression.factor import factorise
from mien.compression.factor_graph import shapes_of
from mien.compression.factored import Factored, load_factored, save_factored
from mien.compression.graph import prepare, weights_of
from mien.compression.polish import polish
from mien.compression.quantize import to_int8
from mien.compression.recipes import read_compress_recipe
from mien.compression.result import new_card
from mien.compression.speed import compare_speed
from mien.compression.teacher import Lessons, ask_teacher
from mien.core.modelcard import ModelCard
from mien.imaging.sources import iter_pictures
from mien.pipeline.analyze import Analyzer
from mien.pipeline.config import configure
from mien.runtime.session import open_network
from mien.zoo.registry import card
from mien.zoo.store import fetch

RATES = (1e-2, 1e-3, 1e-4)
SAMPLE = 2400  # crops that the layers are fitted on and checked with
LEARN_FROM = ("fairface/train", "london")


def prepared(work: Path, source: ModelCard) -> tuple[Lessons, Bench]:
    listed = [Path(one) for one in iter_pictures([str(data_folder(name)) for name in LEARN_FROM])]
    with Analyzer(configure("balanced", models=source.name)) as analyzer:
        lessons = ask_teacher(analyzer, analyzer.networks.get(source.name), listed, lessons_folder(work))
        trial, _ = trial_of_people(data_folder("wild40"))
        return lessons, prepare_bench(analyzer, source, trial)


def measure(bench: Bench, before: tuple[ModelCard, bytes], after: tuple[ModelCard, bytes]) -> dict[str, Any]:
    """Accuracy at three rates, speed, sizes."""
    networks = [open_network(one, data, notebook=bench.notebook) for one, data in (before, after)]
    first, second = (embed_crops(network, bench.crops.pixels) for network in networks)
    found = {
        f"{rate:g}": compare_accuracy(bench.trial, bench.crops.picture, first, second, rate).to_dict()
        for rate in RATES
    }
    cosine = float(np.einsum("ij,ij->i", first, second).mean())
    return {
        "accuracy": found,
        "cosine": cosine,
        "speed": compare_speed(*networks, bench.crops.pixels[:16]).to_dict(),
        "bytes": len(after[1]),
        "times_smaller": len(before[1]) / len(after[1]),
    }


def multiplications(data: bytes) -> int:
    """Multiply-adds of one crop in convolutions and full layers."""
    model = prepare(data)
    shapes, weights = shapes_of(model), weights_of(model.graph)
    total = 0
    for node in model.graph.node:
        if node.op_type in ("Conv", "Gemm") and node.input[1] in weights:
            places = int(np.prod(shapes.get(node.output[0], ())[2:]))
            total += weights[node.input[1]].size * places
    return total


def fitted(
    work: Path, data: bytes, source: ModelCard, lessons: Lessons, times: float, sample: int
) -> Factored:
    made = load_factored(work, data, times)
    if made is None:
        made = factorise(data, source, lessons.some(sample), times=times)
        save_factored(work, data, times, made)
    return made


def once(chosen: argparse.Namespace, times: float, lessons: Lessons, bench: Bench) -> Mapping[str, Any]:
    """Everything about one size."""
    source = card("sface")
    data = fetch(source)
    here = chosen.work / f"times-{times:g}"
    made = fitted(here, data, source, lessons, times, chosen.sample)
    stages = {"fitted": made.data}
    if chosen.train:
        recipe = read_compress_recipe("polish", chosen.changes)
        trained = polish(recipe, data, made, source, lessons, here, resume=True)
        if trained is None:
            raise SystemExit("stopped; the same command goes on")
        stages["trained"] = trained
    found: dict[str, Any] = {"ranks": dict(made.ranks), "parity_of_fit": made.parity.to_dict()}
    for name, after in stages.items():
        found[name] = measure(bench, (source, data), (named(source, name, after), after))
        found[f"{name}, int8"] = measure(bench, (source, data), in_int8(name, after, lessons))
    found["parameters"] = list(made.weights)
    found["multiply_adds"] = [multiplications(data), multiplications(made.data)]
    return found


def in_int8(name: str, data: bytes, lessons: Lessons) -> tuple[ModelCard, bytes]:
    """Card and file of a network in int8, calibrated on faces of the lessons."""
    target = named(card("sface"), name, data)
    made = to_int8(data, target, lessons.some(256))
    return new_card(card("sface"), f"{target.name}_int8", made.data, "", ("int8",)), made.data


def named(source: ModelCard, name: str, data: bytes) -> ModelCard:
    return new_card(source, f"{source.name}_{name}", data, "", source.precisions)


def main() -> None:
    parser = arguments("studies.factor_sface", __doc__)
    parser.set_defaults(json=RESULTS / "factor_sface.json")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--times", default="4")
    parser.add_argument("--train", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--sample", type=int, default=SAMPLE)
    parser.add_argument("--set", dest="changes", action="append", default=[])
    chosen = parser.parse_args()
    source = card("sface")
    lessons, bench = prepared(chosen.work, source)
    known = json.loads(chosen.json.read_text()) if chosen.json.is_file() else {}
    figures: dict[str, Any] = {
        "versions": versions((*PACKAGES, "torch", "onnx")),
        "faces": len(lessons),
        "learned_from": LEARN_FROM,
        **{key: known[key] for key in ("int8", "times") if key in known},
    }
    if "int8" not in figures:
        before = source, fetch(source)
        figures["int8"] = measure(bench, before, in_int8("whole", before[1], lessons))
        report("studies.factor_sface", figures, chosen.json)
    for times in chosen.times.split(","):
        sizes = figures.get("times", {})
        if times in sizes:
            continue
        how: dict[str, Any] = {
            "sample": chosen.sample,
            "recipe": ["polish", *chosen.changes] if chosen.train else None,
        }
        sizes = sizes | {times: {**how, **once(chosen, float(times), lessons, bench)}}
        figures["times"] = {key: sizes[key] for key in sorted(sizes, key=float)}
        report("studies.factor_sface", figures, chosen.json)


if __name__ == "__main__":
    main()
