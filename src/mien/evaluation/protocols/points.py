"""Lists of true landmarks: a table of numbers, a folder of ``.pts`` files (300-W) or of ``.points.json``."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError
from mien.evaluation.own import PICTURES
from mien.evaluation.protocols.pairs import read_text

Points2D = NDArray[np.float64]


def read_points(source: Path, images: Path, count: int) -> dict[Path, Points2D]:
    """Read picture -> (count, 2) pixels.

    source: a CSV whose rows are a file name, then x and y in turn (a first row of column names is allowed),
        or a folder that holds ``name.pts`` or ``name.points.json`` for pictures ``name.*`` under ``images``.
    raises: InputError that names the file and line.
    """
    found = _folder(source, images) if source.is_dir() else _table(source, images)
    if not found:
        raise InputError(f"{source} holds no points: give a table, or a folder of .pts or .points.json files")
    for picture, points in found.items():
        if points.shape != (count, 2) or not np.isfinite(points).all():
            raise InputError(f"{picture.name} has {len(points)} points where {count} belong: check --scheme")
    return found


def _table(file: Path, images: Path) -> dict[Path, Points2D]:
    found: dict[Path, Points2D] = {}
    for line, cells in enumerate(csv.reader(read_text(file).splitlines()), start=1):
        if not cells or (line == 1 and not cells[0].lower().endswith(PICTURES)):
            continue
        try:
            numbers = np.array([float(cell) for cell in cells[1:]])
            points = numbers.reshape(-1, 2)
        except ValueError:
            raise InputError(f"{file}, line {line}: a name and then x and y in turn belong here") from None
        picture = images / cells[0]
        if not picture.is_file():
            raise InputError(f"{file}, line {line}: there is no picture {picture}; check --images")
        found[picture] = points
    return found


def _folder(folder: Path, images: Path) -> dict[Path, Points2D]:
    pictures = {path.stem: path for path in sorted(images.rglob("*")) if path.suffix.lower() in PICTURES}
    found: dict[Path, Points2D] = {}
    for file in sorted([*folder.rglob("*.pts"), *folder.rglob("*.points.json")]):
        stem = file.name.removesuffix(".pts").removesuffix(".points.json")
        if stem not in pictures:
            raise InputError(f"{file}: there is no picture {stem} under {images}; check --images")
        found[pictures[stem]] = _pts(file) if file.suffix == ".pts" else _json(file)
    return found


def _pts(file: Path) -> Points2D:
    """300-W counts pixels from 1."""
    text = read_text(file)
    body = text[text.find("{") + 1 : text.find("}")] if "{" in text and "}" in text else ""
    try:
        points = np.array([float(number) for number in body.split()]).reshape(-1, 2)
    except ValueError:
        raise InputError(f"{file} is no points file: `n_points: 68 {{ x y … }}` belongs there") from None
    return np.asarray(points - 1, np.float64)


def _json(file: Path) -> Points2D:
    try:
        return np.array(json.loads(read_text(file)), np.float64).reshape(-1, 2)
    except (ValueError, TypeError):
        raise InputError(f"{file} is no list of [x, y]: get it again") from None
