"""OpenVINO: the fast engine on x86 and ARM processors. Only it and `eight_bits` import openvino."""

from __future__ import annotations

import io
import queue
import sys
import tempfile
import threading
from functools import cache
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import ModelCorrupt
from mien.core.modelcard import ModelCard, Precision
from mien.runtime.eight_bits import quantise
from mien.runtime.engine import Choice, Outputs
from mien.runtime.machine import cores

CONVERTER = "openvino.tools.ovc"
HINTS: dict[Precision, str] = {"fp32": "f32", "bf16": "bf16", "int8": "f32"}
_OPENING = threading.Lock()  # of the core: `cache` alone would let two threads open one each


def version() -> str | None:
    try:
        return installed("openvino")
    except PackageNotFoundError:
        return None


def _core() -> Any:
    with _OPENING:
        return _only_core()


@cache
def _only_core() -> Any:
    return _library().Core()


def _library() -> Any:
    """Import openvino without its model converter, which nothing here uses.

    The converter's import sends an event to Google Analytics, unasked, and leaves a folder ``intel`` in the
    user's home; it takes a third of the time, too. Whoever wants it can import it afterwards.
    """
    if "openvino" not in sys.modules:
        sys.modules[CONVERTER] = None  # type: ignore[assignment]  # so its import is an ImportError, as allowed
    try:
        import openvino
    finally:
        if sys.modules.get(CONVERTER, ...) is None:
            del sys.modules[CONVERTER]
    return openvino


def offers(card: ModelCard) -> list[Choice]:
    if version() is None or card.format not in ("onnx", "tflite", "dlib"):
        return []
    able = set(_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"))
    needs = {"fp32": "FP32", "bf16": "BF16", "int8": "INT8"}
    return [Choice("openvino", precision) for precision in card.precisions if needs[precision] in able]


def _read(card: ModelCard, data: bytes) -> Any:
    if card.format != "tflite":
        return _core().read_model(io.BytesIO(data))
    # OpenVINO reads TensorFlow Lite from a path only; the folder is ours alone (mode 0700).
    with tempfile.TemporaryDirectory(prefix="mien-") as folder:
        path = Path(folder, "model.tflite")
        path.write_bytes(data)
        return _core().read_model(path)


def _with_preprocess(card: ModelCard, model: Any) -> Any:
    """Fold the card's Preprocess into the graph: the network then takes (1, H, W, 3) uint8 RGB."""
    from openvino import Layout, PartialShape, Type
    from openvino.preprocess import PrePostProcessor

    how = card.preprocess
    size = {"N": 1, "C": 3, "H": how.height or -1, "W": how.width or -1}
    model.reshape({model.inputs[0]: PartialShape([size[axis] for axis in how.layout.upper()])})
    steps = PrePostProcessor(model)
    entry = steps.input()
    entry.tensor().set_element_type(Type.u8).set_layout(Layout("NHWC"))
    entry.model().set_layout(Layout(how.layout.upper()))
    chain = entry.preprocess().convert_element_type(Type.f32)
    if how.colour == "bgr":
        chain.reverse_channels()
    if any(how.mean):
        chain.mean(list(how.mean))
    if any(value != 1 for value in how.std):
        chain.scale(list(how.std))
    return steps.build()


class OpenVinoNetwork:
    """A compiled network and its idle infer requests, one a stream."""

    def __init__(self, compiled: Any, streams: int) -> None:
        self.compiled = compiled
        # One tensor may carry several names: the graph's own and what folding made of it.
        self._names = [(name, i) for i, output in enumerate(compiled.outputs) for name in output.get_names()]
        self._idle: queue.LifoQueue[Any] = queue.LifoQueue()
        for _ in range(streams):
            self._idle.put(compiled.create_infer_request())

    def run(self, pixels: NDArray[np.uint8]) -> Outputs:
        request = self._idle.get()
        try:
            rows = [self._run_one(request, pixels[i : i + 1]) for i in range(len(pixels))]
        finally:
            self._idle.put(request)
        return rows[0] if len(rows) == 1 else {k: np.concatenate([row[k] for row in rows]) for k in rows[0]}

    def _run_one(self, request: Any, pixels: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        from openvino import Tensor

        # Shared memory must be writable, though nothing writes to it: a read-only picture is copied. The copy
        # has to live until the network has read it, which only this name sees to: OpenVINO does not.
        held = np.require(pixels, requirements=["C", "W"])
        request.set_input_tensor(Tensor(held, shared_memory=True))
        answers = request.infer(share_outputs=True).values()  # in the engine's memory, so they are copied
        values = [answer.astype(np.float32) for answer in answers]
        return {name: values[i] for name, i in self._names}


def compile(card: ModelCard, data: bytes, choice: Choice, streams: int) -> OpenVinoNetwork:
    """Compile for ``streams`` calls at a time; one stream spreads over all cores, several share them."""
    try:
        model = _read(card, data)
        if choice.precision == "int8":
            quantise(model, card.ranges, card.name)
        model = _with_preprocess(card, model)
        settings = {
            "INFERENCE_PRECISION_HINT": HINTS[choice.precision],
            "NUM_STREAMS": streams,
            "INFERENCE_NUM_THREADS": max(cores(), streams),
            "ENABLE_CPU_PINNING": False,
            # Kernels kept, one a layer and picture shape. The default of 5,000 grows by 200 MB over photos of
            # all shapes; with fewer than a network has layers, each change of shape costs half as much again.
            "CPU_RUNTIME_CACHE_CAPACITY": 1000,
        }
        return OpenVinoNetwork(_core().compile_model(model, choice.provider, settings), streams)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise ModelCorrupt(
            f"OpenVINO cannot read {card.file} ({reason}): check it with `mien models verify {card.name}`"
        ) from error
