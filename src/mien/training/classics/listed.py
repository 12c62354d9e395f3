"""The classics on a listing of the lab: the same data in as a net, the same embeddings out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.training.classics.methods import Classic, fit_classic
from mien.training.data.crops import Align, whole_picture
from mien.training.data.listing import Listing


def faces_of(listing: Listing, size: int, align: Align = whole_picture) -> NDArray[np.uint8]:
    """(N, size, size, 3) uint8 RGB, in the order of the listing.

    align: a crop maker, as for nets; default: the whole picture.
    """
    return np.stack([align(sample, size).pixels for sample in listing.samples])


def fit_listing(
    name: str, listing: Listing, size: int, align: Align = whole_picture, **options: Any
) -> Classic:
    """Fit a classic to the people of a listing; ``fitted.embed(faces_of(other, size))`` embeds another.

    raises: InputError for an unknown method or option, `ThinData` for too few faces.
    """
    return fit_classic(name, faces_of(listing, size, align), listing.labels(), **options)
