"""Does `mien explain` tell the truth? Hiding what it calls important must lower the similarity fastest.

    python -m benchmarks.studies.explain [--pairs 40] [--methods rise,gradient] [--json OUT]

Two photos each of the people of $MIEN_SHARED/data/wild40. One of them loses cell after cell of a 14 x 14 grid
(blurred), in the order of the heat map, at random (mean of five orders), and from the middle outwards (what
a map that knows nothing of the face would say); the area under the similarity is the deletion figure, that
under it while cells come back in the same order the insertion figure. Intervals: 95 %, by person.
Methods that the JSON has already stay in it where the pairs are the same.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mien.core.errors import NoFaceFound
from mien.core.types import LocatedFace
from mien.detection.select import select
from mien.embedding.compare import cosine
from mien.evaluation.metrics.person_bootstrap import mean_interval
from mien.evaluation.metrics.saliency import cell_order, curve_area, deletion_masks
from mien.evaluation.own import folder_of_people
from mien.pipeline.analyze import Analyzer
from mien.pipeline.explain import METHODS, HiddenFace, heat_of, hiding_masks, similarities
from mien.training.saliency import Gradients

CELLS, STEPS, RANDOM = 14, 14, 5
ALIKE = 0.002  # areas of one order in two runs


def faces_of(analyzer: Analyzer, pictures: list[Path]) -> list[HiddenFace]:
    """The first two pictures of a person whose faces are found."""
    found = []
    for path in pictures:
        picture = analyzer.open(path)
        image = picture.image
        try:
            seen = analyzer.find(picture)
            chosen = select(seen, "center", image.width, image.height, path.name)
        except NoFaceFound:
            continue
        found.append(HiddenFace(analyzer.embedder, LocatedFace(image, seen[chosen])))
        if len(found) == 2:
            break
    return found


def areas(face: HiddenFace, other: HiddenFace, order: np.ndarray) -> tuple[float, float]:
    """Deletion and insertion figures of one order."""
    hidden = deletion_masks(order, face.side, STEPS)
    shown = deletion_masks(order[::-1], face.side, STEPS)
    return tuple(curve_area(similarities(face, other.whole, masks)) for masks in (hidden, shown))


def measure(
    analyzer: Analyzer, people: dict[str, list[Path]], masks: int, methods: Sequence[str] = METHODS
) -> dict[str, list[tuple[float, float]]]:
    figures: dict[str, list[tuple[float, float]]] = {name: [] for name in (*methods, "random", "middle")}
    gradients = Gradients(analyzer)
    for number, pictures in enumerate(people.values()):
        found = faces_of(analyzer, pictures)
        if len(found) < 2 or cosine(found[0].whole, found[1].whole) < 0.3:
            # A pair that the matcher does not call alike has nothing to explain.
            continue
        face, other = found
        for method in methods:
            if method == "gradient":
                heat = gradients(face, other.whole)
            else:
                heat = heat_of(face, other.whole, method, hiding_masks(method, face.side, masks))
            figures[method].append(areas(face, other, cell_order(heat, CELLS)))
        rng = np.random.default_rng(number)
        tries = [areas(face, other, rng.permutation(CELLS * CELLS)) for _ in range(RANDOM)]
        figures["random"].append(tuple(np.mean(tries, axis=0)))
        rows, columns = np.mgrid[: face.side, : face.side] - (face.side - 1) / 2
        figures["middle"].append(areas(face, other, cell_order(-np.hypot(rows, columns), CELLS)))
    return figures


def summary(figures: dict[str, list[tuple[float, float]]]) -> dict[str, object]:
    base = {name: np.array(rows) for name, rows in figures.items()}
    people = np.arange(len(base["random"]))
    said: dict[str, object] = {"pairs": len(people)}
    for name, rows in base.items():
        said[name] = {
            kind: {
                "area": round(float(rows[:, column].mean()), 4),
                "less_random": round(float((rows - base["random"])[:, column].mean()), 4),
                "interval": [
                    round(end, 4) for end in mean_interval((rows - base["random"])[:, column], people)
                ],
                "less_middle_interval": [
                    round(end, 4) for end in mean_interval((rows - base["middle"])[:, column], people)
                ],
            }
            for column, kind in enumerate(("deletion", "insertion"))
        }
    return said


def joined(known: dict[str, Any], said: dict[str, Any]) -> dict[str, Any]:
    """With the methods of an earlier run, where that saw the same: its orders without a map say so.

    Engines round differently, so the same pairs give areas that differ by a thousandth.
    """
    same = known.get("pairs") == said["pairs"] and all(
        abs(known[order][kind]["area"] - said[order][kind]["area"]) < ALIKE
        for order in ("random", "middle")
        for kind in ("deletion", "insertion")
    )
    return {**known, **said} if same else said


def main() -> None:
    parser = argparse.ArgumentParser(description="Deletion and insertion curves of the heat maps.")
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--masks", type=int, default=400)
    parser.add_argument("--json", type=Path, default=Path("benchmarks/studies/explain.json"))
    options = parser.parse_args()
    folder = Path(os.environ.get("MIEN_SHARED", "../shared")) / "data" / "wild40"
    people = dict(list(folder_of_people(folder).items())[: options.pairs])
    with Analyzer() as analyzer:
        said = summary(measure(analyzer, people, options.masks, options.methods.split(",")))
    if options.json.is_file():
        said = joined(json.loads(options.json.read_text()), said)
    options.json.write_text(json.dumps(said, indent=1) + "\n")
    print(json.dumps(said, indent=1))


if __name__ == "__main__":
    main()
