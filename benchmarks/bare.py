"""The engine without mien: the yardstick for what mien adds.

Reads a card's file, folds its preprocessing in and compiles it with OpenVINO's own calls, with the same
settings as `mien.runtime.openvino_engine`, and runs it on arrays that are ready in memory.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


class BareNetwork:
    """A compiled network; ``request`` makes one stream's infer request, for one thread."""

    def __init__(self, compiled: Any) -> None:
        self.compiled = compiled

    def request(self) -> Any:
        return self.compiled.create_infer_request()


def run(request: Any, pixels: NDArray[np.uint8]) -> None:
    """Run a network once; the answer stays in the engine's own memory."""
    from openvino import Tensor

    request.set_input_tensor(Tensor(pixels, shared_memory=True))
    request.infer(share_outputs=True)


def compile_bare(
    model: bytes | str,
    *,
    layout: str,
    shape: tuple[int, int, int],
    precision: str,
    streams: int,
    threads: int,
    reverse: bool = False,
    mean: tuple[float, ...] = (0.0, 0.0, 0.0),
    std: tuple[float, ...] = (1.0, 1.0, 1.0),
    ranges: Mapping[str, tuple[float, float]] | None = None,
) -> BareNetwork:
    """Compile for uint8 RGB input.

    model: the bytes of an ONNX file, or the path of a TensorFlow Lite file.
    shape: batch, height, width; -1 leaves a size free.    reverse: the network wants BGR.
    ranges: of the card, for "int8": OpenVINO has no call that quantises, so this step is mien's own.
    """
    from openvino import Core, Layout, PartialShape, Type
    from openvino.preprocess import PrePostProcessor

    core = Core()
    graph = core.read_model(io.BytesIO(model) if isinstance(model, bytes) else model)
    if precision == "int8":
        from mien.runtime.eight_bits import quantise

        quantise(graph, ranges or {}, "the network")
    batch, height, width = shape
    size = {"N": batch, "C": 3, "H": height, "W": width}
    graph.reshape({graph.inputs[0]: PartialShape([size[axis] for axis in layout.upper()])})
    steps = PrePostProcessor(graph)
    entry = steps.input()
    entry.tensor().set_element_type(Type.u8).set_layout(Layout("NHWC"))
    entry.model().set_layout(Layout(layout.upper()))
    chain = entry.preprocess().convert_element_type(Type.f32)
    if reverse:
        chain.reverse_channels()
    if any(mean):
        chain.mean(list(mean))
    if any(value != 1 for value in std):
        chain.scale(list(std))
    settings = {
        "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
        "NUM_STREAMS": streams,
        "INFERENCE_NUM_THREADS": threads,
        "ENABLE_CPU_PINNING": False,
    }
    return BareNetwork(core.compile_model(steps.build(), "CPU", settings))


def main(plan_file: str) -> None:
    """Load and run what a plan lists, and nothing else; the plan is JSON (see `benchmarks.startup`)."""
    sys.modules["openvino.tools.ovc"] = None  # type: ignore[assignment]  # mien spares its import, too
    with open(plan_file, encoding="utf-8") as file:
        plan = json.load(file)
    requests = {}
    for name, how in plan["networks"].items():
        model: bytes | str = how.pop("file")
        if not str(model).endswith(".tflite"):
            with open(model, "rb") as stream:
                model = stream.read()
        requests[name] = compile_bare(model, **{**how, "shape": tuple(how["shape"])}).request()
    for name, array in plan["calls"]:
        run(requests[name], np.load(array))


if __name__ == "__main__":
    main(sys.argv[1])
