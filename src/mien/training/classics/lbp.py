"""Local binary patterns: which neighbours are lighter than a pixel, counted region by region.

Ahonen, Hadid & Pietikäinen, Face Description with Local Binary Patterns, IEEE TPAMI 28 (2006), with the
uniform patterns of Ojala et al., IEEE TPAMI 24 (2002): LBP(8,2)^u2 in a grid of regions.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError
from mien.training.classics.grey import Grey, to_grey, unit

NEIGHBOURS = 8
BINS = 59  # 58 uniform patterns, and one for all others


@dataclass(frozen=True, slots=True, eq=False)
class LocalBinaryPatterns:
    """mean: (D,) of the training faces' histograms, taken away: what all faces share tells nobody apart.

    grid: regions down and across.    radius: pixels to the neighbours.
    """

    mean: NDArray[np.float64]
    grid: tuple[int, int]
    radius: float

    @property
    def dim(self) -> int:
        return len(self.mean)

    def embed(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(N, H, W[, 3]) uint8 -> (N, D) float32 of unit length; D = 59 · regions."""
        return unit(describe(to_grey(faces), self.grid, self.radius) - self.mean)


def fit_lbp(
    faces: NDArray[np.uint8],
    people: NDArray[np.integer],
    *,
    grid: tuple[int, int] = (7, 7),
    radius: float = 2.0,
) -> LocalBinaryPatterns:
    """faces: (N, H, W[, 3]) uint8.    people: not used: only the mean description is learnt."""
    del people
    return LocalBinaryPatterns(describe(to_grey(faces), grid, radius).mean(axis=0), grid, radius)


def describe(grey: Grey, grid: tuple[int, int], radius: float) -> NDArray[np.float64]:
    """(N, H, W) -> (N, 59 · regions): square roots of each region's shares of patterns.

    With roots the product of two descriptions is the Bhattacharyya coefficient of their histograms, so that a
    cosine takes the place of Ahonen's chi-square distance.
    """
    codes = _uniform()[patterns(grey, radius)]
    rows, columns = grid
    if min(rows, columns) < 1 or codes.shape[1] < rows or codes.shape[2] < columns:
        raise InputError(
            f"a grid of {rows} × {columns} regions does not fit {grey.shape[1:]}: use fewer regions"
        )
    parts = [
        _shares(cell.reshape(len(cell), -1))
        for band in np.array_split(codes, rows, axis=1)
        for cell in np.array_split(band, columns, axis=2)
    ]
    return np.sqrt(np.concatenate(parts, axis=1))


def patterns(grey: Grey, radius: float) -> NDArray[np.uint8]:
    """(N, H, W) -> (N, H - 2m, W - 2m) codes, m = ceil(radius): bit p is set where neighbour p is as light.

    Neighbours stand on a circle and are sampled bilinearly (Ojala et al. 2002, eq. 11).
    """
    margin = int(np.ceil(radius))
    height, width = grey.shape[1] - 2 * margin, grey.shape[2] - 2 * margin
    if radius <= 0 or min(height, width) < 1:
        raise InputError(f"radius {radius} does not fit faces of {grey.shape[1:]}: use a smaller one")
    centre = grey[:, margin : margin + height, margin : margin + width]
    codes = np.zeros(centre.shape, np.uint8)
    for p in range(NEIGHBOURS):
        angle = 2 * np.pi * p / NEIGHBOURS
        # Rounded, so that the four axial neighbours are exact pixels.
        y, x = np.round(margin - radius * np.sin(angle), 9), np.round(margin + radius * np.cos(angle), 9)
        lighter = _shifted(grey, y, x, height, width) >= centre - 1e-4
        codes |= (lighter.astype(np.uint8) << p).astype(np.uint8)
    return codes


def _shifted(grey: Grey, y: float, x: float, height: int, width: int) -> Grey:
    """The (height, width) window whose corner lies at (y, x), sampled bilinearly."""
    top, left = int(np.floor(y)), int(np.floor(x))
    down, right = y - top, x - left
    out = np.zeros((len(grey), height, width), np.float32)
    for dy, dx, share in (
        (0, 0, (1 - down) * (1 - right)),
        (0, 1, (1 - down) * right),
        (1, 0, down * (1 - right)),
        (1, 1, down * right),
    ):
        if share > 0:
            window = grey[:, top + dy : top + dy + height, left + dx : left + dx + width]
            out += np.float32(share) * window
    return out


@cache
def _uniform() -> NDArray[np.int64]:
    """Code -> bin: a number of its own for each pattern with at most two changes around the circle."""
    codes = np.arange(256)
    turned = (codes >> 1) | ((codes & 1) << 7)
    changes = np.unpackbits((codes ^ turned).astype(np.uint8)[:, None], axis=1).sum(axis=1)
    bins = np.full(256, BINS - 1)
    bins[changes <= 2] = np.arange(BINS - 1)
    return bins


def _shares(bins: NDArray[np.int64]) -> NDArray[np.float64]:
    """(N, K) bins -> (N, 59) shares."""
    counts = np.zeros((len(bins), BINS))
    np.add.at(counts, (np.arange(len(bins))[:, None], bins), 1.0)
    shares: NDArray[np.float64] = counts / bins.shape[1]
    return shares
