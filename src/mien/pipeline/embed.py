"""Located faces to embeddings: sharpen the points, align, run the networks, pool the views, fuse."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mien.alignment.views import Views
from mien.core.errors import ModelError
from mien.core.protocols import Landmarker
from mien.core.types import AlignedFace, Embedding, Landmarks, LocatedFace
from mien.embedding.embedder import NetworkEmbedder
from mien.embedding.fuse import Fusion
from mien.embedding.pool import pool

MIN_PRESENCE = 0.05  # a mesh that hardly saw a face does not place the crop


@dataclass(frozen=True, slots=True)
class FaceEmbedder:
    """parts: one network each.    fusion: joins their answers where there are several.

    views: which crops of a face are embedded.    landmarker: finds the mesh that places them.
    sharpen: looks at a face a second time for better keypoints, where ``views`` asks for it.
    """

    parts: tuple[NetworkEmbedder, ...]
    views: Views
    landmarker: Landmarker
    sharpen: Callable[[LocatedFace], LocatedFace]
    fusion: Fusion | None = None

    @property
    def name(self) -> str:
        return self.fusion.name if self.fusion else self.parts[0].name

    def embed(self, faces: Sequence[LocatedFace]) -> list[Embedding]:
        """One embedding a face, in order; it does not depend on what else is asked about the faces."""
        if not faces:
            return []
        placed = [self._place(face) for face in faces]
        answers = [self._embed_with(part, placed) for part in self.parts]
        if self.fusion is None:
            return answers[0]
        return [self.fusion.fuse(parts) for parts in zip(*answers, strict=True)]

    def crops(self, faces: Sequence[LocatedFace], template: str) -> list[list[AlignedFace]]:
        """The crops of each face that a network with this alignment template is fed."""
        return self._crops([self._place(face) for face in faces], template)

    def _crops(
        self, placed: Sequence[tuple[LocatedFace, Landmarks | None]], template: str
    ) -> list[list[AlignedFace]]:
        return [self.views.crops(face, template, mesh) for face, mesh in placed]

    def _place(self, face: LocatedFace) -> tuple[LocatedFace, Landmarks | None]:
        mesh = self.landmarker.locate(face) if self.views.landmarks else None
        seen = mesh if mesh is not None and mesh.presence >= MIN_PRESENCE else None
        return (self.sharpen(face) if self.views.sharpen else face), seen

    def _embed_with(
        self, part: NetworkEmbedder, placed: Sequence[tuple[LocatedFace, Landmarks | None]]
    ) -> list[Embedding]:
        template = part.network.card.template
        if template is None:
            raise ModelError(f"the card of {part.name} names no alignment template: add one to it")
        views = self._crops(placed, template)
        embeddings = part.embed([crop for crops in views for crop in crops])
        each = len(embeddings) // len(placed)
        return [pool(embeddings[i : i + each]) for i in range(0, len(embeddings), each)]
