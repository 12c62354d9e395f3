"""Points of a user's own network come back to where they are in the picture."""

from __future__ import annotations

import numpy as np
import pytest
from tests.attributes.stand_in import StandIn, question_card

from mien.core.errors import ModelCorrupt
from mien.core.types import AlignedFace
from mien.landmarks.points import PointNetwork

CARD = question_card(task="landmarks", scheme="points3")


def test_shares_of_the_crop_become_pixels_of_the_picture() -> None:
    matrix = np.array([[0.5, 0.0, -10.0], [0.0, 0.5, -20.0]])  # the crop's (0, 0) is the picture's (20, 40)
    face = AlignedFace(np.zeros((16, 16, 3), np.uint8), matrix, "arcface")
    corner = 0.5 / 16  # the middle of the first pixel
    shares = np.array([[[corner, corner], [corner + 0.5, corner], [0.0, 1.0]]], np.float32)
    found = PointNetwork(StandIn(CARD, {"points": shares})).locate(face, 0.9)
    np.testing.assert_allclose(found.points, [[20, 40, 0], [36, 40, 0], [19, 71, 0]], atol=1e-4)
    assert (found.scheme, found.presence) == ("points3", 0.9)


@pytest.mark.parametrize("answer", [np.zeros((1, 6)), np.full((1, 3, 2), np.nan)])
def test_answers_that_are_no_points_are_refused(answer: np.ndarray) -> None:
    face = AlignedFace(np.zeros((16, 16, 3), np.uint8), np.eye(2, 3), "arcface")
    with pytest.raises(ModelCorrupt, match="points"):
        PointNetwork(StandIn(CARD, {"points": answer.astype(np.float32)})).locate(face, 1.0)
