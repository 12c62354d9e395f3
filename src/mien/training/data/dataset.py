"""Samples to tensors: decoded, cropped, augmented, in [-1, 1]."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from mien.core.types import Pixels, Points
from mien.training.data.crops import Align, Crop, whole_picture
from mien.training.data.listing import Listing
from mien.training.samplers import Pick

if TYPE_CHECKING:
    from mien.training.augment import Augment

Augmentation = Callable[[Pixels, np.random.Generator], Pixels]


class Picture(NamedTuple):
    """One augmented crop.    points: (K, 2) crop pixels of the sample's points, None where it has none."""

    pixels: Pixels
    points: NDArray[np.float64] | None


class PictureDataset(Dataset[tuple[Tensor, int]]):
    """(picture, label) a sample: (channels, size, size) float32 in [-1, 1] and the label's number.

    listing: its order is the data set's.    classes: what numbers mean; default: the listing's own classes.
    augment: from `build_augment`, or None.    align: a crop maker; default: the whole picture.
    keep: hold every crop in memory once it is made (uint8; size² · 3 bytes each).
    seed: of the augmentation, which depends on (seed, the pick) alone: neither on the worker nor on what was
        drawn before, so that a resumed run sees what an unbroken one would have seen.

    Indexed by a whole number or by a `Pick` of `mien.training.samplers`.
    """

    def __init__(
        self,
        listing: Listing,
        size: int,
        channels: int = 3,
        augment: Augment | Augmentation | None = None,
        align: Align | None = None,
        *,
        classes: Sequence[str] | None = None,
        keep: bool = False,
        seed: int = 0,
    ) -> None:
        self.listing, self.size, self.channels = listing, size, channels
        self.augment, self.align, self.seed = augment, align or whole_picture, seed
        self.classes = tuple(classes) if classes is not None else listing.classes
        self.labels = listing.labels(self.classes)
        self._kept: dict[int, Crop] | None = {} if keep else None

    def __len__(self) -> int:
        return len(self.listing)

    def __getitem__(self, pick: int | Pick) -> tuple[Tensor, int]:
        index = pick.row if isinstance(pick, Pick) else pick
        return to_tensor(self.picture(pick, points=False).pixels, self.channels), int(self.labels[index])

    def picture(self, pick: int | Pick, *, points: bool = True) -> Picture:
        """The augmented crop of a sample and, where wanted, where its points went."""
        index, draw = (pick.row, pick.draw) if isinstance(pick, Pick) else (pick, 0)
        crop, marked = self.crop(index), self.listing.samples[index].points
        placed = None if marked is None or not points else crop.place(marked)
        if self.augment is None:
            return Picture(crop.pixels, placed)
        rng = np.random.default_rng((self.seed, index, draw))
        return augmented(self.augment, crop, placed, rng)

    def crop(self, index: int) -> Crop:
        """The crop of a sample before augmentation; raises what the decoder and the aligner raise."""
        if self._kept is not None and index in self._kept:
            return self._kept[index]
        crop = self.align(self.listing.samples[index], self.size)
        if self._kept is not None:
            self._kept[index] = crop
        return crop


def augmented(
    augment: Augment | Augmentation, crop: Crop, points: Points | None, rng: np.random.Generator
) -> Picture:
    """One crop, varied, with its points (K, 2) moved along."""
    move = getattr(augment, "with_points", None)
    if move is None:
        return Picture(augment(crop.pixels, rng), None if points is None else np.asarray(points))
    pixels, moved = move(crop.pixels, rng, points=points, mesh=crop.mesh)
    return Picture(pixels, moved)


def to_tensor(pixels: Pixels, channels: int = 3) -> Tensor:
    """(H, W, 3) uint8 RGB -> (channels, H, W) float32 in [-1, 1]; one channel is luma (ITU-R 601).

    What a model card says as mean 127.5 and std 127.5.
    """
    if channels == 1:
        pixels = luma(pixels)[:, :, None]
    planes = np.ascontiguousarray(pixels.transpose(2, 0, 1))
    return torch.from_numpy(planes).to(torch.float32).div_(127.5).sub_(1)


def luma(pixels: Pixels) -> Pixels:
    """(H, W, 3) -> (H, W) uint8, rounded; grey stays what it is.

    >>> luma(np.full((1, 1, 3), 77, np.uint8))
    array([[77]], dtype=uint8)
    """
    wide = pixels.astype(np.uint32)
    # Weights of 16 bits that add up to 65536 (as Pillow's "L").
    grey = (wide[..., 0] * 19595 + wide[..., 1] * 38470 + wide[..., 2] * 7471 + 32768) >> 16
    return grey.astype(np.uint8)
