"""The demo's pictures: public-domain portraits, honest variations of each, and a group made of all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mien.core.errors import InputError
from mien.core.types import Box, Pixels
from mien.imaging.decode import decode
from mien.imaging.warp import move_points
from mien.pipeline.demo.variations import IDENTITY, VARIATIONS, Made, grey, scaled
from mien.pipeline.networks import Progress
from mien.zoo.registry import card
from mien.zoo.store import fetch

QUALITY = 92


@dataclass(frozen=True, slots=True)
class Sitter:
    """A person of the demo.

    card: the sample's card.    face: where the face is in that picture, marked by hand.
    """

    card: str
    name: str
    face: Box


SITTERS = (
    Sitter("astronaut", "Eileen Collins", Box(179, 63, 270, 174)),
    Sitter("hopper", "Grace Hopper", Box(179, 123, 355, 333)),
    Sitter("cameraman", "the cameraman", Box(198, 111, 258, 199)),
)


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """One picture file.

    title: what was done to it; "" for a portrait as it came.
    faces: who is in it, and where: (name, box) in pixels of the upright picture.
    """

    path: Path
    title: str
    faces: tuple[tuple[str, Box], ...]

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def who(self) -> str:
        *others, last = (name for name, _ in self.faces)
        return f"{', '.join(others)} and {last}" if others else last


@dataclass(frozen=True, slots=True, eq=False)
class Album:
    """portraits: one a sitter.    variations: of those, sitter by sitter.    group: all of them."""

    portraits: tuple[Photo, ...]
    variations: tuple[Photo, ...]
    group: Photo
    credits: tuple[str, ...]

    def __iter__(self) -> Iterator[Photo]:
        yield from (*self.portraits, *self.variations, self.group)


def make_album(folder: Path, progress: Callable[[str], Progress] | None = None) -> Album:
    """Fetch the samples (their sha256 is checked) and write all pictures into ``folder``.

    raises: `ModelMissing` where a sample cannot be had, InputError where the folder cannot be written.
    """
    portraits: list[Photo] = []
    variations: list[Photo] = []
    pictures: list[Pixels] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for sitter in SITTERS:
            found = card(sitter.card)
            data = fetch(found, progress=progress(found.name) if progress else None)
            path = folder / f"{sitter.card}{Path(found.file).suffix}"
            path.write_bytes(data)
            portraits.append(Photo(path, "", ((sitter.name, sitter.face),)))
            pictures.append(decode(data).image.pixels)
            variations.extend(_vary(folder, sitter, pictures[-1]))
        group = _group(folder / "group.jpg", pictures)
    except OSError as error:
        raise InputError(
            f"{folder} cannot be written ({error.strerror}): choose another place with --out"
        ) from error
    credits = tuple(
        f"{sitter.name}: {card(sitter.card).credit} ({card(sitter.card).licence})" for sitter in SITTERS
    )
    return Album(tuple(portraits), tuple(variations), group, credits)


def _vary(folder: Path, sitter: Sitter, pixels: Pixels) -> Iterator[Photo]:
    for variation in VARIATIONS:
        if variation.make is grey and not np.ptp(pixels, axis=2).any():
            continue  # it has no colour to lose
        made = variation.make(pixels, sitter.face)
        path = folder / f"{sitter.card}-{variation.name}.jpg"
        save(path, made)
        yield Photo(path, variation.title, ((sitter.name, moved(sitter.face, made.matrix)),))


def moved(box: Box, matrix: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Box:
    """The upright rectangle around a moved one.

    >>> moved(Box(0, 0, 2, 4), np.array([[0.0, -1, 5], [1, 0, 0]]))
    Box(x1=1.0, y1=0.0, x2=5.0, y2=2.0)
    """
    corners = np.array([(x, y) for x in (box.x1, box.x2) for y in (box.y1, box.y2)])
    ends = move_points(matrix, corners)
    return Box(*map(float, (*ends.min(axis=0), *ends.max(axis=0))))


def _group(path: Path, pictures: Sequence[Pixels]) -> Photo:
    """Place the portraits side by side at one height."""
    height = max(len(pixels) for pixels in pictures)
    parts, faces, left = [], [], 0
    for sitter, pixels in zip(SITTERS, pictures, strict=True):
        made = scaled(pixels, height / len(pixels))
        matrix = made.matrix + np.array([[0, 0, left], [0, 0, 0]])
        faces.append((sitter.name, moved(sitter.face, matrix)))
        parts.append(made.pixels)
        left += made.pixels.shape[1]
    save(path, Made(np.concatenate(parts, axis=1), IDENTITY))
    return Photo(path, "side by side", tuple(faces))


def save(path: Path, made: Made) -> None:
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = made.orientation
    Image.fromarray(made.pixels).save(path, quality=QUALITY, exif=exif)
