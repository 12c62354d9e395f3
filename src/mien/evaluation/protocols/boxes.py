"""Lists of true boxes and of found ones: a table, or WIDER FACE's ``wider_face_*_bbx_gt.txt``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError
from mien.evaluation.protocols.pairs import read_text
from mien.evaluation.protocols.table import Row, read_table


@dataclass(frozen=True, slots=True, eq=False)
class TrueFaces:
    """The faces of one picture.    boxes: (T, 4) x1, y1, x2, y2 pixels.    ignored: (T,) not to be judged."""

    boxes: NDArray[np.float64]
    ignored: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class FoundFaces:
    """What a detector says of one picture.    boxes: (D, 4).    scores: (D,)."""

    boxes: NDArray[np.float64]
    scores: NDArray[np.float64]


def read_true_boxes(file: Path) -> dict[str, TrueFaces]:
    """Read picture -> true boxes, from ``file,x1,y1,x2,y2[,ignore]`` or WIDER FACE's text.

    A table row without numbers names a picture without faces.
    """
    first = read_text(file).lstrip("\ufeff").split("\n", 1)[0]
    return _read_wider(file) if "," not in first and "\t" not in first else _read_true_table(file)


def read_found_boxes(file: Path) -> dict[str, FoundFaces]:
    """Read picture -> found boxes, from ``file,x1,y1,x2,y2,score``."""
    table = read_table(file, ["file", "x1", "y1", "x2", "y2", "score"])
    gathered: dict[str, list[tuple[list[float], float]]] = {}
    for row in table.rows:
        gathered.setdefault(row.cells["file"], []).append((_box(row), row.number("score")))
    return {
        name: FoundFaces(
            np.array([box for box, _ in found], np.float64), np.array([score for _, score in found])
        )
        for name, found in gathered.items()
    }


def _read_true_table(file: Path) -> dict[str, TrueFaces]:
    table = read_table(file, ["file", "x1", "y1", "x2", "y2"])
    gathered: dict[str, list[tuple[list[float], bool]]] = {}
    for row in table.rows:
        faces = gathered.setdefault(row.cells["file"], [])
        if any(row.cells[name] for name in ("x1", "y1", "x2", "y2")):
            ignored = row.cells.get("ignore", "").lower() in ("1", "true", "yes")
            faces.append((_box(row), ignored))
    return _faces(gathered)


def _box(row: Row) -> list[float]:
    x1, y1, x2, y2 = (row.number(name) for name in ("x1", "y1", "x2", "y2"))
    if x2 <= x1 or y2 <= y1:
        raise InputError(f"{row.where}: the box {x1:g},{y1:g},{x2:g},{y2:g} has no area; write its corners")
    return [x1, y1, x2, y2]


def _read_wider(file: Path) -> dict[str, TrueFaces]:
    """A path, a count, and that many rows ``x y w h blur expression illumination invalid occlusion pose``.

    Faces marked invalid, and those without area, are ignored; a count of 0 is followed by one row of zeros.
    """
    lines = read_text(file).splitlines()
    gathered: dict[str, list[tuple[list[float], bool]]] = {}
    at = 0
    while at < len(lines):
        if not lines[at].strip():
            at += 1
            continue
        name = lines[at].strip()
        if at + 1 >= len(lines) or not lines[at + 1].strip().isdigit():
            raise InputError(
                f"{file}, line {at + 2}: the number of faces of {name} belongs here; get the list anew"
            )
        count = int(lines[at + 1])
        faces = [_wider_row(file, at + 2 + i, lines) for i in range(count)]
        gathered[name] = faces
        at += 2 + count
        if count == 0 and at < len(lines) and set(lines[at].split()) == {"0"}:
            at += 1
    return _faces(gathered)


def _wider_row(file: Path, at: int, lines: list[str]) -> tuple[list[float], bool]:
    cells = lines[at].split() if at < len(lines) else []
    try:
        x, y, w, h = (float(cell) for cell in cells[:4])
    except ValueError:
        raise InputError(f"{file}, line {at + 1}: no `x y w h …` of a face; get the list anew") from None
    invalid = len(cells) > 7 and cells[7] == "1"
    return [x, y, x + w, y + h], invalid or w <= 0 or h <= 0


def _faces(gathered: Mapping[str, list[tuple[list[float], bool]]]) -> dict[str, TrueFaces]:
    return {
        name: TrueFaces(
            np.array([box for box, _ in faces], np.float64).reshape(-1, 4),
            np.array([ignored for _, ignored in faces], np.bool_),
        )
        for name, faces in gathered.items()
    }
