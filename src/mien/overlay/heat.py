"""A heat map over a face, and two faces with theirs side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import ShapeError
from mien.core.types import Pixels

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

# Warm speaks for, cold against; told apart by colour-blind readers, and by lightness on grey faces.
FOR, AGAINST = (255, 120, 0), (40, 110, 255)
SIDE, GAP, HEAD, FOOT = 320, 16, 34, 58
INK, PAPER = (22, 25, 31), (255, 255, 255)


def heat_over(crop: Pixels, heat: NDArray[np.floating], strongest: float) -> Pixels:
    """Colour a grey copy of a crop: orange where ``heat`` is positive, blue where it is negative.

    crop: (S, S, 3).    heat: (S, S).    strongest: the heat that gets the full colour.
    """
    if heat.shape != crop.shape[:2]:
        raise ShapeError("heat", str(crop.shape[:2]), heat.shape)
    grey = (crop @ np.array([0.299, 0.587, 0.114]))[..., None].repeat(3, axis=2)
    share = np.clip(np.abs(heat) / max(strongest, 1e-12), 0, 1)[..., None]
    colour = np.where(heat[..., None] >= 0, np.array(FOR, float), np.array(AGAINST, float))
    # Weak heat is left out, so that the face stays readable.
    weight = 0.75 * np.clip((share - 0.15) / 0.85, 0, 1)
    # The grey under the colour keeps its light and shade.
    tinted = colour * (0.35 + 0.65 * grey / 255)
    return np.asarray((grey * (1 - weight) + tinted * weight).round(), np.uint8)


def heat_sheet(
    faces: Sequence[tuple[str, Pixels, NDArray[np.floating]]], title: str, notes: Sequence[str]
) -> Pixels:
    """Draw each face beside its heat map, with what was decided above and a scale below.

    faces: (name, crop, heat).    notes: one line below each face.
    returns: (H, W, 3) uint8.
    """
    from PIL import Image, ImageDraw, ImageFont

    strongest = max((float(np.abs(heat).max()) for _, _, heat in faces), default=1.0)
    width = 2 * len(faces) * SIDE + (2 * len(faces) + 1) * GAP
    sheet = Image.new("RGB", (width, HEAD + 26 + SIDE + FOOT + 2 * GAP), PAPER)
    pen = ImageDraw.Draw(sheet)
    large, small = ImageFont.load_default(20), ImageFont.load_default(15)
    pen.text((GAP, GAP - 4), title, INK, font=large)
    top = GAP + HEAD + 18
    for i, ((name, crop, heat), note) in enumerate(zip(faces, notes, strict=True)):
        left = GAP + i * 2 * (SIDE + GAP)
        pen.text((left, top - 20), _short(name), INK, font=small)
        for k, pixels in enumerate((crop, heat_over(crop, heat, strongest))):
            place = (left + k * (SIDE + GAP), top)
            sheet.paste(Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.BICUBIC), place)
        pen.text((left, top + SIDE + 6), note, INK, font=small)
    _scale(pen, top + SIDE + 32, width)
    return np.asarray(sheet)


def _scale(pen: ImageDraw, y: int, width: int) -> None:
    from PIL import ImageFont

    font, steps, length = ImageFont.load_default(15), 60, 180
    pen.text((GAP, y), "speaks against the same person", INK, font=font)
    left = GAP + int(pen.textlength("speaks against the same person", font=font)) + 10
    for i in range(steps):
        share = 2 * i / (steps - 1) - 1
        colour = np.array(FOR if share >= 0 else AGAINST, float)
        mixed = np.array([150.0] * 3) * (1 - abs(share)) + colour * abs(share)
        x = left + i * length // steps
        pen.rectangle((x, y + 2, x + length // steps, y + 15), fill=tuple(int(c) for c in mixed))
    pen.text((left + length + 10, y), "speaks for it", INK, font=font)


def _short(name: str) -> str:
    return name if len(name) <= 60 else "…" + name[-59:]
