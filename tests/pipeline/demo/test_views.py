"""Cuts show the face, and findings follow their picture."""

from __future__ import annotations

import numpy as np
import pytest

from mien.core.report import FaceReport
from mien.core.types import Box, Detection, Landmarks
from mien.imaging.warp import move_points
from mien.pipeline.demo.stage import face_at
from mien.pipeline.demo.views import cut, moved_face, square_around


@pytest.mark.parametrize(
    "box", [Box(2, 3, 30, 40), Box(70, 60, 99, 79), Box(-5, -5, 20, 20), Box(0, 0, 99, 79)]
)
@pytest.mark.parametrize("around", [1.0, 2.0, 9.0])
def test_a_cut_never_leaves_the_picture(box: Box, around: float) -> None:
    pixels = np.full((80, 100, 3), 200, np.uint8)
    made, matrix = cut(pixels, box, around, 64)
    assert made.min() >= 199
    assert matrix[0, 0] == matrix[1, 1] >= 64 / 80 - 1e-9


def test_a_cut_has_the_face_in_its_middle_where_there_is_room() -> None:
    box = Box(40, 30, 60, 50)
    matrix = square_around(box, 2.0, 128, (80, 100))
    assert move_points(matrix, np.array(box.center)) == pytest.approx([63.5, 63.5])


def test_findings_move_with_their_picture() -> None:
    points = np.array([[10.0, 20.0, 3.0]])
    face = FaceReport(
        Detection(Box(0, 0, 10, 20), 0.9, np.zeros((5, 2))), frozenset({"box"}), Landmarks("one", points, 1.0)
    )
    twice = moved_face(face, np.array([[2.0, 0, 1], [0, 2, -1]]))
    assert list(twice.detection.box) == [1, -1, 21, 39]
    assert twice.landmarks is not None
    assert twice.landmarks.points.tolist() == [[21, 39, 6]]


def test_a_face_counts_as_found_only_near_its_place() -> None:
    def at(x: float) -> FaceReport:
        return FaceReport(Detection(Box(x, 0, x + 20, 20), 0.9, np.zeros((5, 2))), frozenset())

    here = at(3)
    assert face_at([at(30), here, at(9)], Box(0, 0, 20, 20)) is here
    assert face_at([at(30)], Box(0, 0, 20, 20)) is None
