"""A table of points: a row a picture, its path first, then x and y of each point in turn."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mien.core.errors import InputError
from mien.core.types import Points
from mien.training.data.listing import Listing, Sample
from mien.training.options import option


@dataclass(frozen=True, slots=True)
class Config:
    file: str = option("keypoints.csv", "the table, below the root; its first line names the columns")
    pictures: str = option("", "folder of the pictures, below the root; empty: the root")
    person: str = option(
        "", "regular expression whose first group, in the picture's name, is who is shown; empty: the picture"
    )


def read(root: Path, config: Config) -> Listing:
    """The label is the person.

    raises: `InputError` for a table that cannot be read, or a row that is no path and pairs of numbers.
    """
    path = root / config.file
    try:
        person = re.compile(config.person)
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file, strict=True))[1:]
    except re.error as error:
        raise InputError(f"data.person is no regular expression ({error}): correct it") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"the table {path} cannot be read ({error}): check the source's options") from error
    folder = root / config.pictures
    return Listing(
        tuple(_sample(folder, row, place, person, path) for place, row in enumerate(rows, 2) if row)
    )


def _sample(folder: Path, row: list[str], place: int, person: re.Pattern[str], table: Path) -> Sample:
    name = row[0].strip()
    match = person.search(name) if person.pattern else None
    who = match.group(1) if match is not None and match.groups() else name
    return Sample(folder / name, who, who, points=_points(row[1:], f"row {place} of {table}"))


def _points(values: list[str], where: str) -> Points:
    try:
        numbers = np.array([float(value) for value in values])
    except ValueError as error:
        raise InputError(f"{where} has a point that is no number ({error}): correct it") from error
    if len(numbers) < 2 or len(numbers) % 2 or not np.isfinite(numbers).all():
        raise InputError(f"{where} has {len(numbers)} numbers, which are no pairs of x and y: correct it")
    return numbers.reshape(-1, 2)
