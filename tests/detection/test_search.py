"""Looking again: the order, the turns and the way back to the picture's own pixels."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from mien.core.types import Box, Detection, Image
from mien.detection.search import Rung, Search


@dataclass
class FindsRed:
    """Finds the red spot of a picture, if it stands in the half where upright faces stand."""

    score: float = 0.9
    calls: list[tuple[int, int]] = field(default_factory=list)
    anywhere: bool = False

    def detect(self, image: Image) -> list[Detection]:
        self.calls.append((image.width, image.height))
        rows, columns = np.nonzero((image.pixels[..., 0] > 128) & (image.pixels[..., 1] < 100))
        if not len(rows) or (rows.mean() > image.height / 2 and not self.anywhere):
            return []
        x, y = float(columns.mean()), float(rows.mean())
        points = np.array([[x, y]] * 5)
        return [Detection(Box(x - 10, y - 14, x + 10, y + 14), self.score, points)]


def spot(x: int, y: int, width: int = 200, height: int = 160) -> Image:
    pixels = np.full((height, width, 3), 120, np.uint8)
    pixels[y - 2 : y + 3, x - 2 : x + 3] = (250, 0, 0)
    return Image(pixels)


def test_what_the_first_look_finds_is_taken_as_it_is() -> None:
    first, second = FindsRed(), FindsRed()
    found = Search([Rung(lambda: first), Rung(lambda: second)]).detect(spot(60, 40))
    assert found[0].box.center == pytest.approx((60, 40))
    assert second.calls == []


@pytest.mark.parametrize("turn", [2, 4, 6, 1, 3, 5, 7])
def test_a_face_found_in_a_turned_picture_is_told_in_the_pictures_own_pixels(turn: int) -> None:
    detector = FindsRed(anywhere=True)
    (found,) = Search([Rung(lambda: detector, (turn,))]).detect(spot(150, 120))
    np.testing.assert_allclose(found.keypoints, np.full((5, 2), (150, 120)), atol=0.7)
    np.testing.assert_allclose(found.box.center, (150, 120), atol=0.7)
    wide, tall = (20, 28) if turn == 4 else (28, 20) if turn in (2, 6) else (24, 24)
    assert (found.box.width, found.box.height) == pytest.approx((wide, tall))


def test_of_several_turns_the_surest_wins() -> None:
    class SurerWhenTall(FindsRed):
        def detect(self, image: Image) -> list[Detection]:
            self.score = 0.99 if image.height > image.width else 0.8
            return super().detect(image)

    detector = SurerWhenTall(anywhere=True)
    (found,) = Search([Rung(lambda: detector, (4, 2, 6))]).detect(spot(50, 50))
    assert found.score == 0.99


def test_a_margin_is_added_and_taken_off_again() -> None:
    detector = FindsRed()
    (found,) = Search([Rung(lambda: detector, margin=0.25)]).detect(spot(60, 40))
    assert detector.calls == [(300, 260)]
    assert found.box.center == pytest.approx((60, 40))
    np.testing.assert_allclose(found.keypoints[0], (60, 40))


def test_a_detector_is_opened_only_when_its_rung_is_reached() -> None:
    def never() -> FindsRed:
        raise AssertionError("opened too early")

    assert Search([Rung(FindsRed), Rung(never)]).detect(spot(60, 40))


def test_nothing_found_anywhere_is_an_empty_list() -> None:
    blank = Image(np.zeros((50, 60, 3), np.uint8))
    assert Search([Rung(FindsRed), Rung(FindsRed, (2, 4, 6), margin=0.1)]).detect(blank) == []
