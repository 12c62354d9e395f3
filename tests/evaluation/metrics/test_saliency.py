"""Deletion curves reward the map that is right."""

from __future__ import annotations

import numpy as np
import pytest

from mien.core.errors import InputError
from mien.evaluation.metrics.saliency import cell_order, curve_area, deletion_masks

SIDE, CELLS = 28, 7
TRUTH = np.zeros((SIDE, SIDE))
TRUTH[4:12, 8:16] = 1.0


def area_of(heat: np.ndarray) -> float:
    masks = deletion_masks(cell_order(heat, CELLS), SIDE, 49)
    return curve_area((masks * TRUTH).sum(axis=(1, 2)) / TRUTH.sum())


def test_the_right_map_deletes_fastest_and_the_wrong_one_slowest() -> None:
    rng = np.random.default_rng(0)
    guesses = [area_of(rng.random((SIDE, SIDE))) for _ in range(50)]
    assert area_of(TRUTH) < min(guesses) <= max(guesses) < area_of(-TRUTH)
    assert np.mean(guesses) == pytest.approx(0.5, abs=0.05)


def test_masks_hide_cell_after_cell_until_nothing_is_left() -> None:
    masks = deletion_masks(cell_order(TRUTH, CELLS), SIDE, 7)
    shares = masks.mean(axis=(1, 2))
    np.testing.assert_allclose(shares, 1 - np.arange(8) / 7)


def test_a_map_that_is_no_square_is_refused() -> None:
    with pytest.raises(InputError, match="square"):
        cell_order(np.zeros((4, 5)), 2)
