"""Faces as the pipeline cuts them for a model that answers a question about one, or says where points are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.compression.crops import Crops
from mien.core.errors import InputError, NoFaceFound, ThinData
from mien.core.modelcard import ModelCard
from mien.core.types import AlignedFace, Detection, Image, LocatedFace
from mien.detection.select import select
from mien.geometry.boxes import iou
from mien.pipeline.analyze import Analyzer
from mien.pipeline.answers import crop_for
from mien.runtime.machine import cores

LEAST_OVERLAP = 0.2  # of a face's box with that of the true points: below it another face was found

# Which of the faces of a picture is meant; raises `NoFaceFound`.
Choose = Callable[[Sequence[Detection], Image, Path], int]


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """aligned: one face a picture.    picture: (N,) which of the listed pictures it is of.

    failures: picture -> why it gave none.
    """

    aligned: tuple[AlignedFace, ...]
    picture: NDArray[np.int64]
    failures: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.aligned)

    @property
    def crops(self) -> Crops:
        return Crops(np.stack([face.pixels for face in self.aligned]), self.picture, self.failures)


def cut_faces(
    analyzer: Analyzer,
    card: ModelCard,
    pictures: Sequence[Path],
    choose: Choose,
    done: Callable[[], object] = lambda: None,
) -> Faces:
    """One crop a picture, made as `mien analyze` makes it for this card.

    done: called after each picture (a progress bar).
    raises: `ThinData` where no picture shows a face, `ModelError` for a card that does not say how to cut.
    """
    with ThreadPoolExecutor(analyzer.config.streams or cores(), thread_name_prefix="mien") as pool:
        waiting = [pool.submit(_cut, analyzer, card, picture, choose) for picture in pictures]
        aligned: list[AlignedFace] = []
        numbers: list[int] = []
        failures: dict[str, str] = {}
        try:
            for number, one in enumerate(waiting):
                try:
                    aligned.append(one.result())
                    numbers.append(number)
                except InputError as error:
                    failures[str(pictures[number])] = str(error)
                done()
        finally:
            for one in waiting:
                one.cancel()
    if not aligned:
        raise ThinData("no picture shows a face that could be found: give others")
    return Faces(tuple(aligned), np.array(numbers, np.int64), failures)


def chosen_by(which: str) -> Choose:
    """As ``--which`` says."""
    return lambda found, image, path: select(found, which, image.width, image.height, str(path))


def nearest_to(truth: Mapping[Path, NDArray[np.float64]]) -> Choose:
    """The face whose box overlaps that of the true (K, 2) points most."""

    def choose(found: Sequence[Detection], image: Image, path: Path) -> int:
        marked = truth[path]
        box = np.concatenate([marked.min(axis=0), marked.max(axis=0)])
        overlap = iou(np.array([face.box for face in found]).reshape(-1, 4), box[None])[:, 0]
        if len(overlap) == 0 or overlap.max() < LEAST_OVERLAP:
            raise NoFaceFound(f"no face was found where {path.name} has its points: leave the picture out")
        return int(np.argmax(overlap))

    return choose


def _cut(analyzer: Analyzer, card: ModelCard, path: Path, choose: Choose) -> AlignedFace:
    picture = analyzer.open(path)
    found = analyzer.find(picture)
    face = LocatedFace(picture.image, found[choose(found, picture.image, path)])
    return crop_for(face, analyzer.landmarker.locate(face), card)
