"""Heat maps find the part of a crop that a known score looks at."""

from __future__ import annotations

import numpy as np
import pytest

from mien.core.errors import InputError, ShapeError
from mien.embedding.saliency import hide, occlusion_heat, random_masks, region_masks, rise_heat, sliding_masks

SIDE = 56
SPOT = (slice(10, 20), slice(30, 42))


def scores_of(masks: np.ndarray) -> np.ndarray:
    """A matcher that looks at one spot alone."""
    return np.asarray(masks[:, SPOT[0], SPOT[1]].mean(axis=(1, 2)))


def inside_and_outside(heat: np.ndarray) -> tuple[float, float]:
    far = np.ones_like(heat, bool)
    far[0:32, 18:54] = False
    return float(heat[SPOT].mean()), float(np.abs(heat[far]).max())


def test_both_methods_find_the_spot() -> None:
    masks = random_masks(SIDE, 600)
    inside, outside = inside_and_outside(rise_heat(masks, scores_of(masks)))
    assert inside > 3 * outside
    masks = sliding_masks(SIDE)
    inside, outside = inside_and_outside(occlusion_heat(masks, scores_of(masks), 1.0))
    assert inside > 3 * outside


def test_a_spot_that_speaks_against_is_negative() -> None:
    masks = random_masks(SIDE, 600)
    assert rise_heat(masks, -scores_of(masks))[SPOT].mean() < -0.3


def test_a_score_that_nothing_changes_has_no_heat() -> None:
    masks = random_masks(SIDE, 50)
    assert not rise_heat(masks, np.full(50, 0.7)).any()


def test_random_masks_show_half_and_depend_on_the_seed_alone() -> None:
    masks = random_masks(SIDE, 400, seed=3)
    assert masks.shape == (400, SIDE, SIDE)
    assert masks.mean() == pytest.approx(0.5, abs=0.02)
    assert (masks.min(), masks.max()) == (0, 1)
    np.testing.assert_array_equal(masks, random_masks(SIDE, 400, seed=3))
    # Smooth: neighbours never differ by more than a cell's share.
    assert np.abs(np.diff(masks, axis=2)).max() <= 8 / SIDE + 1e-6


def test_every_pixel_is_hidden_by_some_square() -> None:
    assert (sliding_masks(SIDE).min(axis=0) == 0).all()


def test_nothing_hidden_is_the_crop_and_all_hidden_has_no_features() -> None:
    crop = np.random.default_rng(0).integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8)
    shown, hidden = hide(crop, np.stack([np.ones((SIDE, SIDE)), np.zeros((SIDE, SIDE))]).astype(np.float32))
    np.testing.assert_array_equal(shown, crop)
    assert hidden.std() < crop.std() / 5
    with pytest.raises(ShapeError, match="masks"):
        hide(crop, np.ones((1, 3, 3), np.float32))


def test_regions_cover_the_crop_once_or_twice() -> None:
    points = np.array([[19, 26], [37, 26], [28, 36], [21, 46], [35, 46]], float)
    masks = region_masks(SIDE, points)
    assert list(masks) == ["forehead", "eyes", "nose", "mouth", "outline"]
    hidden = sum((1 - mask) for mask in masks.values())
    assert np.min(hidden) >= 1
    assert masks["eyes"][26, 19] == masks["nose"][36, 28] == masks["mouth"][46, 28] == 0


def test_masks_that_say_nothing_are_refused() -> None:
    with pytest.raises(InputError, match="say nothing"):
        random_masks(SIDE, 0)
