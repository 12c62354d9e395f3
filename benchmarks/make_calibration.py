"""Measure what a similarity is worth and write the calibration that ships (docs/calibration.md).

    python -m benchmarks.make_calibration --embedder sface [--quick]

Impostor pairs: FairFace, adults of the same sex and age band. Genuine pairs: London, neutral against smiling,
each under the conditions of `benchmarks.degradations`. Nothing is fitted to wild40 and celeba10k: they check.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import calibration_data as data
from benchmarks.calibration_data import Embed, Faces, Pixels
from benchmarks.calibration_pairs import (
    genuine_scores,
    impostor_pairs,
    labelled_pairs,
    likely_mates,
    rows_in,
    without,
)
from benchmarks.calibration_report import group_rates, held_out, markdown, populations
from mien.embedding.calibration import QUICK
from mien.embedding.fuse import JOINT
from mien.evaluation.calibrate import make_calibration

JUDGES = ("sface", "dlib_resnet")
"""Two networks, trained by different people on different photos, that find FairFace's unknown mates."""
SHIPPED = Path("src/mien/zoo/cards/calibration")
MADE_ON = (
    "Strangers: {impostors:,} pairs of FairFace photos (CC BY 4.0, Kärkkäinen & Joo) of two adults of "
    "the same sex and age band, less {mates:,} pairs that look like one person photographed twice. "
    "Same person: London Set (CC BY 4.0, DeBruine & Jones), {people} adults, neutral against smiling, "
    "under {conditions} conditions from studio to bad camera."
)


def main() -> None:
    given = options()
    sets = {
        name: embedded(given, given.embedder, name, quick=given.quick)
        for name in ("fairface", "london", "wild40", "celeba10k")
    }
    strangers, london = sets["fairface"], sets["london"]
    judges = [embedded(given, name, "fairface") for name in JUDGES]
    mates = rows_in(strangers, judges[0], likely_mates(*judges))
    everyone = impostor_pairs(strangers, ("gender", "age"))
    pairs = without(everyone, mates)
    genuine = genuine_scores(london)
    facts: dict[str, Any] = {
        "embedder": given.embedder,
        "models": _hashes(given.embedder),
        "made_on": MADE_ON.format(
            impostors=len(pairs.scores),
            mates=everyone.total - pairs.total,
            people=len(np.unique(london.labels["person"])),
            conditions=len(np.unique(london.labels["condition"])),
        ),
        "command": f"python -m benchmarks.make_calibration --embedder {given.embedder} "
        f"{'--quick ' if given.quick else ''}--every {given.every}",
        "pictures": len(strangers) + len(london),
        "subjects": len(strangers) + len(np.unique(london.labels["person"])),
        "least_false_matches": max(30, round(1e-5 * len(pairs.scores))),
    }
    first = make_calibration(genuine, pairs.scores, pairs.people, **facts)
    details = {
        "failures_to_acquire": {name: dict(faces.failed) for name, faces in sets.items()},
        "likely_mates_left_out": everyone.total - pairs.total,
        "populations": populations(strangers, mates, first),
        "held_out": {name: held_out(labelled_pairs(sets[name]), first) for name in ("wild40", "celeba10k")},
        "groups": group_rates(strangers, mates, first),
    }
    made = replace(first, details=details)
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / f"{title(given.embedder, given.quick)}.json").write_text(made.to_json())
    print(markdown(made))


def options(out: Path = SHIPPED) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the calibration of an embedder.")
    parser.add_argument("--embedder", default="sface", help="a card's name, or fused names joined by +")
    parser.add_argument("--quick", action="store_true", help="as the profile fast runs it")
    parser.add_argument("--shared", type=Path, default=Path(os.environ.get("MIEN_SHARED", "../shared")))
    parser.add_argument("--cache", type=Path, help="keep embeddings here (npz), and take them from here")
    parser.add_argument("--out", type=Path, default=out)
    parser.add_argument(
        "--every", type=int, default=1, help="use every n-th photo of the large sets (a trial)"
    )
    return parser.parse_args()


def title(embedder: str, quick: bool) -> str:
    """What a calibration is called (`mien.embedding.calibration.shipped_calibration` looks for it)."""
    return embedder + QUICK if quick else embedder


def embedded(given: argparse.Namespace, embedder: str, name: str, *, quick: bool = False) -> Faces:
    file = given.cache and given.cache / f"{title(embedder, quick)}-{name}-{given.every}.npz"
    if file and file.exists():
        return data.load_faces(file)
    folder = given.shared / "data" / name
    rows, part = {
        "fairface": lambda: (data.fairface(folder, given.every), "race"),
        "london": lambda: (data.london(folder), "condition"),
        "wild40": lambda: (data.wild40(folder), "set"),
        "celeba10k": lambda: (data.celeba10k(folder, given.every), "set"),
    }[name]()
    faces = data.collect(rows, _pipeline(embedder, quick), part)
    if file:
        given.cache.mkdir(parents=True, exist_ok=True)
        faces.save(file)
    return faces


def _pipeline(embedder: str, quick: bool) -> Embed:
    """What users run: a fusion comes with the accurate profile's views, a single network with the default's,
    or with all that the profile fast does to it.

    The detector is YuNet for all, so that every embedder fails on the same pictures.
    """
    from concurrent.futures import ThreadPoolExecutor

    from mien.core.errors import NoFaceFound
    from mien.evaluation.acquire import embed_the_face
    from mien.pipeline.analyze import Analyzer
    from mien.pipeline.config import configure

    profile = "fast" if quick else "accurate" if JOINT in embedder else "balanced"
    analyzer = Analyzer(configure(profile, models=f"yunet,{embedder}"))

    def one(pixels: Pixels) -> NDArray[np.float32] | None:
        try:
            return embed_the_face(analyzer, pixels).vector
        except NoFaceFound:
            return None

    def embed(pictures: Iterable[Pixels]) -> Iterator[NDArray[np.float32] | None]:
        # In portions: the executor would otherwise decode every picture ahead.
        with ThreadPoolExecutor(2) as pool:
            portion: list[Pixels] = []
            for pixels in pictures:
                portion.append(pixels)
                if len(portion) == 64:
                    yield from pool.map(one, portion)
                    portion = []
            yield from pool.map(one, portion)

    return embed


def _hashes(embedder: str) -> dict[str, str]:
    from mien.zoo.registry import card

    return {name: card(name).sha256 for name in embedder.split("+")}


if __name__ == "__main__":
    main()
