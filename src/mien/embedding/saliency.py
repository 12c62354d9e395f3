"""What in a face makes two faces alike: parts of it are hidden, and the similarity that is left is watched.

A mask has a value a pixel of a square crop: 1 shows the pixel, 0 hides it. Nothing here needs the inside of a
network, so it works with every embedder; the price is one embedding a mask.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError, ShapeError
from mien.core.types import Pixels, Points

Masks = NDArray[np.float32]
Heat = NDArray[np.float64]
Method = Literal["rise", "occlusion", "gradient"]
BLUR = 0.14
"""Sigma of what stands where a face is hidden, in crop sides: no feature of a face survives it."""


def sliding_masks(side: int, window: float = 0.22, steps: int = 13) -> Masks:
    """Hide one square after the other (Zeiler & Fergus, ECCV 2014, section 2).

    side: pixels of the crop.    window: side of the square in crop sides.    steps: places a row and column.
    returns: (steps², side, side).
    """
    width = max(1, round(window * side))
    starts = np.linspace(-width / 2, side - width / 2, steps).round().astype(int)
    masks = np.ones((steps * steps, side, side), np.float32)
    for k, (y, x) in enumerate((y, x) for y in starts for x in starts):
        masks[k, max(y, 0) : max(y + width, 0), max(x, 0) : max(x + width, 0)] = 0
    return masks


def random_masks(side: int, count: int = 400, cells: int = 8, visible: float = 0.5, seed: int = 0) -> Masks:
    """Hide random smooth patches (RISE: Petsiuk, Das & Saenko, BMVC 2018, section 3.2).

    cells: of the coarse grid, a side; each is shown with the chance ``visible``, the grid is enlarged
        bilinearly and shifted by a random part of a cell.
    returns: (count, side, side).
    """
    if count < 1 or not 0 < visible < 1 or not 1 <= cells <= side:
        raise InputError(
            f"{count} masks of {cells} cells, {visible} visible, say nothing: give 1 or more masks"
        )
    rng = np.random.default_rng(seed)
    grids = (rng.random((count, cells + 2, cells + 2)) < visible).astype(np.float32)
    shifts = rng.random((count, 2))
    place = np.arange(side) * cells / side
    rows, columns = (place[None] + shifts[:, i : i + 1] for i in (0, 1))
    halves = _between(grids.transpose(0, 2, 1), rows).transpose(0, 2, 1)
    return _between(halves, columns)


def _between(grids: Masks, place: NDArray[np.float64]) -> Masks:
    """Read (K, R, C) grids at (K, S) columns, linearly: (K, R, S)."""
    left = np.floor(place).astype(int)
    share = (place - left).astype(np.float32)[:, None]
    low = np.take_along_axis(grids, left[:, None].repeat(grids.shape[1], axis=1), axis=2)
    high = np.take_along_axis(grids, left[:, None].repeat(grids.shape[1], axis=1) + 1, axis=2)
    read: Masks = low * (1 - share) + high * share
    return read


def region_masks(side: int, keypoints: Points) -> dict[str, Masks]:
    """Hide one region of the face each.

    keypoints: (5, 2) crop pixels: eyes, nose tip, mouth corners.    returns: name -> (side, side).
    """
    left, right, nose, corner1, corner2 = (np.asarray(point, float) for point in keypoints)
    unit = float(np.linalg.norm(right - left))
    eyes, mouth = (left[1] + right[1]) / 2, (corner1[1] + corner2[1]) / 2
    boxes = {
        "forehead": (0, 0, side, eyes - 0.32 * unit),
        "eyes": (left[0] - 0.45 * unit, eyes - 0.32 * unit, right[0] + 0.45 * unit, eyes + 0.28 * unit),
        "nose": (nose[0] - 0.36 * unit, eyes + 0.28 * unit, nose[0] + 0.36 * unit, nose[1] + 0.22 * unit),
        "mouth": (corner1[0] - 0.2 * unit, mouth - 0.26 * unit, corner2[0] + 0.2 * unit, mouth + 0.32 * unit),
    }
    masks, rest = {}, np.zeros((side, side), np.float32)
    for name, box in boxes.items():
        x1, y1, x2, y2 = (round(min(max(end, 0), side)) for end in box)
        mask = np.ones((side, side), np.float32)
        mask[y1:y2, x1:x2] = 0
        masks[name], rest = mask, np.maximum(rest, 1 - mask)
    return {**masks, "outline": rest}


def hide(pixels: Pixels, masks: Masks) -> Pixels:
    """Blend a crop with a blurred copy of itself: (K, S, S, 3) uint8.

    Blurring leaves light and skin colour, so that the network sees a face without features rather than an
    object in front of one.
    """
    if masks.ndim != 3 or masks.shape[1:] != pixels.shape[:2]:
        raise ShapeError("masks", f"(K, {pixels.shape[0]}, {pixels.shape[1]})", masks.shape)
    blurred = _blurred(pixels).astype(np.float32)
    shown = pixels.astype(np.float32) - blurred
    return np.asarray((blurred + masks[..., None] * shown).round(), np.uint8)


def occlusion_heat(masks: Masks, scores: NDArray[np.floating], whole: float) -> Heat:
    """Average the loss of similarity over the masks that hide a pixel.

    scores: (K,) similarities with each mask.    whole: without any.    returns: (S, S); positive: the pixel
    speaks for the two being the same.
    """
    hidden = 1 - masks.astype(np.float64)
    lost = np.tensordot(whole - np.asarray(scores, np.float64), hidden, axes=1)
    return np.asarray(lost / np.maximum(hidden.sum(axis=0), 1e-9))


def rise_heat(masks: Masks, scores: NDArray[np.floating]) -> Heat:
    """Correlate the similarity with each pixel's visibility.

    returns: (S, S), -1..1; positive: the two are more alike where the pixel is seen.
    Lu & Ebrahimi, "Explanation of Face Recognition via Saliency Maps" (CorrRISE, 2023), eq. 3.
    """
    seen = masks.astype(np.float64)
    off = seen - seen.mean(axis=0)
    score = np.asarray(scores, np.float64) - np.mean(scores)
    together = np.tensordot(score, off, axes=1)
    spread = np.sqrt((score**2).sum() * (off**2).sum(axis=0))
    return np.asarray(np.divide(together, spread, out=np.zeros_like(together), where=spread > 1e-12))


def _blurred(pixels: Pixels) -> Pixels:
    from PIL import Image, ImageFilter

    radius = BLUR * pixels.shape[0]
    return np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(radius)))
