"""Tables of labels and predictions: CSV with a row of column names."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

from mien.core.errors import InputError
from mien.evaluation.protocols.pairs import read_text


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table.    where: file and line, for errors."""

    where: str
    cells: Mapping[str, str]

    def number(self, column: str) -> float:
        """A cell as a finite number; raises InputError that names the line."""
        try:
            value = float(self.cells[column])
        except ValueError:
            value = float("nan")
        if not isfinite(value):
            raise InputError(f"{self.where}: {column} is {self.cells[column]!r}; write a number")
        return value

    def picture(self, images: Path) -> Path:
        """The picture that the cell ``file`` names; raises InputError where it is not there."""
        path = images / self.cells["file"]
        if not path.is_file():
            raise InputError(f"{self.where}: there is no picture {path}; check the table and --images")
        return path


@dataclass(frozen=True, slots=True)
class Table:
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def read_table(file: Path, needed: Sequence[str]) -> Table:
    """Read a CSV or TSV whose first row names the columns.

    raises: InputError that names file and line for a missing column or a row of another width.
    """
    lines = read_text(file).splitlines()
    if not lines:
        raise InputError(f"{file} is empty: give a table whose first row names its columns")
    separator = "\t" if "\t" in lines[0] else ","
    columns = tuple(cell.strip() for cell in next(csv.reader([lines[0]], delimiter=separator)))
    missing = [name for name in needed if name not in columns]
    if missing:
        raise InputError(
            f"{file}, line 1: no column {' and no '.join(missing)} among {', '.join(columns)}; add it"
        )
    rows = []
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        cells = [cell.strip() for cell in next(csv.reader([line], delimiter=separator))]
        if len(cells) != len(columns):
            raise InputError(
                f"{file}, line {number}: {len(cells)} cells under {len(columns)} columns; mend the line"
            )
        rows.append(Row(f"{file}, line {number}", dict(zip(columns, cells, strict=True))))
    if not rows:
        raise InputError(f"{file} has no row under its column names: add some")
    return Table(columns, tuple(rows))
