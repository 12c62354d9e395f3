"""Lists of picture pairs: what every verification protocol comes down to."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError, ThinData


class Pair(NamedTuple):
    """Two pictures, whether they show one person, and the fold that the pair is held out in."""

    a: Path
    b: Path
    same: bool
    fold: int


@dataclass(frozen=True, slots=True, eq=False)
class PairList:
    """N pairs over P distinct pictures; each picture stands once, so it is read and embedded once.

    pictures: P paths in the order of first use.
    a, b: (N,) int32 indices into ``pictures``.    same: (N,) bool.    fold: (N,) int32.
    folds_given: False where the list named no folds and `assign_folds` cut it into ten.
    """

    pictures: tuple[Path, ...]
    a: NDArray[np.int32]
    b: NDArray[np.int32]
    same: NDArray[np.bool_]
    fold: NDArray[np.int32]
    folds_given: bool

    def __len__(self) -> int:
        return len(self.same)


def collect_pairs(pairs: Iterable[Pair]) -> PairList:
    """Number the distinct pictures of some pairs; pairs that are all of one fold are cut into ten.

    raises: ThinData unless there are both genuine and impostor pairs.
    """
    numbers: dict[Path, int] = {}
    rows = [
        (numbers.setdefault(a, len(numbers)), numbers.setdefault(b, len(numbers)), same, fold)
        for a, b, same, fold in pairs
    ]
    genuine = sum(row[2] for row in rows)
    if not 0 < genuine < len(rows):
        raise ThinData(
            f"{genuine} genuine and {len(rows) - genuine} impostor pairs cannot measure a matcher: "
            "list some of both"
        )
    table = np.array(rows, dtype=np.int32)
    same, fold = table[:, 2].astype(np.bool_), table[:, 3]
    folds_given = len(np.unique(fold)) > 1
    return PairList(
        pictures=tuple(numbers),
        a=table[:, 0],
        b=table[:, 1],
        same=same,
        fold=fold if folds_given else assign_folds(same),
        folds_given=folds_given,
    )


def assign_folds(same: NDArray[np.bool_], folds: int = 10) -> NDArray[np.int32]:
    """Cut pairs into folds of equal size and equal mixture, in the order of the list.

    >>> assign_folds(np.array([True, True, False, False]), folds=2).tolist()
    [0, 1, 0, 1]
    """
    fold = np.zeros(len(same), np.int32)
    for kind in (True, False):
        here = np.flatnonzero(same == kind)
        fold[here] = np.arange(len(here)) * folds // max(len(here), 1)
    return fold


_YES, _NO = {"1", "true", "yes"}, {"0", "false", "no"}


def read_pair_table(file: Path, images: Path) -> PairList:
    """Read a table of pairs, separated by commas or tabs: ``path_a path_b same [fold]``.

    Paths are relative to ``images``; ``same`` is 1/0, true/false or yes/no; ``fold`` is a whole
    number. A first row of column names is allowed; blank lines and lines that start with # are skipped.
    Without a fold column the pairs are cut into ten folds in the order of the list.

    raises: InputError that names file and line.
    """
    rows = list(_table_rows(file))
    if rows and rows[0][1][2].lower() == "same":
        rows = rows[1:]
    widths = {len(cells) for _, cells in rows}
    if len(widths) > 1:
        line = next(line for line, cells in rows if len(cells) != len(rows[0][1]))
        raise InputError(
            f"{file}, line {line}: some rows have a fold and some have none; give all or none one"
        )
    return collect_pairs(_table_pair(file, line, cells, images) for line, cells in rows)


def _table_rows(file: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield (line number, three or four cells)."""
    text = read_text(file)
    lines = text.splitlines()
    separator = "\t" if any("\t" in line for line in lines[:2]) else ","
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        cells = [cell.strip() for cell in next(csv.reader([line], delimiter=separator))]
        if len(cells) not in (3, 4):
            raise InputError(
                f"{file}, line {number}: {len(cells)} columns where path_a, path_b, same and perhaps fold "
                "belong; separate them with commas or tabs"
            )
        yield number, cells


def _table_pair(file: Path, line: int, cells: list[str], images: Path) -> Pair:
    a, b, same, *fold = cells
    if same.lower() not in _YES | _NO:
        raise InputError(f"{file}, line {line}: same is {same!r}; write 1 or 0")
    if fold and not fold[0].lstrip("-").isdigit():
        raise InputError(f"{file}, line {line}: fold is {fold[0]!r}; write a whole number")
    for path in (images / a, images / b):
        if not path.is_file():
            raise InputError(f"{file}, line {line}: there is no picture {path}; check the list and --images")
    return Pair(images / a, images / b, same.lower() in _YES, int(fold[0]) if fold else 0)


def read_text(file: Path) -> str:
    """Read a protocol file; every failure is the caller's."""
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file} cannot be read ({error}): give a text file with pairs") from error
