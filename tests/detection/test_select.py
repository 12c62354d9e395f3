"""Which face is meant: the words a user may say, and the answer to each."""

from __future__ import annotations

import numpy as np
import pytest

from mien.core.errors import AmbiguousFace, InputError, NoFaceFound
from mien.core.types import Box, Detection
from mien.detection.doubt import is_doubtful, least_presence
from mien.detection.select import select


def face(x: float, y: float, side: float, score: float = 0.9) -> Detection:
    return Detection(Box(x - side / 2, y - side / 2, x + side / 2, y + side / 2), score, np.zeros((5, 2)))


FACES = [face(20, 20, 30), face(100, 100, 24), face(180, 30, 40)]


@pytest.mark.parametrize(
    ("which", "chosen"), [("largest", 2), ("center", 1), ("centre", 1), ("1", 0), ("3", 2)]
)
def test_the_face_that_was_meant_is_chosen(which: str, chosen: int) -> None:
    assert select(FACES, which, 201, 201, "photo.jpg") == chosen


@pytest.mark.parametrize("which", [None, "largest", "center", "2"])
def test_one_face_is_the_one_whatever_the_word(which: str | None) -> None:
    assert select(FACES[:1], which, 201, 201, "photo.jpg") == 0


def test_several_faces_without_a_word_are_ambiguous() -> None:
    with pytest.raises(AmbiguousFace, match=r"photo\.jpg shows 3 faces: say --which"):
        select(FACES, None, 201, 201, "photo.jpg")


def test_no_face_is_said_with_the_pictures_name() -> None:
    with pytest.raises(NoFaceFound, match=r"photo\.jpg shows no face"):
        select([], "largest", 201, 201, "photo.jpg")


@pytest.mark.parametrize("which", ["0", "4", "left", "-1", ""])
def test_a_word_that_picks_nobody_is_refused(which: str) -> None:
    with pytest.raises(InputError, match="picks none of 3 faces"):
        select(FACES, which, 201, 201, "photo.jpg")


def test_only_a_large_unsure_face_beside_a_sure_one_is_doubted() -> None:
    sure, unsure, small = face(0, 0, 90, 0.95), face(0, 0, 90, 0.7), face(0, 0, 20, 0.7)
    assert [is_doubtful(one, [sure, unsure, small]) for one in (sure, unsure, small)] == [False, True, False]
    assert not is_doubtful(unsure, [unsure])


def test_the_mesh_must_see_more_of_a_face_that_the_detector_hardly_saw() -> None:
    behind_a_camera, bare_belly = (face(0, 0, 60, 0.82), 0.0141), (face(0, 0, 164, 0.61), 0.0528)
    assert [seen >= least_presence(one) for one, seen in (behind_a_camera, bare_belly)] == [True, False]
