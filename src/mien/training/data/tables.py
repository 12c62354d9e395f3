"""Text tables of data sets, read with errors that name the line."""

from __future__ import annotations

import csv
import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from mien.core.errors import InputError


@dataclass(frozen=True, slots=True)
class Row:
    """One row: column -> text.    where: file and line, for errors."""

    values: dict[str, str]
    where: str


def read_table(path: Path, delimiter: str = ",", needed: Collection[str] = ()) -> list[Row]:
    """Read a table whose first line names the columns.

    needed: columns that have to be there and filled.
    raises: `InputError` for a file that cannot be read, a missing column, a row of another length.
    """
    if len(delimiter) != 1:
        raise InputError(f"columns cannot be separated by {delimiter!r}: give one character")
    lines = csv.reader(read_lines(path), delimiter=delimiter, strict=True)
    try:
        return list(_rows(lines, path, needed))
    except csv.Error as error:
        raise InputError(f"line {lines.line_num} of {path} is no table ({error}): correct it") from error


def _rows(lines: Iterator[list[str]], path: Path, needed: Collection[str]) -> Iterator[Row]:
    header = [name.strip() for name in next(lines, [])]
    missing = sorted(set(needed) - set(header))
    if missing:
        has = ", ".join(header) or "none"
        raise InputError(f"{path} has no column {missing[0]!r}: name one of its own ({has})")
    for place, line in enumerate(lines, 2):
        where = f"row {place} of {path}"
        if not line:
            continue
        if len(line) != len(header):
            raise InputError(f"{where} has {len(line)} columns, not {len(header)}: correct it")
        values = dict(zip(header, (value.strip() for value in line), strict=True))
        empty = [column for column in needed if not values[column]]
        if empty:
            raise InputError(f"{where} has nothing in {sorted(empty)[0]!r}: fill it or drop the row")
        yield Row(values, where)


def read_lines(path: Path) -> list[str]:
    """The lines of a text file; raises `InputError` where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InputError(f"the list {path} cannot be read ({why}): check the source's options") from error


def number(row: Row, column: str) -> float:
    """A finite number out of a row."""
    try:
        value = float(row.values[column])
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(
            f"{row.where} has {row.values[column]!r} in {column!r}, which is no number: correct it"
        )
    return value
