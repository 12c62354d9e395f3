"""Write SFace with 8-bit weights and activations, for `python -m benchmarks.precisions --int8` and
`.engines --int8`.

python -m benchmarks.studies.quantise_sface OUT.xml      (needs nncf; reads FairFace under MIEN_SHARED)
"""

from __future__ import annotations

import io
import sys
from dataclasses import replace

import nncf
import numpy as np
import openvino
from benchmarks.measuring import photos

from mien.core.types import LocatedFace
from mien.imaging.sources import open_picture
from mien.pipeline.analyze import Analyzer
from mien.pipeline.config import configure
from mien.zoo.registry import card
from mien.zoo.store import fetch

FACES = 300


class Keeper:
    """Stands in for SFace and keeps the crops it is shown."""

    def __init__(self) -> None:
        self.crops: list[np.ndarray] = []

    def run(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        self.crops += list(pixels)
        return {"fc1": np.ones((len(pixels), 128), np.float32)}


def crops() -> list[np.ndarray]:
    keeper = Keeper()
    analyzer = Analyzer(replace(configure("balanced"), streams=1))
    opened = analyzer.networks.get("sface")
    analyzer.networks._open["sface"] = replace(opened, compiled=keeper)
    for source in photos("fairface", 4 * FACES)[::4]:
        picture = open_picture(source)
        found = analyzer.detector.detect(picture.image)
        analyzer.embedder.embed([LocatedFace(picture.image, one) for one in found[:1]])
    return keeper.crops


def main(out: str) -> None:
    found = [crop.transpose(2, 0, 1)[None].astype(np.float32) for crop in crops()]
    model = openvino.Core().read_model(io.BytesIO(fetch(card("sface"))))
    model.reshape({model.inputs[0]: [1, 3, 112, 112]})
    small = nncf.quantize(
        model,
        nncf.Dataset(found),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(found),
    )
    openvino.save_model(small, out, compress_to_fp16=False)


if __name__ == "__main__":
    main(sys.argv[1])
