"""A closer look at faces that the first look was not sure of, turned every way.

A detector that expects upright faces finds upside-down ones too, but calls the chin an eye, and every
measurement after it is worthless. Its score tells: upright faces get 0.9 and more, turned ones rarely do
(benchmarks/studies/second_look.py). So an unsure face is cut out, turned by eighths and looked at again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mien.core.protocols import Detector
from mien.core.types import Box, Detection, Image
from mien.geometry.squares import scale_of, square_to_crop
from mien.imaging.warp import invert_affine, move_points, sample_affine

SURE = 0.9
LEAST_SIDE = 32.0  # pixels; smaller faces are unsure because they are small
AROUND = 3.0  # side of the cut-out over the face's
VIEW = 256  # pixels of the cut-out as the detector sees it
ENLARGED = 0.7  # pixels of the cut-out a picture pixel, above which hardly a picture pixel is left out
NEAR = 0.2  # of the cut-out: how far from its middle the same face may be found
GAIN = 0.02  # a turn must beat the first look by this much
TURNS = tuple(turn * math.pi / 4 for turn in (0, 2, -2, 4, 1, -1, 3, -3))


@dataclass(frozen=True, slots=True)
class SecondLook:
    """first: finds the faces.    closer: looks at the cut-outs, ``view`` pixels a side."""

    first: Detector
    closer: Detector
    view: int = VIEW

    def detect(self, image: Image) -> list[Detection]:
        found = [self._sure(image, face) for face in self.first.detect(image)]
        return sorted(found, key=lambda face: -face.score)

    def _sure(self, image: Image, face: Detection) -> Detection:
        if face.score >= SURE or min(face.box.width, face.box.height) < LEAST_SIDE:
            return face
        best = face
        for angle in TURNS:
            seen = self._look(image, face, angle)
            if seen is not None and seen.score > max(best.score, face.score + GAIN):
                best = seen
            if angle == 0 and best.score >= SURE:
                break  # upright after all: no turn can make more of it
        return best

    def _look(self, image: Image, face: Detection, angle: float) -> Detection | None:
        side = AROUND * max(face.box.width, face.box.height)
        matrix = square_to_crop(face.box.center, side, angle, self.view)
        across = 1 if scale_of(matrix) > ENLARGED else 2
        cut = Image(sample_affine(image.pixels, matrix, (self.view, self.view), across=across))
        middle = (self.view - 1) / 2
        near = [
            seen
            for seen in self.closer.detect(cut)
            if math.dist(seen.box.center, (middle, middle)) < NEAR * self.view
        ]
        if not near:
            return None
        best = max(near, key=lambda seen: seen.score)
        back = invert_affine(matrix)
        x, y = move_points(back, np.array(best.box.center))
        half_w, half_h = upright_halves(best.box, angle)
        zoom = scale_of(matrix)
        box = Box(x - half_w / zoom, y - half_h / zoom, x + half_w / zoom, y + half_h / zoom)
        return Detection(Box(*map(float, box)), best.score, move_points(back, best.keypoints))


def upright_halves(box: Box, angle: float) -> tuple[float, float]:
    """Half width and height of the upright box for a box that is turned by ``angle``.

    Quarter turns swap the sides; a box turned by 45 degrees has no upright counterpart and becomes a square
    of its mean side.

    >>> upright_halves(Box(0, 0, 20, 30), math.pi / 2)
    (15.0, 10.0)
    """
    wide, tall = box.width / 2, box.height / 2
    along = abs(math.cos(angle))
    if along > 0.9:
        return wide, tall
    return (tall, wide) if along < 0.1 else ((wide + tall) / 2, (wide + tall) / 2)
