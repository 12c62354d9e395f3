"""Look at a found face again, close up and upright: keypoints get more precise, and with them the alignment.

A detector places keypoints best on faces 110 to 240 of its own pixels wide; on smaller ones recognition
suffers (benchmarks/studies/align_embed.py, group "scale").
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from mien.core.protocols import Detector
from mien.core.types import Detection, Image, LocatedFace
from mien.geometry.squares import square_to_crop
from mien.imaging.warp import invert_affine, move_points, warp_affine

CROP = 384  # pixels: the face is half as wide
MAX_SHIFT = 0.25  # of the face's size: further off, it is another face


@dataclass(frozen=True, slots=True)
class Sharpen:
    """Replaces the keypoints of located faces by those of a second look.

    detector: must see at least 384 pixels a side; a low threshold is right, since the face is known.
    """

    detector: Detector

    def __call__(self, face: LocatedFace) -> LocatedFace:
        """The same face with better keypoints; unchanged where the second look does not find it again."""
        found = face.detection
        size = max(found.box.width, found.box.height, 1.0)
        matrix = square_to_crop(found.box.center, 2 * size, _roll(found), CROP)
        crop = warp_affine(face.image.pixels, matrix, (CROP, CROP), antialias=True)
        back = invert_affine(matrix)
        again = [move_points(back, other.keypoints) for other in self.detector.detect(Image(crop))]
        shifts = [float(np.linalg.norm(points - found.keypoints, axis=1).mean()) for points in again]
        if not shifts or min(shifts) > MAX_SHIFT * size:
            return face
        return replace(face, detection=replace(found, keypoints=again[int(np.argmin(shifts))]))


def _roll(found: Detection) -> float:
    """Turn of the face in the picture, radians clockwise: from the eyes down to the mouth, which stays long
    in profile where the line between the eyes shrinks."""
    x, y = found.keypoints[3:].mean(axis=0) - found.keypoints[:2].mean(axis=0)
    return math.atan2(-x, y)
