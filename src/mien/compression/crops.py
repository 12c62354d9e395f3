"""Pictures to the crops that a network is fed, cut once by the pipeline and used for every model compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError, ModelError, ThinData
from mien.core.modelcard import ModelCard
from mien.core.protocols import Network
from mien.core.types import LocatedFace
from mien.detection.select import select
from mien.embedding.embedder import unit_rows
from mien.evaluation.acquire import in_order
from mien.pipeline.analyze import Analyzer

BATCH = 32


@dataclass(frozen=True, slots=True, eq=False)
class Crops:
    """pixels: (N, S, S, 3) uint8 RGB.    picture: (N,) which of the listed pictures a crop is of.

    failures: picture -> why it gave no crop.
    """

    pixels: NDArray[np.uint8]
    picture: NDArray[np.int64]
    failures: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.pixels)


def cut_crops(
    analyzer: Analyzer,
    card: ModelCard,
    pictures: Sequence[Path],
    which: str = "center",
    done: Callable[[], object] = lambda: None,
) -> Crops:
    """One crop a picture, of the face that is meant, placed as the profile places it (without mirror image).

    done: called after each picture (a progress bar).
    raises: `ThinData` where no picture shows a face.
    """
    template = template_of(card)
    kept: list[NDArray[np.uint8]] = []
    numbers: list[int] = []
    failures: dict[str, str] = {}

    def cut(picture: Path) -> NDArray[np.uint8] | InputError:
        try:
            return _cut(analyzer, picture, which, template)
        except InputError as error:  # told among the failures
            return error

    for number, found in enumerate(in_order(analyzer, cut, pictures, done)):
        if isinstance(found, InputError):
            failures[str(pictures[number])] = str(found)
        else:
            kept.append(found)
            numbers.append(number)
    if not kept:
        raise ThinData("no picture shows a face that could be found: give others")
    return Crops(np.stack(kept), np.array(numbers, np.int64), failures)


def template_of(card: ModelCard) -> str:
    """The alignment template of an embedding network; no other can be distilled, factored or pruned.

    raises: InputError for a network of another task, `ModelError` for a card without a template.
    """
    if card.task != "embed":
        raise InputError(
            f"{card.name} is for the task {card.task!r}, and this way of compressing measures its cost on "
            "embeddings: give a model for the task 'embed' (`mien models list --task embed`)"
        )
    if card.template is None:
        raise ModelError(f"the card of {card.name} names no alignment template: add one to it")
    return card.template


def embed_crops(network: Network, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(N, S, S, 3) uint8 RGB -> (N, D) float32 of unit length."""
    if len(pixels) == 0:
        raise ThinData("there is no crop to embed: give pictures that show faces")
    rows = []
    for start in range(0, len(pixels), BATCH):
        (values,) = {id(v): v for v in network.run(pixels[start : start + BATCH]).values()}.values()
        rows.append(unit_rows(values.reshape(len(values), -1)))
    return np.concatenate(rows)


def _cut(analyzer: Analyzer, picture: Path, which: str, template: str) -> NDArray[np.uint8]:
    image = analyzer.open(picture).image
    found = analyzer.detector.detect(image)
    chosen = select(found, which, image.width, image.height, str(picture))
    return analyzer.embedder.crops([LocatedFace(image, found[chosen])], template)[0][0].pixels
