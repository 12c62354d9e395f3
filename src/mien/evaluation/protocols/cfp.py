"""Celebrities in Frontal-Profile (cfpw.io): its ``Protocol`` folder as it is published.

``Pair_list_F.txt`` and ``Pair_list_P.txt`` number the frontal and the profile pictures;
``Split/FP/01..10/same.txt`` and ``diff.txt`` hold ``i,j`` rows: frontal i against profile j
(under FF: both frontal).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from mien.core.errors import InputError
from mien.evaluation.protocols.pairs import Pair, PairList, collect_pairs, read_text


def read_cfp_pairs(folder: Path, images: Path) -> PairList:
    """Read frontal-profile pairs from ``Protocol``, or those of ``Protocol/Split/FF`` if that is given.

    images: the folder that holds ``001/frontal/01.jpg`` (published as ``Data/Images``), or one above it.
    """
    split = folder if folder.parent.name == "Split" else folder / "Split" / "FP"
    protocol = split.parent.parent
    kinds = split.name.upper()
    if kinds not in ("FF", "FP") or not split.is_dir():
        raise InputError(
            f"{folder} is no CFP protocol: give the folder that holds Split/FP and Pair_list_F.txt"
        )
    lists = {kind: _pictures(protocol / f"Pair_list_{kind}.txt", images) for kind in sorted(set(kinds))}
    folds = sorted(child for child in split.iterdir() if child.is_dir())
    return collect_pairs(
        pair
        for fold, child in enumerate(folds)
        for same in (True, False)
        for pair in _rows(
            child / ("same.txt" if same else "diff.txt"), lists[kinds[0]], lists[kinds[1]], same, fold
        )
    )


def _pictures(file: Path, images: Path) -> dict[int, Path]:
    """Read ``number path`` rows; the paths point from the protocol's folder, only their ends matter."""
    found: dict[int, Path] = {}
    for line, row in _lines(file):
        match = re.fullmatch(r"(\d+)\s+(\S.*)", row)
        if match is None:
            raise InputError(f"{file}, line {line}: {row!r} is not `number path`; get the file again")
        parts = [part for part in re.split(r"[\\/]", match[2]) if part not in ("", ".", "..")]
        ends = (images.joinpath(*parts[start:]) for start in range(len(parts)))
        path = next((end for end in ends if end.is_file()), None)
        if path is None:
            raise InputError(
                f"{file}, line {line}: there is no picture {match[2]} under {images}; check --images"
            )
        found[int(match[1])] = path
    return found


def _rows(
    file: Path, first: dict[int, Path], second: dict[int, Path], same: bool, fold: int
) -> Iterator[Pair]:
    for line, row in _lines(file):
        match = re.fullmatch(r"(\d+)\s*,\s*(\d+)", row)
        if match is None or int(match[1]) not in first or int(match[2]) not in second:
            raise InputError(
                f"{file}, line {line}: {row!r} is not `i,j` with numbers of the picture lists; mend it"
            )
        yield Pair(first[int(match[1])], second[int(match[2])], same, fold)


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(read_text(file).splitlines(), start=1):
        if line.strip():
            yield number, line.strip()
