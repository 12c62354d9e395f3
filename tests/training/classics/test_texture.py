"""LBP and HOG on pictures whose answer is known by hand, and against a loop over the formula."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from mien.core.errors import InputError
from mien.training.classics.hog import CLIP, ORIENTATIONS, cell_histograms, fit_hog
from mien.training.classics.hog import describe as describe_hog
from mien.training.classics.lbp import BINS, _uniform, fit_lbp, patterns
from mien.training.classics.lbp import describe as describe_lbp


def picture(seed: int = 0, shape: tuple[int, int] = (24, 20)) -> NDArray[np.float32]:
    return np.random.default_rng(seed).integers(0, 256, (1, *shape)).astype(np.float32)


def test_a_pattern_is_read_counter_clockwise_from_the_right() -> None:
    grey = np.zeros((1, 3, 3), np.float32)
    grey[0, 1, 1] = 50
    grey[0, 1, 2] = 90  # right: bit 0
    grey[0, 0, 1] = 90  # above: bit 2
    assert patterns(grey, 1.0)[0, 0, 0] & 0b01010101 == 0b00000101


def test_patterns_agree_with_a_loop_over_the_formula() -> None:
    grey = picture(1, (9, 8))
    found = patterns(grey, 2.0)
    for row in range(found.shape[1]):
        for column in range(found.shape[2]):
            code = 0
            for p in range(8):
                y = row + 2 - 2 * np.sin(2 * np.pi * p / 8)
                x = column + 2 + 2 * np.cos(2 * np.pi * p / 8)
                top, left = min(int(y + 1e-9), 7), min(int(x + 1e-9), 6)
                a, b = y - top, x - left
                window = grey[0, top : top + 2, left : left + 2].astype(np.float64)
                value = np.array([1 - a, a]) @ window @ np.array([1 - b, b])
                code |= int(value >= grey[0, row + 2, column + 2] - 1e-4) << p
            assert found[0, row, column] == code


def test_58_patterns_are_uniform() -> None:
    assert (_uniform() < BINS - 1).sum() == 58
    assert _uniform()[0b01010101] == BINS - 1
    assert _uniform()[0b00111000] < BINS - 1


def test_patterns_do_not_change_with_brightness_and_contrast() -> None:
    grey = picture(2)
    np.testing.assert_array_equal(patterns(grey, 2.0), patterns(grey * 0.5 + 20, 2.0))


def test_each_regions_shares_sum_to_one() -> None:
    squares = describe_lbp(picture(3), (3, 2), 1.0) ** 2
    np.testing.assert_allclose(squares.reshape(6, BINS).sum(axis=1), 1)


@pytest.mark.parametrize(("degrees", "angle"), [(10, 0), (50, 2), (90, 4), (170, 8)])
def test_a_slope_falls_into_the_bin_of_its_direction(degrees: int, angle: int) -> None:
    rows, columns = np.mgrid[0:24, 0:24].astype(np.float64)
    slope = columns * np.cos(np.radians(degrees)) + rows * np.sin(np.radians(degrees))
    middle = cell_histograms(slope[None].astype(np.float32), 8)[0, 1, 1]
    assert middle[angle] == pytest.approx(middle.sum(), rel=1e-4)
    assert middle.sum() == pytest.approx(64 * 2, rel=1e-4)


def test_a_slope_between_two_bins_is_shared_by_them() -> None:
    slope = np.tile(np.arange(24, dtype=np.float32), (24, 1))[None]  # 0°, between 170° and 10°
    middle = cell_histograms(slope, 8)[0, 1, 1]
    assert middle[0] == pytest.approx(64)
    assert middle[ORIENTATIONS - 1] == pytest.approx(64)


def test_gradients_do_not_change_with_brightness_and_hardly_with_contrast() -> None:
    grey = picture(4)
    np.testing.assert_allclose(describe_hog(grey + 30, 8), describe_hog(grey, 8), atol=1e-6)
    np.testing.assert_allclose(describe_hog(grey * 3, 8), describe_hog(grey, 8), atol=1e-6)


def test_blocks_have_unit_length_and_no_direction_rules() -> None:
    blocks = describe_hog(picture(5), 8).reshape(-1, 36)
    np.testing.assert_allclose(np.linalg.norm(blocks, axis=1), 1, atol=1e-6)
    edge = np.zeros((1, 16, 16), np.float32)
    edge[:, :, 8:] = 200
    assert describe_hog(edge, 8).max() <= 1.0
    assert describe_hog(edge, 8).max() > CLIP


@pytest.mark.parametrize("fit", [fit_lbp, fit_hog])
def test_a_face_is_more_like_its_own_noisy_copy_than_like_another(fit: object) -> None:
    assert callable(fit)
    rng = np.random.default_rng(6)
    people = np.kron(rng.uniform(40, 220, (6, 7, 7)), np.ones((8, 8)))
    first, second = (np.clip(people + rng.normal(0, 5, people.shape), 0, 255).astype(np.uint8) for _ in "ab")
    fitted = fit(first, np.arange(6))
    scores = fitted.embed(first) @ fitted.embed(second).T
    assert (scores.argmax(axis=1) == np.arange(6)).all()


def test_too_small_a_face_is_said() -> None:
    with pytest.raises(InputError, match="use smaller ones"):
        describe_hog(picture(7, (10, 10)), 8)
    with pytest.raises(InputError, match="use fewer regions"):
        describe_lbp(picture(7, (8, 8)), (7, 7), 2.0)
    with pytest.raises(InputError, match="use a smaller one"):
        patterns(picture(7, (4, 4)), 2.0)
