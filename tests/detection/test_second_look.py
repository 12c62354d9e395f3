"""A closer look: an unsure face is turned until it is sure, and told in the picture's own pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest

from mien.core.types import Box, Detection, Image
from mien.detection.second_look import AROUND_ON_SHEET, SHEET, TILE, TILES, VIEW, SecondLook, upright_halves
from mien.imaging.rotate import rotate

LEFT_EYE, RIGHT_EYE = np.array([130.0, 100]), np.array([170.0, 100])


def portrait() -> Image:
    """A grey picture with a red eye and a green eye, 40 pixels apart."""
    pixels = np.full((220, 300, 3), 90, np.uint8)
    for (x, y), colour in ((LEFT_EYE, (250, 0, 0)), (RIGHT_EYE, (0, 250, 0))):
        pixels[int(y) - 5 : int(y) + 6, int(x) - 5 : int(x) + 6] = colour
    return Image(pixels)


@dataclass
class SeesEyes:
    """Surer the more level the eyes are; calls whatever stands left the left eye, as real detectors do."""

    side: float
    cap: float = 1.0

    def detect(self, image: Image) -> list[Detection]:
        red, green = (self._spot(image, channel) for channel in (0, 1))
        if red is None or green is None:
            return []
        x, y = (red + green) / 2
        level = (green - red)[0] / np.linalg.norm(green - red)
        left, right = sorted((red, green), key=lambda eye: float(eye[0]))
        points = np.stack([left, right, *[np.array([x, y])] * 3])
        half = self.side / 2
        score = min(0.6 + 0.35 * max(float(level), 0.0), self.cap)
        return [Detection(Box(x - half, y - half, x + half, y + half), score, points)]

    @staticmethod
    def _spot(image: Image, channel: int) -> np.ndarray | None:
        others = [c for c in (0, 1, 2) if c != channel]
        mask = (image.pixels[..., channel] > 130) & (image.pixels[..., others].max(axis=2) < 60)
        rows, columns = np.nonzero(mask)
        return np.array([columns.mean(), rows.mean()]) if len(rows) else None


@dataclass
class SeesSheets:
    """Looks at each cut-out of a sheet as `SeesEyes` does."""

    cap: float = 1.0

    def detect(self, image: Image) -> list[Detection]:
        assert image.pixels.shape == (SHEET, SHEET, 3)
        eyes, found = SeesEyes(TILE / AROUND_ON_SHEET, self.cap), []
        for number in range(TILES**2):
            y, x = (TILE * place for place in divmod(number, TILES))
            for seen in eyes.detect(Image(image.pixels[y : y + TILE, x : x + TILE])):
                box = Box(*(seen.box[i] + (x, y)[i % 2] for i in range(4)))
                found.append(Detection(box, seen.score, seen.keypoints + np.array([x, y])))
        return found


@dataclass
class Never:
    """A detector that nobody should ask."""

    def detect(self, image: Image) -> list[Detection]:
        raise AssertionError("looked again")


@pytest.mark.parametrize("degrees", [90, 180, 270, 45, 135])
def test_a_turned_face_gets_its_eyes_right(degrees: int) -> None:
    turned = rotate(portrait().pixels, math.radians(degrees))
    search = SecondLook(SeesEyes(100), SeesEyes(100 * VIEW / 300), SeesSheets())
    (found,) = search.detect(Image(turned.pixels))
    assert found.score == pytest.approx(0.95, abs=0.01)
    np.testing.assert_allclose(turned.to_picture(found.keypoints[:2]), [LEFT_EYE, RIGHT_EYE], atol=1.5)
    assert (found.box.width, found.box.height) == pytest.approx((100, 100), abs=1)


def test_a_sure_face_is_left_alone() -> None:
    (found,) = SecondLook(SeesEyes(100), Never(), Never()).detect(portrait())
    np.testing.assert_allclose(found.keypoints[0], LEFT_EYE, atol=0.1)


def test_a_small_face_is_unsure_because_it_is_small() -> None:
    (found,) = SecondLook(SeesEyes(20, cap=0.7), Never(), Never()).detect(portrait())
    assert found.score == 0.7


def test_an_unsure_face_that_gains_nothing_keeps_its_first_look() -> None:
    first = SeesEyes(100, cap=0.8)
    (found,) = SecondLook(first, SeesEyes(100 * VIEW / 300, cap=0.81), SeesSheets()).detect(portrait())
    assert found.score == 0.8


def test_a_quarter_turn_swaps_the_sides_of_the_box() -> None:
    box = Box(0, 0, 20, 30)
    assert upright_halves(box, 0) == upright_halves(box, math.pi) == (10, 15)
    assert upright_halves(box, -math.pi / 2) == (15, 10)
    assert upright_halves(box, math.pi / 4) == (12.5, 12.5)


@pytest.mark.parametrize("degrees", [0, 90, 180])
def test_an_unsure_face_costs_one_sheet_and_one_closer_look(degrees: int) -> None:
    looks: list[tuple[int, int]] = []

    @dataclass
    class Counts:
        of: SeesEyes | SeesSheets

        def detect(self, image: Image) -> list[Detection]:
            looks.append(image.pixels.shape[:2])
            return self.of.detect(image)

    turned = rotate(portrait().pixels, math.radians(degrees))
    closer, overview = Counts(SeesEyes(100 * VIEW / 300)), Counts(SeesSheets())
    (found,) = SecondLook(SeesEyes(100, cap=0.8), closer, overview).detect(Image(turned.pixels))
    assert found.score == pytest.approx(0.95, abs=0.01)
    assert looks == [(SHEET, SHEET), (VIEW, VIEW)]


def test_a_face_that_no_cut_out_of_the_sheet_shows_is_looked_at_as_it_stands() -> None:
    @dataclass
    class Blind:
        def detect(self, image: Image) -> list[Detection]:
            return []

    closer = SeesEyes(100 * VIEW / 300)
    (found,) = SecondLook(SeesEyes(100, cap=0.8), closer, Blind()).detect(portrait())
    assert found.score == pytest.approx(0.95, abs=0.01)
