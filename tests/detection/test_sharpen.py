from __future__ import annotations

import math

import numpy as np
import pytest

from mien.core.types import Box, Detection, Image, LocatedFace
from mien.detection.sharpen import CROP, Sharpen

FIVE = np.array([[-15.0, -12], [15, -12], [0, 5], [-12, 20], [12, 20]])
COLOURS = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [0, 1, 1]], bool)  # one a keypoint


class Spots:
    """Finds the five colours that were painted."""

    def __init__(self, offset: float = 0.0) -> None:
        self.offset = offset
        self.sizes: list[tuple[int, int]] = []
        self.points = np.zeros((5, 2))

    def detect(self, image: Image) -> list[Detection]:
        self.sizes.append((image.width, image.height))
        lit = image.pixels > 128
        self.points = np.stack(
            [np.argwhere((lit == colour).all(axis=2)).mean(axis=0)[::-1] for colour in COLOURS]
        )
        return [Detection(Box(0, 0, 1, 1), 0.5, self.points + self.offset)]


class Blind:
    def detect(self, image: Image) -> list[Detection]:
        return []


def painted(angle: float, scale: float) -> tuple[Image, np.ndarray]:
    c, s = scale * math.cos(angle), scale * math.sin(angle)
    points = FIVE @ np.array([[c, -s], [s, c]]).T + [210, 190]
    pixels = np.zeros((400, 420, 3), np.uint8)
    ys, xs = np.mgrid[:400, :420]
    for (x, y), colour in zip(points, COLOURS, strict=True):
        pixels[np.hypot(xs - x, ys - y) < 5 * scale] = np.where(colour, 255, 0)
    return Image(pixels), points


def roughly(points: np.ndarray, scale: float) -> Detection:
    size = 40 * scale
    x, y = points.mean(axis=0)
    rough = points + np.random.default_rng(0).normal(0, 1.0, points.shape)
    return Detection(Box(x - size / 2, y - size / 2, x + size / 2, y + size / 2), 0.9, rough)


@pytest.mark.parametrize("angle", [0.0, 0.5, -2.0])
@pytest.mark.parametrize("scale", [1.0, 2.5])
def test_the_second_look_brings_the_points_back(angle: float, scale: float) -> None:
    image, truth = painted(angle, scale)
    detector = Spots()
    sharp = Sharpen(detector)(LocatedFace(image, roughly(truth, scale)))
    assert np.abs(sharp.detection.keypoints - truth).max() < 1.0 * scale
    assert detector.sizes == [(CROP, CROP)]
    eyes = detector.points[1] - detector.points[0]
    assert abs(math.atan2(eyes[1], eyes[0])) < 0.15, "the face stands upright in the second look"


def test_box_and_score_stay() -> None:
    image, truth = painted(0.2, 1.0)
    before = roughly(truth, 1.0)
    after = Sharpen(Spots())(LocatedFace(image, before)).detection
    assert (after.box, after.score) == (before.box, before.score)


@pytest.mark.parametrize("detector", [Blind(), Spots(offset=150.0)])
def test_another_face_or_none_changes_nothing(detector: Blind | Spots) -> None:
    image, truth = painted(0.0, 1.0)
    face = LocatedFace(image, roughly(truth, 1.0))
    assert Sharpen(detector)(face) is face
