"""Which crops of one face to embed, and which points place them.

The figures behind each choice are in docs/models.md (benchmarks/studies/align_verify.py makes them).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mien.alignment.crop import align, mirror
from mien.core.types import AlignedFace, Landmarks, LocatedFace


@dataclass(frozen=True, slots=True)
class Views:
    """How much care to spend on placing a face.

    landmarks: place by the dense mesh, found in one look.
    keypoints: with landmarks, place by the mean of what the mesh and the keypoints say: nothing to pay.
    sharpen: look for the five keypoints a second time, close up: one more run of the detector on a small
        picture.
    mirror: embed the mirror image too and pool both: twice the embedding's time.
    """

    landmarks: bool = False
    keypoints: bool = True
    sharpen: bool = False
    mirror: bool = False

    def crops(self, face: LocatedFace, template: str, landmarks: Landmarks | None) -> list[AlignedFace]:
        """One crop, or two with its mirror image.

        face: with sharpened keypoints where ``sharpen`` asks for them.
        landmarks: the face's mesh; None places by the keypoints alone (a mesh that saw no face).
        """
        mesh = landmarks if self.landmarks else None
        first = align(face, template, mesh, keypoints_too=self.keypoints)
        return [first, mirror(first)] if self.mirror else [first]


VIEWS: Mapping[str, Views] = {
    "fast": Views(landmarks=True),
    "balanced": Views(landmarks=True),
    "accurate": Views(landmarks=True, sharpen=True, mirror=True),
}
