"""Whether a heat map tells the truth: hide what it calls important, and watch how fast the score falls.

Deletion and insertion curves: Petsiuk, Das & Saenko, RISE, BMVC 2018, section 4.1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError

Heat = NDArray[np.float64]


def cell_order(heat: Heat, cells: int) -> NDArray[np.intp]:
    """Order the cells of a grid by their mean heat, hottest first: (cells²,) row by row numbers."""
    side = heat.shape[0]
    if heat.ndim != 2 or heat.shape[1] != side or not 1 <= cells <= side:
        raise InputError(f"a heat map of {heat.shape} has no {cells} x {cells} cells: give a square one")
    place = np.arange(side) * cells // side
    number = (place[:, None] * cells + place[None, :]).ravel()
    mean = np.bincount(number, heat.ravel()) / np.bincount(number)
    return np.argsort(-mean, kind="stable")


def deletion_masks(order: NDArray[np.intp], side: int, steps: int) -> NDArray[np.float32]:
    """Hide cells in this order: (steps + 1, side, side), from all shown to all hidden.

    The masks of insertion are these of the order reversed, read backwards.
    """
    cells = round(len(order) ** 0.5)
    place = np.arange(side) * cells // side
    number = place[:, None] * cells + place[None, :]
    rank = np.empty(len(order), np.intp)
    rank[order] = np.arange(len(order))
    hidden = np.linspace(0, len(order), steps + 1).round().astype(int)
    return np.asarray(rank[number][None] >= hidden[:, None, None], np.float32)


def curve_area(scores: NDArray[np.floating]) -> float:
    """Average a curve over the share that is hidden, by trapezoids: low is good for deletion.

    >>> curve_area(np.array([1.0, 0.5, 0.0]))
    0.5
    """
    return float((scores[:-1] + scores[1:]).mean() / 2)
