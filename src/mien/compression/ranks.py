"""How much of each layer may go, so that the whole is as small as asked for and answers as well as it can.

Each layer offers sizes, and each size costs so much accuracy; one price a weight is the same for all layers
and is moved until the sum fits (Lagrangian relaxation; Shoham & Gersho, IEEE TASSP 36, 1988).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError

STEPS = 60  # halvings of the price


@dataclass(frozen=True, slots=True, eq=False)
class Offer:
    """The sizes that a layer can have.

    weights: (K,) numbers stored.    cost: (K,) what is lost.    ranks: (K,); 0 is the layer as it is.
    """

    name: str
    ranks: NDArray[np.int64]
    weights: NDArray[np.int64]
    cost: NDArray[np.float64]


def choose_ranks(offers: Sequence[Offer], room: int) -> dict[str, int]:
    """Layer -> rank, such that all layers together store at most ``room`` numbers; 0: as it is.

    raises: InputError where even the smallest offers do not fit.
    """
    least = sum(int(offer.weights.min()) for offer in offers)
    if least > room:
        raise InputError(
            f"the layers that can shrink keep {least:,} weights at least, and {max(room, 0):,} are left for "
            "them: ask for less (--times)"
        )
    low, high = 0.0, 1.0
    while _stored(offers, high) > room:
        high *= 2
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if _stored(offers, middle) > room else (low, middle)
    return {offer.name: int(offer.ranks[_best(offer, high)]) for offer in offers}


def _best(offer: Offer, price: float) -> int:
    # Of equals the smaller layer, so that an end of the price range always fits.
    return int(np.lexsort((offer.weights, offer.cost + price * offer.weights))[0])


def _stored(offers: Sequence[Offer], price: float) -> int:
    return sum(int(offer.weights[_best(offer, price)]) for offer in offers)
