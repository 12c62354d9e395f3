"""The fine grain of skin, learned where the photo shows it and made anew where it does not."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.face3d.texture.fill import blur

Singles = NDArray[np.float32]
Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

_WINDOW, _REACH = 10, 140
"""A window is a 1 / 10 of the atlas wide; what varies within a 1 / 140 of it is grain, not shade."""
_ENOUGH = 0.4  # share of a window that must be plain skin
_ODD = 5.0  # times the usual deviation from which a texel is a mole, a hair or a glint, not grain


@dataclass(frozen=True, slots=True, eq=False)
class Grain:
    """Roughness of a surface, relative to its colour.

    pattern: (P, P) noise that tiles, mean 0 and variance 1.
    strength: (3,) standard deviation of each channel, as a share of the colour.
    """

    pattern: Singles
    strength: Singles

    def coarser(self, factor: int) -> Singles:
        """The pattern as texels so many times larger see it: means over squares, as many values as before."""
        result = self.pattern
        for axis in (0, 1):
            result = np.mean([np.roll(result, -step, axis) for step in range(factor)], axis=0)
        return np.asarray(result, np.float32)


def skin_grain(colours: Singles, plain: Mask) -> Grain | None:
    """Grain like that of the plain skin (S, S) in an atlas (S, S, 3); None where there is too little of it.

    Noise with the power spectrum of what was seen and phases of its own (Galerne, Gousseau and Morel 2011):
    as rough, and no mole comes twice.
    """
    size = len(plain)
    side, reach = size // _WINDOW, max(1, size // _REACH)
    taper = np.outer(np.hanning(side + 2)[1:-1], np.hanning(side + 2)[1:-1])
    found = []
    for top, left in _windows(plain, side, reach):
        box = np.s_[top - reach : top + side + reach, left - reach : left + side + reach]
        grain, good = _relative(colours[box], plain[box], reach)
        inner = np.s_[reach:-reach, reach:-reach]
        found.append((float((grain[inner][good[inner]] ** 2).mean()), grain[inner], good[inner]))
    # the smoother half: wrinkles are lines of their own place, not grain
    found.sort(key=lambda window: window[0])
    spectrum, squares, count = np.zeros((side, side)), np.zeros(3), 0
    for _, grain, good in found[: (len(found) + 1) // 2]:
        held = good * taper
        spectrum += np.abs(np.fft.fft2(grain.mean(axis=2) * held)) ** 2
        squares += (grain[good] ** 2).sum(axis=0)
        count += int(good.sum())
    if not count or not spectrum.any():
        return None
    return Grain(noise_of(spectrum, size // 4), np.asarray(np.sqrt(squares / count), np.float32))


def _windows(plain: Mask, side: int, margin: int) -> list[tuple[int, int]]:
    """Top left corners of windows full enough of plain skin, half overlapping."""
    sums = np.cumsum(np.cumsum(np.pad(plain, ((1, 0), (1, 0))), axis=0, dtype=np.int64), axis=1)
    tops = np.arange(margin, len(plain) - side - margin, side // 2)
    rows, columns = np.meshgrid(tops, tops, indexing="ij")
    total = sums[rows + side, columns + side] - sums[rows, columns + side]
    total = total - sums[rows + side, columns] + sums[rows, columns]
    chosen = total >= _ENOUGH * side * side
    return list(zip(rows[chosen].tolist(), columns[chosen].tolist(), strict=True))


def _relative(colours: Singles, plain: Mask, reach: int) -> tuple[Singles, Mask]:
    """Colours (h, w, 3) over their surroundings, less 1, and where they are grain, (h, w)."""
    known = np.maximum(blur(plain.astype(np.float32), reach), 1e-3)
    around = [blur(colours[..., i] * plain, reach) / known for i in range(3)]
    found = colours / np.maximum(np.stack(around, axis=2), 4.0) - 1
    off = np.abs(found).max(axis=2)
    usual = float(np.median(off[plain])) if plain.any() else 0.0
    return np.asarray(found, np.float32), np.asarray(plain & (off <= _ODD * max(usual, 1e-4)))


def noise_of(spectrum: Array, size: int, seed: int = 0) -> Singles:
    """Tiling noise (size, size) of mean 0 and variance 1 with the power ``spectrum`` (s, s), s <= size."""
    side = len(spectrum)
    # the autocorrelation's root as a small stamp, laid down at random
    stamp = np.fft.fftshift(np.fft.ifft2(np.sqrt(spectrum)).real)
    whole = np.zeros((size, size))
    whole[:side, :side] = stamp
    noise = np.fft.irfft2(np.fft.rfft2(whole) * _white(size, seed), (size, size))
    noise = noise - noise.mean()
    return np.asarray(noise / max(float(noise.std()), 1e-12), np.float32)


@functools.lru_cache(maxsize=4)
def _white(size: int, seed: int) -> NDArray[np.complex128]:
    return np.asarray(np.fft.rfft2(np.random.default_rng(seed).standard_normal((size, size))))
