"""Room is given to the layers that lose most."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from mien.compression.ranks import Offer, choose_ranks
from mien.core.errors import InputError


def offer(name: str, worth: float) -> Offer:
    """A layer of 100 numbers, or of 10, 20 … 90 at a cost that falls with them."""
    ranks = np.append(np.arange(1, 10), 0)
    weights = np.append(10 * np.arange(1, 10), 100)
    return Offer(name, ranks, weights, np.append(worth * 0.5 ** np.arange(1, 10), 0.0))


@pytest.mark.parametrize("room", [20, 35, 60, 110, 160, 200, 500])
def test_what_is_chosen_fits_and_leaves_little_unused(room: int) -> None:
    chosen = choose_ranks([offer("a", 1.0), offer("b", 1.0)], room)
    stored = sum(10 * rank if rank else 100 for rank in chosen.values())
    assert stored <= room
    # Two equal layers move together.
    assert stored >= min(room, 200) - 25


def test_the_layer_that_is_worth_more_keeps_more() -> None:
    chosen = choose_ranks([offer("dear", 10.0), offer("cheap", 0.1)], 100)
    assert chosen["dear"] > chosen["cheap"] > 0


def test_with_room_for_all_every_layer_stays_whole() -> None:
    assert choose_ranks([offer("a", 1.0), offer("b", 3.0)], 200) == {"a": 0, "b": 0}


def test_more_room_never_costs_more() -> None:
    offers = [offer("a", 1.0), offer("b", 3.0), offer("c", 0.2)]

    def cost(room: int) -> float:
        chosen = choose_ranks(offers, room)
        return sum(float(o.cost[list(o.ranks).index(chosen[o.name])]) for o in offers)

    costs = [cost(room) for room in range(30, 300, 10)]
    assert all(after <= before + 1e-12 for before, after in pairwise(costs))


def test_a_network_that_cannot_become_so_small_says_what_to_change() -> None:
    with pytest.raises(InputError, match="--times"):
        choose_ranks([offer("a", 1.0)], 9)
