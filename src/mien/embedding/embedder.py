"""Aligned faces to embeddings, with any network that takes one crop and gives one vector."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError, ModelCorrupt
from mien.core.protocols import Network
from mien.core.types import AlignedFace, Embedding


@dataclass(frozen=True, slots=True)
class NetworkEmbedder:
    """SFace, ArcFace and its kin, dlib's ResNet: what differs between them stands on their cards."""

    network: Network

    @property
    def name(self) -> str:
        return self.network.card.name

    def embed(self, faces: Sequence[AlignedFace]) -> list[Embedding]:
        """One embedding a face, in order; no faces give no embeddings.

        raises: InputError for a crop made for another network, `ModelCorrupt` for an answer that is no
        direction (NaN, or a length of zero).
        """
        if not faces:
            return []
        self._check(faces)
        outputs = self.network.run(np.stack([face.pixels for face in faces]))
        answers = _only_output(outputs.values(), self.name)
        rows = unit_rows(answers)
        if rows.shape[0] != len(faces) or rows.shape[1] != (self.network.card.dimension or rows.shape[1]):
            wanted = (len(faces), self.network.card.dimension)
            raise ModelCorrupt(
                f"{self.name} answered {rows.shape}, not {wanted}: `mien models verify` checks its file"
            )
        lengths = np.linalg.norm(answers.astype(np.float64), axis=1).tolist()
        return [Embedding(row, self.name, length) for row, length in zip(rows, lengths, strict=True)]

    def _check(self, faces: Sequence[AlignedFace]) -> None:
        card = self.network.card
        others = sorted({face.template for face in faces} - {card.template})
        if others:
            got = ", ".join(others)
            raise InputError(f"{card.name} wants {card.template} crops, not {got}: align the faces anew")


def unit_rows(raw: NDArray[np.floating]) -> NDArray[np.float32]:
    """Scale (N, D) rows to unit length; a row without a direction raises ModelCorrupt.

    >>> unit_rows(np.array([[3.0, 4.0]])).round(3).tolist()
    [[0.6000000238418579, 0.800000011920929]]
    """
    wide = raw.astype(np.float64)
    length = np.linalg.norm(wide, axis=1, keepdims=True)
    if not (np.isfinite(length).all() and (length > 1e-12).all()):
        raise ModelCorrupt("an embedding network answered no direction: `mien models verify` checks its file")
    rows: NDArray[np.float32] = (wide / length).astype(np.float32)
    return rows


def _only_output(outputs: Iterable[NDArray[np.float32]], name: str) -> NDArray[np.float32]:
    values = list(outputs)
    if len(values) != 1:
        raise ModelCorrupt(
            f"{name} has {len(values)} outputs where an embedding network has one: import another file"
        )
    rows: NDArray[np.float32] = values[0].reshape(values[0].shape[0], -1)
    return rows
