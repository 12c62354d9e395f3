"""The seams between rooms: one method each, so that a test can pass a stand-in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mien.core.modelcard import ModelCard
from mien.core.types import AlignedFace, Detection, Embedding, Image, Landmarks, LocatedFace


class Network(Protocol):
    """A network that is ready to run; safe to call from several threads at once."""

    @property
    def card(self) -> ModelCard: ...

    def run(self, pixels: NDArray[np.uint8]) -> Mapping[str, NDArray[np.float32]]:
        """Feed (N, H, W, 3) uint8 RGB pixels; the card's Preprocess is applied inside.

        returns: output name -> (N, ...) float32.
        """


class Detector(Protocol):
    def detect(self, image: Image) -> list[Detection]:
        """Find every face, best score first."""


class Landmarker(Protocol):
    def locate(self, face: LocatedFace) -> Landmarks:
        """Find the landmarks of one face."""


class Embedder(Protocol):
    @property
    def name(self) -> str: ...

    def embed(self, faces: Sequence[AlignedFace]) -> list[Embedding]:
        """Turn aligned faces into embeddings, in order."""
