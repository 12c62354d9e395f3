"""Grain: as rough as what was seen, without its shade and its moles, the same every time."""

import numpy as np
import pytest

from mien.face3d.texture.detail import noise_of, skin_grain

SIZE = 320


def rough_skin(strength: float = 0.05, seed: int = 3) -> np.ndarray:
    """Skin with noise two texels wide and a shade from left to right, (S, S, 3)."""
    noise = np.random.default_rng(seed).standard_normal((SIZE, SIZE))
    noise = (noise + np.roll(noise, 1, 0) + np.roll(noise, 1, 1)) / np.sqrt(3)
    shade = np.linspace(0.7, 1.3, SIZE)
    colour = np.array([190.0, 150.0, 130.0])
    return np.asarray(colour * (shade * (1 + strength * noise))[..., None], np.float32)


def everywhere() -> np.ndarray:
    return np.ones((SIZE, SIZE), bool)


@pytest.mark.parametrize("strength", [0.02, 0.08])
def test_the_grain_is_as_rough_as_the_skin_it_was_learned_from(strength: float) -> None:
    grain = skin_grain(rough_skin(strength), everywhere())
    assert grain is not None
    np.testing.assert_allclose(grain.strength, strength, rtol=0.2)
    np.testing.assert_allclose(grain.pattern.std(), 1, rtol=1e-4)
    np.testing.assert_allclose(grain.pattern.mean(), 0, atol=1e-4)


def test_the_grain_is_as_fine_as_the_skin_it_was_learned_from() -> None:
    grain = skin_grain(rough_skin(), everywhere())
    assert grain is not None
    p = grain.pattern

    def alike(rows: int) -> float:
        return float((p * np.roll(p, rows, 0)).mean())

    assert 0.15 < alike(1) < 0.4  # a third, less what taking out the shade takes
    assert abs(alike(5)) < 0.12


def test_moles_and_shade_are_no_grain() -> None:
    plain = rough_skin(0.02)
    marked = plain.copy()
    marked[::40, ::40] *= 0.2
    first, second = skin_grain(plain, everywhere()), skin_grain(marked, everywhere())
    assert first is not None
    assert second is not None
    np.testing.assert_allclose(second.strength, first.strength, rtol=0.15)


def test_the_grain_is_the_same_every_time_and_tiles() -> None:
    first, second = skin_grain(rough_skin(), everywhere()), skin_grain(rough_skin(), everywhere())
    assert first is not None
    assert second is not None
    np.testing.assert_array_equal(first.pattern, second.pattern)
    edge = np.abs(np.diff(first.pattern, axis=0, append=first.pattern[:1])).mean(axis=1)
    assert edge[-1] < 1.5 * edge.mean()
    assert first.coarser(4).std() < 0.6  # large texels see the mean of small ones


def test_without_plain_skin_there_is_no_grain() -> None:
    assert skin_grain(rough_skin(), ~everywhere()) is None
    flat = np.full((SIZE, SIZE, 3), 120, np.float32)
    assert skin_grain(flat, everywhere()) is None


def test_noise_has_the_spectrum_that_is_asked_for() -> None:
    frequency = np.abs(np.fft.fftfreq(32))
    low = (np.hypot(frequency[:, None], frequency) < 0.1).astype(float)
    noise = noise_of(low, 64)
    power = np.abs(np.fft.fft2(noise)) ** 2
    at = np.abs(np.fft.fftfreq(64))
    beyond = np.hypot(at[:, None], at) > 0.2
    assert power[beyond].sum() < 0.05 * power.sum()
