"""The table of who is who says what was compared with what."""

from __future__ import annotations

from pathlib import Path

from mien.core.types import Box
from mien.embedding.compare import Judgement
from mien.page.blocks import Mark
from mien.pipeline.demo.album import Photo
from mien.pipeline.demo.people import Compared, rows

BOX = Box(0, 0, 1, 1)


def compared(name: str, who: str, portrait: str, similarity: float | None) -> Compared:
    photo = Photo(Path(name), "darker" if "-" in name else "", ((who, BOX),))
    if similarity is None:
        return Compared(photo, who, portrait, None)
    same = similarity >= 0.5
    answer = Judgement(same, similarity, 0.1, 0.05, 0.2, True, 0.5, 0.5, 0.5)
    return Compared(photo, who, portrait, answer)


def test_every_number_stands_below_the_portrait_it_was_compared_with() -> None:
    given = [
        compared("ada.png", "Ada", "Bo", 0.125),
        compared("bo.png", "Bo", "Ada", 0.125),
        compared("ada-dark.jpg", "Ada", "Ada", 0.9),
        compared("ada-dark.jpg", "Ada", "Bo", 0.25),
    ]
    assert list(rows(given, ["Ada", "Bo"])) == [
        ("ada.png", "Ada", "as it came", "itself", Mark("0.12")),
        ("bo.png", "Bo", "as it came", Mark("0.12"), "itself"),
        ("ada-dark.jpg", "Ada", "darker", Mark("0.90", "good"), Mark("0.25")),
    ]


def test_what_is_wrong_is_called_so() -> None:
    given = [
        compared("ada-dark.jpg", "Ada", "Ada", 0.4),
        compared("ada-dark.jpg", "Ada", "Bo", 0.6),
        compared("ada-dark.jpg", "Ada", "Cy", None),
    ]
    cells = next(rows(given, ["Ada", "Bo", "Cy"]))[3:]
    assert cells == (Mark("0.40 missed", "bad"), Mark("0.60 mistaken", "bad"), Mark("not found", "bad"))
    assert not any(one.right for one in given)
