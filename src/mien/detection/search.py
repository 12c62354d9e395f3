"""Look again, harder, where the first look finds no face.

The order and the thresholds are measured (benchmarks/studies, docs/models.md): turned pictures invite
inventions, so a turned look must be surer than an upright one, and the surest turn wins.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mien.core.protocols import Detector
from mien.core.types import Box, Detection, Image
from mien.imaging.rotate import Turned, quarter_turns, rotate


@dataclass(frozen=True, slots=True)
class Rung:
    """One level of effort: the same detector on the picture turned in several ways.

    detector: opened when the rung is first reached, since most pictures never get there.
    turns: clockwise turns of the picture in units of 45 degrees.
    """

    detector: Callable[[], Detector]
    turns: tuple[int, ...] = (0,)


@dataclass(frozen=True, slots=True)
class Search:
    """Climbs the rungs until one finds a face."""

    rungs: Sequence[Rung]

    def detect(self, image: Image) -> list[Detection]:
        for rung in self.rungs:
            detector = rung.detector()
            looks = [_look(detector, image, turn) for turn in rung.turns]
            best = max(looks, key=lambda found: max((face.score for face in found), default=-1.0))
            if best:
                return best
        return []


def _look(detector: Detector, image: Image, turn: int) -> list[Detection]:
    if turn == 0:
        return detector.detect(image)
    if turn % 2 == 0:
        turned = quarter_turns(image.pixels, turn // 2)
    else:
        turned = rotate(image.pixels, turn * math.pi / 4)
    return [_turned_back(found, turned) for found in detector.detect(Image(turned.pixels))]


def _turned_back(found: Detection, turned: Turned) -> Detection:
    """Map a detection of the turned picture to the picture itself.

    A box turned by 45 degrees has no upright counterpart: it becomes a square of its mean side.
    """
    x, y = turned.to_picture(np.array(found.box.center))
    wide, tall = found.box.width / 2, found.box.height / 2
    along = abs(turned.matrix[0, 0])
    if along < 0.9:
        wide, tall = (tall, wide) if along < 0.1 else ((wide + tall) / 2, (wide + tall) / 2)
    box = Box(float(x - wide), float(y - tall), float(x + wide), float(y + tall))
    return Detection(box, found.score, turned.to_picture(found.keypoints))
