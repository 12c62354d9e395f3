"""A closer look at faces that the first look was not sure of, turned every way.

A detector that expects upright faces finds upside-down ones too, but calls the chin an eye, and every
measurement after it is worthless. Its score tells: upright faces get 0.9 and more, turned ones rarely do
(benchmarks/studies/second_look.py). So an unsure face is shown once more, small and turned by eighths, all
eight side by side on one sheet; the turn that looks surest there is looked at closely.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mien.core.protocols import Detector
from mien.core.types import Box, Detection, Image, Pixels
from mien.geometry.squares import Affine, scale_of, square_to_crop
from mien.imaging.warp import invert_affine, move_points, sample_affine

SURE = 0.9
LEAST_SIDE = 32.0  # pixels; smaller faces are unsure because they are small
AROUND = 3.0  # side of the cut-out over the face's
VIEW = 256  # pixels of the cut-out as the detector sees it
ENLARGED = 0.7  # pixels of the cut-out a picture pixel, above which hardly a picture pixel is left out
NEAR = 0.6  # of the face's size: how far from the cut-out's middle the same face may be found
GAIN = 0.02  # a closer look must beat the first by this much
TURNS = tuple(turn * math.pi / 4 for turn in (0, 2, -2, 4, 1, -1, 3, -3))
SHEET = 320  # pixels of the sheet
TILES = 3  # along each side of it
TILE = SHEET // TILES  # pixels of a cut-out on it
AROUND_ON_SHEET = 1.7
FAINT = 0.3  # least score on the sheet, where faces are small


@dataclass(frozen=True, slots=True)
class SecondLook:
    """first: finds the faces.    closer: looks at the cut-outs, ``view`` pixels a side.

    overview: looks at the sheets; tells scores down to `FAINT`.
    """

    first: Detector
    closer: Detector
    overview: Detector
    view: int = VIEW

    def detect(self, image: Image) -> list[Detection]:
        found = [self._sure(image, face) for face in self.first.detect(image)]
        return sorted(found, key=lambda face: -face.score)

    def _sure(self, image: Image, face: Detection) -> Detection:
        if face.score >= SURE or min(face.box.width, face.box.height) < LEAST_SIDE:
            return face
        seen = self._look(image, face, self._turn(image, face))
        return face if seen is None or seen.score <= face.score + GAIN else seen

    def _turn(self, image: Image, face: Detection) -> float:
        """By how much the square around the face is to be turned for the surest look; not at all where no
        turn shows a face."""
        sheet = np.zeros((SHEET, SHEET, 3), np.uint8)
        for number, angle in enumerate(TURNS):
            top, left = (TILE * place for place in divmod(number, TILES))
            sheet[top : top + TILE, left : left + TILE] = _cut_out(
                image, _square(face, AROUND_ON_SHEET, angle, TILE), TILE
            )
        surest, best = 0.0, TURNS[0]
        for seen in self.overview.detect(Image(sheet)):
            (column, x), (row, y) = (divmod(place, TILE) for place in seen.box.center)
            number = int(row) * TILES + int(column)
            if not (0 <= row < TILES and 0 <= column < TILES and number < len(TURNS)):
                continue
            if _is_near((x, y), TILE, AROUND_ON_SHEET) and seen.score > surest:
                surest, best = seen.score, TURNS[number]
        return best

    def _look(self, image: Image, face: Detection, angle: float) -> Detection | None:
        matrix = _square(face, AROUND, angle, self.view)
        near = [
            seen
            for seen in self.closer.detect(Image(_cut_out(image, matrix, self.view)))
            if _is_near(seen.box.center, self.view, AROUND)
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


def _square(face: Detection, around: float, angle: float, size: int) -> Affine:
    """The map from the picture to a cut-out of ``size`` pixels a side, ``around`` times the face's."""
    return square_to_crop(face.box.center, around * max(face.box.width, face.box.height), angle, size)


def _cut_out(image: Image, matrix: Affine, size: int) -> Pixels:
    across = 1 if scale_of(matrix) > ENLARGED else 2
    return sample_affine(image.pixels, matrix, (size, size), across=across)


def _is_near(place: tuple[float, float], size: int, around: float) -> bool:
    """Whether a face in a cut-out is the one that the cut-out was made around."""
    return math.dist(place, ((size - 1) / 2,) * 2) < NEAR * size / around


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
