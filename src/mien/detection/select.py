"""Which of several faces is meant."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mien.core.errors import AmbiguousFace, InputError, NoFaceFound
from mien.core.types import Detection


def largest(faces: Sequence[Detection]) -> int:
    """Index of the face with the largest box."""
    return max(range(len(faces)), key=lambda i: faces[i].box.area)


def most_central(faces: Sequence[Detection], width: int, height: int) -> int:
    """Index of the face that the picture is of: large and near the centre.

    The score is the box's area less twice the squared distance of its centre from the picture's centre, as
    the field's test protocols use it for pictures like LFW's, where others may stand at the edge.
    """

    def score(i: int) -> float:
        x, y = faces[i].box.center
        return faces[i].box.area - 2 * math.hypot(x - (width - 1) / 2, y - (height - 1) / 2) ** 2

    return max(range(len(faces)), key=score)


def select(faces: Sequence[Detection], which: str | None, width: int, height: int, source: str) -> int:
    """Index of the face that the caller means.

    which: "largest", "center", or the face's number, counted from 1 in order of score; None demands that
        there is only one. A picture with one face needs no choice.
    source: what to call the picture in an error.
    raises: `NoFaceFound`, `AmbiguousFace`, or InputError for another ``which``.
    """
    if not faces:
        raise NoFaceFound(
            f"{source} shows no face that mien can find: use a picture where it is clearly seen"
        )
    if len(faces) == 1:
        return 0
    match which:
        case None:
            raise AmbiguousFace(f"{source} shows {len(faces)} faces: say --which largest, center or a number")
        case "largest":
            return largest(faces)
        case "center" | "centre":
            return most_central(faces, width, height)
        case number if number.isdigit() and 1 <= int(number) <= len(faces):
            return int(number) - 1
    raise InputError(f"--which {which} picks none of {len(faces)} faces: say largest, center or a number")
