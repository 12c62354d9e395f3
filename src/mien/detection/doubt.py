"""Which detections want a second opinion: an ornament or a shadow beside a real face.

Seen on `wild40` (benchmarks/studies/doubtful_faces.py): among faces that YuNet gives less than 0.85, large
ones that the face mesh denies are necklaces, hair and tattoos; small ones are mostly true, only blurred.
The surest face of a picture is never doubted, so nobody is lost who is alone in the picture.
"""

from __future__ import annotations

from collections.abc import Sequence

from mien.core.types import Detection

SURE = 0.85
LARGE = 40.0  # pixels, the shorter side of the box
WEAK = 0.75  # a detector's score, below which turned looks invent faces


def is_doubtful(face: Detection, found: Sequence[Detection]) -> bool:
    """Whether the mesh should confirm ``face``, out of all ``found`` in its picture."""
    beside_a_sure_one = max(other.score for other in found) >= SURE
    return beside_a_sure_one and face.score < SURE and min(face.box.width, face.box.height) >= LARGE


def least_presence(face: Detection) -> float:
    """How much of a face the mesh must see in a doubtful one (`Landmarks.presence`).

    A face behind a camera at its eye has 0.01 and a score of 0.82, a bare belly 0.05 and 0.61.
    """
    return 0.01 if face.score >= WEAK else 0.1
