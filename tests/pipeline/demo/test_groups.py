"""How many faces of the pile are sorted right, of sortings that are known."""

from __future__ import annotations

from pathlib import Path

import pytest

from mien.core.types import Box
from mien.pipeline.demo.album import Photo
from mien.pipeline.demo.groups import Member, right_faces

PHOTO = Photo(Path("a.jpg"), "", (("Ada", Box(0, 0, 1, 1)),))


@pytest.mark.parametrize(
    ("truth", "groups", "right"),
    [
        ("AAABB", (0, 0, 0, 1, 1), 5),
        ("AAABB", (0, 0, 2, 1, 1), 4),  # one face alone
        ("AAABB", (0, 0, 0, 0, 1), 4),  # one face among another's
        ("AAABB", (0, 0, 0, 0, 0), 3),  # two people in one group: the smaller one is lost
    ],
)
def test_counts_faces_that_are_with_the_rest_of_their_person(
    truth: str, groups: tuple[int, ...], right: int
) -> None:
    members = [Member(PHOTO, Box(0, 0, 1, 1), who, group) for who, group in zip(truth, groups, strict=True)]
    assert right_faces(members) == right
