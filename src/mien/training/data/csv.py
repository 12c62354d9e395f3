"""A table with a row a picture: path, label, and whatever else it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mien.core.errors import InputError
from mien.core.types import Box
from mien.training.data.listing import Listing, Sample
from mien.training.data.tables import Row, number, read_table
from mien.training.options import option


@dataclass(frozen=True, slots=True)
class Config:
    file: str = option("labels.csv", "the table, below the root")
    pictures: str = option("", "folder of the pictures, below the root; empty: the root")
    path: str = option("path", "column of the picture's path")
    label: str = option("label", "column of what is to be learned")
    group: str = option("", "column of who is shown, which a split never parts; empty: the label's")
    box: tuple[str, ...] = option((), "columns of the face's x1, y1, x2, y2 in pixels")
    delimiter: str = option(",", "what separates columns; \\t for a tabulator")
    only: Mapping[str, str] | None = option(None, "column = value pairs: leave out all other rows")


def read(root: Path, config: Config) -> Listing:
    """Columns that have no other use become attributes."""
    if len(config.box) not in (0, 4):
        raise InputError(f"a box has four columns, x1, y1, x2 and y2, not {len(config.box)}: name all")
    delimiter = config.delimiter.replace("\\t", "\t")
    group = config.group or config.label
    needed = {config.path, config.label, group, *config.box, *(config.only or {})}
    rows = read_table(root / config.file, delimiter, needed)
    base = root / config.pictures
    return Listing(tuple(_sample(base, row, group, config) for row in rows if _wanted(row, config.only)))


def _wanted(row: Row, only: Mapping[str, str] | None) -> bool:
    return all(row.values[column] == value for column, value in (only or {}).items())


def _sample(base: Path, row: Row, group: str, config: Config) -> Sample:
    values = row.values
    box = Box(*(number(row, column) for column in config.box)) if config.box else None
    used = {config.path, config.label, *config.box}
    attributes = {column: value for column, value in values.items() if column not in used}
    return Sample(base / values[config.path], values[config.label], values[group], attributes, box)
