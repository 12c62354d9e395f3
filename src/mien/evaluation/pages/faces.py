"""Pictures of the faces that a report speaks of."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mien.core.errors import MienError, NoFaceFound
from mien.core.types import Box, Pixels
from mien.detection.select import select
from mien.evaluation.pages.frame import Show
from mien.page.blocks import Picture
from mien.page.picture import embed
from mien.pipeline.analyze import Analyzer

MARGIN = 0.35


def show_faces(analyzer: Analyzer, which: str, side: int = 220) -> Show:
    """Make a `Show`: a square around the face that was meant, or the whole picture where none is found.

    which: of several faces, as `select` takes it.    side: pixels.
    """

    def show(path: Path) -> Picture:
        try:
            picture = analyzer.open(path).image
        except MienError as error:
            # The list is about pictures that may be broken: the page says so where the picture would be.
            blank = np.full((side, side, 3), 128, np.uint8)
            return embed(blank, f"{path.name} cannot be read: {error}", path.name, long_side=side)
        found = analyzer.detector.detect(picture)
        try:
            box = found[select(found, which, picture.width, picture.height, path.name)].box
        except NoFaceFound:
            return embed(picture.pixels, f"{path.name}, no face found", path.name, long_side=side)
        return embed(crop_around(picture.pixels, box), path.name, _name(path), long_side=side)

    return show


def crop_around(pixels: Pixels, box: Box, margin: float = MARGIN) -> Pixels:
    """A square around a box with a margin, cut where the picture ends."""
    (x, y), half = box.center, max(box.width, box.height) * (0.5 + margin)
    left, top = max(0, int(x - half)), max(0, int(y - half))
    cut = pixels[top : max(int(y + half), top + 1), left : max(int(x + half), left + 1)]
    return cut if cut.size else pixels


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"
