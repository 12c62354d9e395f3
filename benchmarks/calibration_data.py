"""The faces that calibrations are made on and checked with, as embeddings with labels (docs/calibration.md).

FairFace (Kärkkäinen & Joo, WACV 2021) and the Face Research Lab London Set (DeBruine & Jones 2017) are
CC BY 4.0; `wild40` and `celeba10k` are for research only: nothing is fitted to them, they only check
what was fitted.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.degradations import photo_conditions

Pixels = NDArray[np.uint8]
Embed = Callable[[Iterable[Pixels]], Iterator[NDArray[np.float32] | None]]
"""Pictures -> unit vectors, None where no face is found."""

CHILDREN = ("0-2", "3-9")
# The studio pictures of the London set are all framed alike: height of the face (brow to chin), column of its
# middle and row of the chin, in pixels of the 800-pixel picture.
LONDON_FACE, LONDON_CENTRE, LONDON_CHIN = 355, 395, 580
MARGIN = 0.4
"""FairFace's and CelebA's crops are tight; so much of their side is added all round, in black."""


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """N pictures in which a face was found.

    vectors: (N, D) float32 of unit length.    labels: name -> (N,) strings.
    failed: pictures in which no face was found, by condition or set.
    """

    vectors: NDArray[np.float32]
    labels: Mapping[str, NDArray[np.str_]]
    failed: Mapping[str, int]

    def __len__(self) -> int:
        return len(self.vectors)

    def save(self, file: Path) -> None:
        failed = np.array([f"{name}\t{count}" for name, count in self.failed.items()], dtype=np.str_)
        labels = {f"label_{name}": values for name, values in self.labels.items()}
        np.savez(file, vectors=self.vectors, failed=failed, allow_pickle=False, **labels)


def load_faces(file: Path) -> Faces:
    with np.load(file, allow_pickle=False) as stored:
        labels = {name[6:]: stored[name] for name in stored.files if name.startswith("label_")}
        failed = dict(line.split("\t") for line in stored["failed"].tolist())
        return Faces(stored["vectors"], labels, {name: int(count) for name, count in failed.items()})


Row = tuple[Callable[[], Pixels], dict[str, str]]


def collect(rows: list[Row], embed: Embed, part: str) -> Faces:
    """Embed pictures; ``part`` is the label by which failures are counted."""
    vectors: list[NDArray[np.float32]] = []
    kept: list[dict[str, str]] = []
    failed: dict[str, int] = {}
    found = embed(picture() for picture, _ in rows)
    for (_, labels), vector in zip(rows, found, strict=True):
        if vector is None:
            failed[labels[part]] = failed.get(labels[part], 0) + 1
        else:
            vectors.append(vector)
            kept.append(labels)
    names = kept[0]
    return Faces(np.stack(vectors), {name: np.array([row[name] for row in kept]) for name in names}, failed)


def read_rgb(path: Path) -> Pixels:
    return np.asarray(Image.open(path).convert("RGB"))


def with_margin(path: Path) -> Pixels:
    pixels = read_rgb(path)
    edge = round(MARGIN * max(pixels.shape[:2]))
    return np.pad(pixels, ((edge, edge), (edge, edge), (0, 0)))


def fairface(folder: Path, every: int = 1) -> list[Row]:
    """15,500 photos of as many people, more or less: identities are not labelled."""
    with (folder / "labels.csv").open() as file:
        listed = list(csv.DictReader(file))[::every]
    return [(partial(with_margin, folder / row["file"]), dict(row)) for row in listed]


def london(folder: Path) -> list[Row]:
    """102 adults, neutral and smiling, each under every condition."""
    conditions = photo_conditions(LONDON_FACE, LONDON_CENTRE, LONDON_CHIN)
    return [
        (
            partial(_worsened, path, worsen),
            {"person": path.name[:3], "expression": expression, "condition": name},
        )
        for expression in ("neutral", "smiling")
        for path in sorted((folder / f"{expression}_front").glob("*.jpg"))
        for name, worsen in conditions.items()
    ]


def _worsened(path: Path, worsen: Callable[[Pixels], Pixels]) -> Pixels:
    return worsen(read_rgb(path))


def wild40(folder: Path) -> list[Row]:
    """40 people, 12 uncropped photos each."""
    paths = sorted(folder.glob("*/*.jpg"))
    return [(partial(read_rgb, path), {"person": path.parent.name, "set": "wild40"}) for path in paths]


def celeba10k(folder: Path, every: int = 1) -> list[Row]:
    """Aligned crops, 89x109 pixels, of 5,429 people: a third of the people, which is 5 million pairs."""
    lines = (folder / "identity_CelebA.txt").read_text().splitlines()
    people = dict(line.replace(",", " ").split()[:2] for line in lines[1:] if line.strip())
    paths = [path for path in sorted(folder.glob("*.jpg")) if int(people[path.name]) % 3 == 0][::every]
    return [(partial(with_margin, path), {"person": people[path.name], "set": "celeba10k"}) for path in paths]
