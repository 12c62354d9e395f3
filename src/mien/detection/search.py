"""Look again, harder, where the first look finds no face.

The order of the looks is the caller's (`mien.pipeline.build`). Turned pictures invite inventions, so of
several turns the surest wins.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mien.core.protocols import Detector
from mien.core.types import Box, Detection, Image
from mien.detection.second_look import upright_halves
from mien.imaging.rotate import Turned, quarter_turns, rotate


@dataclass(frozen=True, slots=True)
class Rung:
    """One level of effort: the same detector on the picture turned in several ways.

    detector: opened when the rung is first reached, since most pictures never get there.
    turns: clockwise turns of the picture in units of 45 degrees.
    margin: black border around the picture, as a share of its longer side.
    """

    detector: Callable[[], Detector]
    turns: tuple[int, ...] = (0,)
    margin: float = 0.0


@dataclass(frozen=True, slots=True)
class Search:
    """Climbs the rungs until one finds a face."""

    rungs: Sequence[Rung]

    def detect(self, image: Image) -> list[Detection]:
        for rung in self.rungs:
            detector = rung.detector()
            border = round(max(image.width, image.height) * rung.margin)
            view = _padded(image, border) if border else image
            looks = [_look(detector, view, turn) for turn in rung.turns]
            best = max(looks, key=lambda found: max((face.score for face in found), default=-1.0))
            if best:
                return [_shifted(face, -border) for face in best] if border else best
        return []


def _padded(image: Image, border: int) -> Image:
    return Image(np.pad(image.pixels, ((border, border), (border, border), (0, 0))))


def _shifted(face: Detection, by: float) -> Detection:
    return Detection(Box(*(value + by for value in face.box)), face.score, face.keypoints + by)


def _look(detector: Detector, image: Image, turn: int) -> list[Detection]:
    if turn == 0:
        return detector.detect(image)
    if turn % 2 == 0:
        turned = quarter_turns(image.pixels, turn // 2)
    else:
        turned = rotate(image.pixels, turn * math.pi / 4)
    return [_turned_back(found, turned) for found in detector.detect(Image(turned.pixels))]


def _turned_back(found: Detection, turned: Turned) -> Detection:
    """Map a detection of the turned picture to the picture itself."""
    x, y = turned.to_picture(np.array(found.box.center))
    half_w, half_h = upright_halves(found.box, math.acos(np.clip(turned.matrix[0, 0], -1, 1)))
    box = Box(float(x - half_w), float(y - half_h), float(x + half_w), float(y + half_h))
    return Detection(box, found.score, turned.to_picture(found.keypoints))
