"""Located faces to embeddings: align, run the network, normalise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mien.core.protocols import Network
from mien.core.types import Embedding, LocatedFace
from mien.geometry.similarity import fit_similarity
from mien.imaging.warp import warp_affine

ARCFACE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)


@dataclass(frozen=True, slots=True)
class FaceEmbedder:
    network: Network

    @property
    def name(self) -> str:
        return self.network.card.name

    def embed(self, faces: Sequence[LocatedFace]) -> list[Embedding]:
        """One embedding a face, in order."""
        size = self.network.card.preprocess.side
        crops = [
            warp_affine(face.image.pixels, fit_similarity(face.detection.keypoints, ARCFACE), (size, size))
            for face in faces
        ]
        if not crops:
            return []
        (raw,) = self.network.run(np.stack(crops)).values()
        unit = raw / np.linalg.norm(raw, axis=1, keepdims=True)
        return [Embedding(vector, self.name) for vector in unit]
