"""What an engine is: a foreign library that compiles a network for one arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mien.core.modelcard import ModelCard, Precision

Outputs = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True, order=True)
class Choice:
    """One way to run one network.

    engine: "openvino", "onnxruntime" or "litert".
    provider: the engine's word for the device, e.g. "CPU" or "CUDAExecutionProvider".
    """

    engine: str
    precision: Precision = "fp32"
    provider: str = "CPU"

    def __str__(self) -> str:
        return f"{self.engine} {self.precision} on {self.provider.removesuffix('ExecutionProvider')}"


class Compiled(Protocol):
    """A network compiled by one engine; safe to call from several threads at once."""

    def run(self, pixels: NDArray[np.uint8]) -> Outputs:
        """(N, H, W, 3) uint8 RGB -> output name -> (N, ...) float32."""


class Engine(Protocol):
    """One module of this room: `mien.runtime.openvino`, `.onnxruntime`, `.litert`."""

    def version(self) -> str | None:
        """The installed version, or None where it is absent."""

    def offers(self, card: ModelCard) -> list[Choice]:
        """The ways this engine can run the card's format on this machine."""

    def compile(self, card: ModelCard, data: bytes, choice: Choice, streams: int) -> Compiled: ...
