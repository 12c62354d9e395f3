"""Lists of pictures with labels or points: which of them are measured on, and which calibrate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.attributes.questions import findings_of
from mien.compression.faces import Choose, Faces, chosen_by, nearest_to
from mien.compression.marks import Marker, Sheet, label_marker, liveness_marker, point_marker
from mien.core.errors import InputError, ThinData
from mien.core.modelcard import ModelCard
from mien.evaluation.liveness import BONA_FIDE
from mien.evaluation.protocols.points import read_points
from mien.evaluation.protocols.table import read_table
from mien.geometry.schemes import scheme

TASKS = ("age", "sex", "expression", "attributes", "liveness", "landmarks")
LEAST = 10  # pictures to measure on


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """pictures: P paths.    people: (P,) who is shown; every picture its own where the list does not say.

    mark: rows of ``pictures`` -> how answers about those are marked.    higher: whether more is better.
    """

    pictures: tuple[Path, ...]
    people: NDArray[np.int64]
    mark: Callable[[NDArray[np.int64]], Marker]
    measure: str
    higher: bool
    choose: Choose

    def sheet(self, faces: Faces, rows: NDArray[np.int64], notebook: Path | None) -> Sheet:
        """What networks are measured on: the faces found in the pictures ``rows``."""
        kept = rows[faces.picture]
        return Sheet(faces, self.people[kept], self.mark(kept), self.measure, self.higher, notebook)

    def split(self, share: float, seed: int = 0) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows to measure on, and rows to calibrate on: no person is in both.

        raises: `ThinData` where too few are left to measure on.
        """
        people = np.random.default_rng(seed).permutation(np.unique(self.people))
        out = np.isin(self.people, people[: int(np.ceil(share * len(people)))])
        measured = np.flatnonzero(~out)
        if len(measured) < LEAST:
            raise ThinData(f"{len(measured)} pictures are too few to measure on: list {LEAST} or more")
        return measured, np.flatnonzero(out)


def asked_labels(card: ModelCard, table: Path, images: Path, column: str | None, which: str) -> Asked:
    """A table ``file,COLUMN[,person]``; for liveness ``file,species[,person]``, as `mien evaluate` has it.

    column: what is true of each picture; NAME=FINDING where the model's finding is called otherwise. None:
        the model's only question, under its own name.
    raises: InputError for a question that the model does not answer.
    """
    name, _, finding = _column(card, column).partition("=")
    rows = [row for row in read_table(table, ["file", name]).rows if row.cells[name]]
    pictures = tuple(images / row.cells["file"] for row in rows)
    truth = [row.cells[name] for row in rows]
    people = _people([row.cells.get("person", "") for row in rows])
    if card.task == "liveness":
        alive = np.array([label.lower() in BONA_FIDE for label in truth])
        return Asked(
            pictures, people, lambda kept: liveness_marker(alive[kept]), "ACER", False, chosen_by(which)
        )
    return Asked(
        pictures,
        people,
        lambda kept: label_marker(name, finding or name, [truth[row] for row in kept]),
        f"right on {name}",
        True,
        chosen_by(which),
    )


def asked_points(card: ModelCard, points: Path, images: Path) -> Asked:
    """True points in the scheme of the card, as `mien evaluate landmarks` reads them.

    raises: InputError for a card without a scheme.
    """
    if not card.scheme:
        raise InputError(
            f"the card of {card.name} names no point set, and only landmark models with one are measured "
            'here: name it as `mien train` does, such as scheme = "ibug68"'
        )
    wanted = scheme(card.scheme)
    truth: Mapping[Path, NDArray[np.float64]] = read_points(points, images, wanted.points)
    marked = np.stack(list(truth.values()))
    return Asked(
        tuple(truth),
        np.arange(len(truth)),
        lambda kept: point_marker(wanted, marked[kept]),
        "NME",
        False,
        nearest_to(truth),
    )


def _column(card: ModelCard, column: str | None) -> str:
    if card.task == "liveness":
        return column or "species"
    known = [
        f"attributes.{output}" if finding == "attributes" else finding
        for output, finding in findings_of(card).items()
    ]
    if column is None and len(known) == 1:
        return f"{known[0].partition('.')[2] or known[0]}={known[0]}"
    if column is None or (column.partition("=")[2] or column) not in known:
        raise InputError(
            f"{card.name} says {', '.join(known)}: name the column of the labels that is about one of them, "
            f"--column NAME={known[0]}"
        )
    return column


def _people(names: Sequence[str]) -> NDArray[np.int64]:
    """A number a person; a picture of nobody known is a person of its own."""
    keys = [name or f"\0{number}" for number, name in enumerate(names)]
    return np.unique(keys, return_inverse=True)[1].astype(np.int64)
