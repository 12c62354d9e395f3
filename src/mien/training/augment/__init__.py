"""Augmentation: every time a picture is shown it looks a little different, as another photo would.

Works on uint8 crops, one at a time, with all chance drawn from the generator that is passed in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError, ShapeError
from mien.core.types import Pixels, Points
from mien.training.augment.colour import recolour
from mien.training.augment.damage import blur, compress, occlude, shrink
from mien.training.augment.geometry import MIRRORED, Motion, draw_motion, move_pixels
from mien.training.augment.mask import wear_mask
from mien.training.options import option, read_options

__all__ = ["Augment", "AugmentConfig", "build_augment"]


@dataclass(frozen=True, slots=True)
class AugmentConfig:
    """A chance is of each showing; everything is off until it is asked for."""

    flip: float = option(0.0, "chance of the mirror image", low=0, high=1)
    crop: float = option(0.0, "up to this share of a side is cut off, the rest enlarged", low=0, high=0.9)
    shift: float = option(0.0, "moved by up to this share of a side, each way", low=0, high=0.5)
    zoom: float = option(0.0, "enlarged or shrunk by up to this share", low=0, high=0.9)
    rotate: float = option(0.0, "turned by up to so many degrees, each way", low=0, high=180)
    shear: float = option(0.0, "sheared by up to this share of a side, each way", low=0, high=1)
    colour: float = option(0.0, "strength of changed brightness, contrast, saturation and hue", low=0, high=1)
    grey: float = option(0.0, "chance of losing all colour", low=0, high=1)
    blur: float = option(0.0, "chance of being out of focus", low=0, high=1)
    shrink: float = option(0.0, "chance of having been a smaller picture", low=0, high=1)
    jpeg: float = option(0.0, "chance of having been a JPEG of low quality", low=0, high=1)
    occlusion: float = option(0.0, "chance of a random patch (random erasing)", low=0, high=1)
    mask: float = option(0.0, "chance of a surgical mask, rendered onto the face", low=0, high=1)


@dataclass(frozen=True, slots=True)
class Augment:
    """A picture to another picture of the same face.

    mirrored: (K,) which point each point becomes in the mirror image; None: known for 5 and 68 points.
    """

    config: AugmentConfig
    mirrored: tuple[int, ...] | None = None

    def __call__(self, pixels: Pixels, rng: np.random.Generator) -> Pixels:
        """(H, W, 3) uint8 RGB -> the same shape."""
        return self.with_points(pixels, rng)[0]

    def with_points(
        self,
        pixels: Pixels,
        rng: np.random.Generator,
        *,
        points: Points | None = None,
        mesh: Points | None = None,
    ) -> tuple[Pixels, NDArray[np.float64] | None]:
        """The picture, and where its points went.

        points: (K, 2) pixels that move along.    mesh: (468, 3) pixels to render a mask on; where it is
        missing the face is taken to be aligned as the template "arcface" has it.
        """
        if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
            raise ShapeError("pixels", "(H, W, 3) uint8", pixels.shape)
        config = self.config
        if _chance(config.mask, rng):
            pixels = wear_mask(pixels, mesh, rng)
        motion = draw_motion(config, rng)
        moved = None if points is None else self._move(points, motion, pixels.shape[:2])
        pixels = move_pixels(pixels, motion)
        pixels = recolour(pixels, config.colour, _chance(config.grey, rng), rng)
        for chance, step in (
            (config.occlusion, occlude),
            (config.blur, blur),
            (config.shrink, shrink),
            (config.jpeg, compress),
        ):
            if _chance(chance, rng):
                pixels = step(pixels, rng)
        return pixels, moved

    def _move(self, points: Points, motion: Motion, size: tuple[int, ...]) -> NDArray[np.float64]:
        moved = motion.place(points, (size[0], size[1]))
        if not motion.flip:
            return moved
        order = self.mirrored or MIRRORED.get(len(points))
        if order is None:
            raise InputError(
                f"which of {len(points)} points trade places in a mirror is not known: set flip to 0"
            )
        return moved[list(order)]


def build_augment(options: Mapping[str, Any], mirrored: tuple[int, ...] | None = None) -> Augment:
    """Make the augmentation that a recipe asks for; raises `InputError` for an unknown option or value."""
    return Augment(read_options(AugmentConfig, "the augmentation", options), mirrored)


def _chance(share: float, rng: np.random.Generator) -> bool:
    return share > 0 and rng.random() < share
