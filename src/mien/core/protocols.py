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


class Sealer(Protocol):
    """Authenticated encryption under a key that the store never holds.

    ``about`` is bound to the sealed bytes: opened with any other value they are refused (`StoreCorrupt`).
    """

    def new_key(self, about: bytes) -> tuple[bytes, bytes]:
        """Make a data key; returns it and its wrapped form, which alone may be stored."""

    def unwrap(self, wrapped: bytes, about: bytes) -> bytes:
        """The data key out of its wrapped form."""

    def seal(self, plain: bytes, about: bytes, key: bytes | None = None) -> bytes:
        """Encrypt under ``key``, or under the gallery's own key."""

    def open(self, sealed: bytes, about: bytes, key: bytes | None = None) -> bytes:
        """What `seal` was given."""

    def tag(self, purpose: str, value: bytes) -> bytes:
        """A keyed 16-byte fingerprint, so that equal values can be found without being stored."""

    def tag_key(self, purpose: str) -> bytes:
        """The key of `tag`, to be kept sealed when the gallery gets another one."""

    def tag_with(self, key: bytes, value: bytes) -> bytes:
        """`tag` with a key that `tag_key` gave."""


class Protector(Protocol):
    """Turns embeddings into revocable templates and compares those."""

    @property
    def kind(self) -> str: ...

    def protect(self, vectors: NDArray[np.float32]) -> NDArray[np.float32] | NDArray[np.uint8]:
        """(N, D) unit vectors -> (N, D) float32 unit vectors, or (N, B) uint8 packed bits."""

    def recover(self, templates: NDArray[np.float32] | NDArray[np.uint8]) -> NDArray[np.float32] | None:
        """What `protect` was given, for a person's copy of their data; None where that is lost."""
