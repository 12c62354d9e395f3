"""What values flow through a network: ranges of its activations, seen on real crops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from mien.compression.graph import import_onnx
from mien.core.errors import DependencyMissing, InputError, ThinData
from mien.core.modelcard import ModelCard
from mien.runtime import onnxruntime_engine
from mien.runtime.engine import Choice, Compiled
from mien.runtime.preprocess import to_network_input

if TYPE_CHECKING:
    import onnx

Method = Literal["minmax", "percentile", "mse"]
PERCENTILE = 99.99
KEPT = 4096  # values of one activation remembered from one crop
LEAST_CROPS = 8
STEPS = 100  # ranges tried by "mse"


@dataclass(frozen=True, slots=True)
class Range:
    """The values that uint8 0 and 255 stand for; zero always lies between them, and is exact."""

    low: float
    high: float

    @property
    def scale(self) -> float:
        return max(self.high - self.low, 1e-8) / 255

    @property
    def zero(self) -> int:
        return int(np.clip(np.round(-self.low / self.scale), 0, 255))


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Values of one activation over all crops, thinned, and its extremes."""

    values: NDArray[np.float32]
    low: float
    high: float


def observe(
    model: onnx.ModelProto, card: ModelCard, names: Sequence[str], crops: NDArray[np.uint8]
) -> dict[str, Samples]:
    """Run the network on crops and watch the named values.

    crops: (N, H, W, 3) uint8 RGB, N >= 8.
    """
    if len(crops) < LEAST_CROPS:
        raise ThinData(
            f"{len(crops)} crops do not show a network's ranges: give {LEAST_CROPS} pictures or more"
        )
    inputs = {value.name for value in model.graph.input}
    inner = [name for name in names if name not in inputs]
    network = compile_for(card, with_outputs(model, inner))
    rng = np.random.default_rng(0)
    values: dict[str, list[NDArray[np.float32]]] = {name: [] for name in names}
    extremes = {name: [0.0, 0.0] for name in names}
    for crop in crops:
        seen = dict(network.run(crop[None])) if inner else {}
        seen |= {name: to_network_input(crop[None], card.preprocess) for name in inputs}
        for name in names:
            flat = seen[name].ravel()
            extremes[name] = [
                min(extremes[name][0], float(flat.min())),
                max(extremes[name][1], float(flat.max())),
            ]
            values[name].append(flat if len(flat) <= KEPT else rng.choice(flat, KEPT, replace=False))
    return {name: Samples(np.concatenate(values[name]), *extremes[name]) for name in names}


def choose_range(samples: Samples, method: Method) -> Range:
    """minmax: nothing is cut off. percentile: 0.01 % are. mse: the range of least mean squared error.

    "mse" tries ranges that shrink in equal steps (Banner, Nahshan & Soudry, NeurIPS 2019, minimise the same
    error in closed form for assumed distributions).
    """
    if method not in get_args(Method):
        raise InputError(f"no way to calibrate is called {method!r}: choose {', '.join(get_args(Method))}")
    if method == "percentile":
        low, high = np.percentile(samples.values, [100 - PERCENTILE, PERCENTILE])
        return Range(min(float(low), 0.0), max(float(high), 0.0))
    full = Range(samples.low, samples.high)
    if method == "minmax":
        return full
    tried = [Range(full.low * share, full.high * share) for share in np.linspace(1.0, 0.2, STEPS)]
    return min(tried, key=lambda one: rounding_error(samples.values, one))


def rounding_error(values: NDArray[np.float32], within: Range) -> float:
    """Mean squared difference between values and what uint8 keeps of them."""
    codes = np.clip(np.round(values / within.scale) + within.zero, 0, 255)
    return float(np.mean((values - (codes - within.zero) * within.scale) ** 2))


def compile_for(card: ModelCard, data: bytes) -> Compiled:
    """The network in plain fp32 on ONNX Runtime, which keeps every inner value as the file has it."""
    if onnxruntime_engine.version() is None:
        raise DependencyMissing("calibrating needs onnxruntime: pip install 'mien[train]'")
    plain = replace(card, format="onnx", precisions=("fp32",))
    return onnxruntime_engine.compile(plain, data, Choice("onnxruntime"), 1)


def ranges(samples: Mapping[str, Samples], method: Method) -> dict[str, Range]:
    return {name: choose_range(seen, method) for name, seen in samples.items()}


def with_outputs(model: onnx.ModelProto, names: Sequence[str]) -> bytes:
    """The file that answers these inner values, too."""
    onnx = import_onnx()
    wider = onnx.ModelProto.FromString(model.SerializeToString())
    present = {out.name for out in wider.graph.output}
    for name in names:
        if name not in present:
            wider.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    return bytes(wider.SerializeToString())
