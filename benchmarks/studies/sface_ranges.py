"""What values flow through SFace: the ``[ranges]`` of its card, by which engines compute it in 8 bits.

python -m benchmarks.studies.sface_ranges      (needs the `train` extra; reads MIEN_SHARED)

The crops are those that the default profile cuts out of FairFace (children and adults, all groups alike) and
London, CC BY 4.0 both; no picture of any set that measures mien is among them. Each range is the one that
rounds the values to 8 bits with the least squared error (`mien.compression.calibrate`).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from benchmarks.measuring import photos
from numpy.typing import NDArray

from mien.compression.calibrate import observe, ranges
from mien.compression.graph import prepare
from mien.compression.qdq import find_layers
from mien.core.types import LocatedFace
from mien.imaging.sources import open_picture
from mien.pipeline.analyze import Analyzer
from mien.pipeline.config import configure
from mien.runtime.eight_bits import with_zero
from mien.zoo.registry import card
from mien.zoo.store import fetch

SETS = {"fairface": (224, 11), "london": (64, 3)}  # pictures, and the step over the set


def crops() -> NDArray[np.uint8]:
    """(N, 112, 112, 3) uint8 RGB: the surest face of each picture."""
    found = []
    with Analyzer(replace(configure("balanced"), streams=1)) as analyzer:
        for folder, (count, step) in SETS.items():
            for source in photos(folder, count * step)[::step]:
                image = open_picture(source).image
                faces = [LocatedFace(image, one) for one in analyzer.detector.detect(image)[:1]]
                found += [
                    crop.pixels for views in analyzer.embedder.crops(faces, "arcface") for crop in views
                ]
    return np.stack(found)


def main() -> None:
    model = prepare(fetch(card("sface")))
    inputs = list(dict.fromkeys(layer.input for layer in find_layers(model.graph)))
    print("[ranges]")
    for name, one in ranges(observe(model, card("sface"), inputs, crops()), "mse").items():
        low, high = with_zero(one.low, one.high)
        print(f'"{name}" = [{low:.5g}, {high:.5g}]')


if __name__ == "__main__":
    main()
