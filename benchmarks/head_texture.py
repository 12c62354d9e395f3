"""What a textured head costs after detection: time, processor time, memory, beside the landmark network.

python -m benchmarks.head_texture [--photo PHOTO] [--json OUT]     (default photo: the astronaut of mien demo)
"geometry" is the fit, gaze and size from landmarks that are there already, as in `benchmarks.geometry`; what
landmarks cost has rows of its own.  Ratios are to one bare run of the landmark network on one crop.
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measuring import arguments, report
from mien.core.types import LocatedFace
from mien.pipeline.analyze import Analyzer
from mien.pipeline.reconstruct import Reconstruction, head_from_landmarks, photo_camera
from mien.zoo.registry import card
from mien.zoo.store import fetch

ROUNDS = 7


def main() -> None:
    parser = arguments("head_texture", __doc__)
    parser.add_argument("--photo")
    given = parser.parse_args()
    analyzer = Analyzer()
    source: Any = given.photo or fetch(card("astronaut"))
    picture = analyzer.open(source)
    face = LocatedFace(picture.image, analyzer.find(picture)[0])
    landmarker = analyzer.landmarker
    landmarks = landmarker.steady(face)
    side = landmarker.network.card.preprocess.side
    crop = np.zeros((1, side, side, 3), np.uint8)
    camera = photo_camera(picture, None)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def head(size: int) -> Reconstruction:
        return head_from_landmarks(picture.image, landmarks, camera, texture_size=size)

    def whole() -> None:
        with tempfile.TemporaryDirectory() as folder:
            head(1024).save(Path(folder) / "head.glb")

    rows = {
        "landmark network, one bare run": measured(lambda: landmarker.network.run(crop)),
        "landmarks and irises, two looks": measured(lambda: landmarker.locate(face)),
        "landmarks and irises, eight looks": measured(lambda: landmarker.steady(face)),
        "geometry": measured(lambda: head(0)),
        "geometry and skin, 1024": measured(lambda: head(1024)),
        "textured GLB, 1024": measured(whole),
    }
    network = rows["landmark network, one bare run"]
    for row in rows.values():
        row["times the landmark network"] = round(row["seconds"] / network["seconds"], 1)
        share = row["processor seconds"] / max(network["processor seconds"], 1e-5)
        row["times its processor time"] = round(share, 1)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    figures = {
        "photo": [picture.image.width, picture.image.height],
        "rounds": ROUNDS,
        "rows": rows,
        "memory MB": {"with the networks loaded": before // 1024, "peak": peak // 1024},
    }
    report("head_texture", figures, given.json)


def measured(work: Callable[[], object]) -> dict[str, float]:
    """Medians over rounds, after one to warm up."""
    work()
    wall, processor = [], []
    for _ in range(ROUNDS):
        started, used = time.perf_counter(), time.process_time()
        work()
        wall.append(time.perf_counter() - started)
        processor.append(time.process_time() - used)
    return {
        "seconds": round(float(np.median(wall)), 5),
        "processor seconds": round(float(np.median(processor)), 5),
        "fastest": round(min(wall), 5),
    }


if __name__ == "__main__":
    main()
