"""ONNX Runtime: runs wherever it installs, and on GPUs. The only importer of onnxruntime."""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import ModelCorrupt, ModelError
from mien.core.modelcard import ModelCard, Precision
from mien.runtime.engine import Choice, Outputs
from mien.runtime.machine import cores
from mien.runtime.onnxwire import free_sizes
from mien.runtime.preprocess import to_network_input

# Distribution -> what it may bring beside the CPU. The import costs 0.1 s: it waits until it can matter.
DISTRIBUTIONS = {
    "onnxruntime": ("CoreMLExecutionProvider",) if sys.platform == "darwin" else (),
    "onnxruntime-gpu": ("CUDAExecutionProvider",),
    "onnxruntime-directml": ("DmlExecutionProvider",),
}


def version() -> str | None:
    return next(iter(_installed().values()), None)


def _installed() -> dict[str, str]:
    found = {}
    for name in DISTRIBUTIONS:
        with suppress(PackageNotFoundError):
            found[name] = installed(name)
    return found


def offers(card: ModelCard) -> list[Choice]:
    if version() is None or card.format not in ("onnx", "dlib"):
        return []
    # A file in int8 carries its arithmetic in its graph; bf16, and int8 by the card's ranges, are asked of an
    # engine, and this one has neither.
    here = ("fp32",) if card.ranges else ("fp32", "int8")
    able: list[Precision] = [precision for precision in card.precisions if precision in here]
    providers = [*_gpus(), "CPU"]
    return [Choice("onnxruntime", precision, name) for precision in able for name in providers]


def _gpus() -> list[str]:
    possible = [provider for name in _installed() for provider in DISTRIBUTIONS[name]]
    if not possible:
        return []
    import onnxruntime

    present = onnxruntime.get_available_providers()
    return [name for name in possible if name in present]


class OnnxRuntimeNetwork:
    """An inference session; ONNX Runtime allows concurrent calls of one session."""

    def __init__(self, session: Any, card: ModelCard) -> None:
        self._session = session
        self._preprocess = card.preprocess
        self._input = session.get_inputs()[0].name
        self._names = [output.name for output in session.get_outputs()]

    def run(self, pixels: NDArray[np.uint8]) -> Outputs:
        values = self._session.run(None, {self._input: to_network_input(pixels, self._preprocess)})
        return {name: value.astype(np.float32) for name, value in zip(self._names, values, strict=True)}


def _freed(card: ModelCard, data: bytes) -> bytes:
    """Free the batch, or the picture's size: a network of free size is fed one picture at a time."""
    how = card.preprocess
    free = how.width is None or how.height is None
    sizes: dict[str, int | str] = {
        "N": 1 if free else "n",
        "C": 3,
        "H": how.height or "h",
        "W": how.width or "w",
    }
    return free_sizes(data, tuple(sizes[axis] for axis in how.layout.upper()))


def compile(card: ModelCard, data: bytes, choice: Choice, streams: int) -> OnnxRuntimeNetwork:
    """Compile; several streams share the cores, since each call brings its own thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = max(1, cores() // streams)
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Else bytes that say so are taken for the engine's own format, which `refuse_external_data` cannot read.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    providers = [choice.provider if choice.provider != "CPU" else "CPUExecutionProvider"]
    try:
        session = onnxruntime.InferenceSession(_freed(card, data), options, providers=providers)
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[-1]
        raise ModelCorrupt(
            f"ONNX Runtime cannot read {card.file} ({reason}): check it with `mien models verify {card.name}`"
        ) from error
    if providers[0] not in session.get_providers():  # it falls back to the processor without an error
        raise ModelError(f"{providers[0]} does not start here: install its libraries, or set MIEN_ENGINE")
    return OnnxRuntimeNetwork(session, card)
