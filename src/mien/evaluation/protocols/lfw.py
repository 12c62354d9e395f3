"""The pair lists of Labeled Faces in the Wild (vis-www.cs.umass.edu/lfw/README.txt)."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from mien.core.errors import InputError
from mien.evaluation.protocols.pairs import Pair, PairList, collect_pairs, read_text
from mien.evaluation.protocols.pictures import PictureFolder

_HEADER = re.compile(r"\s*(\d+)(?:\s+(\d+))?\s*")


def is_lfw_list(text: str) -> bool:
    """Tell an LFW list by its first line: one or two whole numbers."""
    return _HEADER.fullmatch(text.lstrip("\ufeff").split("\n", 1)[0]) is not None


def read_lfw_pairs(file: Path, images: Path) -> PairList:
    """Read ``pairs.txt`` (header ``folds n``) or ``pairsDev*.txt`` (header ``n``: one fold).

    Each fold is n lines ``name i j`` (one person) and then n lines ``name1 i name2 j`` (two people);
    picture i of a name is ``name/name_000i.jpg`` (or png, webp) under ``images``.

    raises: InputError that names file and line.
    """
    lines = [line.strip() for line in read_text(file).splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    header = _HEADER.fullmatch(lines[0]) if lines else None
    if header is None:
        raise InputError(f"{file}, line 1: the header must be the number of folds and pairs, as in `10 300`")
    folds, size = (int(header[1]), int(header[2])) if header[2] else (1, int(header[1]))
    if len(lines) - 1 != folds * size * 2:
        raise InputError(
            f"{file}: {len(lines) - 1} pairs where the header promises {folds} x {size} x 2; "
            "get the list again or mend its first line"
        )
    find = PictureFolder(images).numbered
    return collect_pairs(
        _pair(line, index // (2 * size), index // size % 2 == 0, find, f"{file}, line {index + 2}")
        for index, line in enumerate(lines[1:])
    )


def _pair(line: str, fold: int, same: bool, find: Callable[[str, int, str], Path], where: str) -> Pair:
    # LFW separates by tabs; a name may hold a space only then.
    cells = [cell.strip() for cell in line.split("\t")] if "\t" in line else line.split()
    numbers = cells[1:] if same else cells[1::2]
    if len(cells) != (3 if same else 4) or not all(number.isdigit() for number in numbers):
        wanted = "`name i j` (one person)" if same else "`name1 i name2 j` (two people)"
        raise InputError(f"{where}: {line!r} is not {wanted}; check the order of the pairs and the header")
    name_a, name_b = (cells[0], cells[0]) if same else (cells[0], cells[2])
    a, b = (int(number) for number in numbers)
    return Pair(find(name_a, a, where), find(name_b, b, where), same, fold)
