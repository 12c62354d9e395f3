"""LiteRT: runs TensorFlow Lite files where OpenVINO is absent. The only importer of ai_edge_litert."""

from __future__ import annotations

import threading
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import ModelCorrupt
from mien.core.modelcard import ModelCard
from mien.runtime.engine import Choice, Outputs
from mien.runtime.machine import cores
from mien.runtime.preprocess import to_network_input


def version() -> str | None:
    try:
        return installed("ai-edge-litert")
    except PackageNotFoundError:
        return None


def offers(card: ModelCard) -> list[Choice]:
    return [Choice("litert")] if version() is not None and card.format == "tflite" else []


class LiteRtNetwork:
    """An interpreter holds its tensors, so calls take turns."""

    def __init__(self, interpreter: Any, card: ModelCard) -> None:
        self._interpreter = interpreter
        self._preprocess = card.preprocess
        self._input = interpreter.get_input_details()[0]["index"]
        self._outputs = [(str(item["name"]), item["index"]) for item in interpreter.get_output_details()]
        self._turn = threading.Lock()

    def run(self, pixels: NDArray[np.uint8]) -> Outputs:
        values = to_network_input(pixels, self._preprocess)
        rows: list[dict[str, NDArray[np.float32]]] = []
        with self._turn:
            for row in values:
                self._interpreter.set_tensor(self._input, row[None])
                self._interpreter.invoke()
                rows.append({name: self._interpreter.get_tensor(at).copy() for name, at in self._outputs})
        return {name: np.concatenate([row[name] for row in rows]) for name, _ in self._outputs}


def compile(card: ModelCard, data: bytes, choice: Choice, streams: int) -> LiteRtNetwork:
    from ai_edge_litert.interpreter import Interpreter

    try:
        interpreter = Interpreter(model_content=data, num_threads=cores())
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise ModelCorrupt(
            f"LiteRT cannot read {card.file} ({error}): check it with `mien models verify {card.name}`"
        ) from error
    return LiteRtNetwork(interpreter, card)
