"""Open a network from verified bytes: the one way in to the engines."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.core.modelcard import ModelCard
from mien.runtime.choose import ENGINES, Decision, choose
from mien.runtime.dlibnet import dlib_face_net_to_onnx
from mien.runtime.engine import Compiled, Outputs
from mien.runtime.onnxwire import refuse_external_data
from mien.runtime.preprocess import check_pixels


@dataclass(frozen=True, slots=True, eq=False)
class OpenNetwork:
    """A network that is ready to run (see `mien.core.protocols.Network`), and how that came about."""

    card: ModelCard
    decision: Decision
    compiled: Compiled

    def run(self, pixels: NDArray[np.uint8]) -> Outputs:
        check_pixels(pixels, self.card.preprocess)
        return self.compiled.run(pixels)


def readable(card: ModelCard, data: bytes) -> bytes:
    """Turn the publisher's bytes into bytes an engine reads, refusing what reaches outside the file."""
    if card.format == "onnx":
        refuse_external_data(data)
    if card.format == "dlib":
        return dlib_face_net_to_onnx(data, card.file)
    return data


def open_network(
    card: ModelCard, data: bytes, *, streams: int = 1, notebook: Path | None = None
) -> OpenNetwork:
    """Compile ``data``, whose sha256 the model store has checked.

    streams: how many calls run side by side; more give throughput, one gives the shortest answer.
    notebook: JSON file that remembers which engine was fastest here.
    """
    data = readable(card, data)
    decision = choose(card, data, notebook)
    engine = ENGINES[decision.choice.engine]
    return OpenNetwork(card, decision, engine.compile(card, data, decision.choice, streams))
