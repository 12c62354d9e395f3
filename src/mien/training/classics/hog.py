"""Histograms of oriented gradients.

Dalal & Triggs, Histograms of Oriented Gradients for Human Detection, CVPR 2005, sections 6.2 to 6.4: plain
[-1 0 1] gradients, nine unsigned orientations, cells of 8 × 8 pixels, overlapping blocks of 2 × 2 cells,
clipped L2 norm. On faces: Déniz et al., Pattern Recognition Letters 32 (2011).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError
from mien.training.classics.grey import Grey, to_grey, unit

ORIENTATIONS = 9
BLOCK = 2
CLIP = 0.2  # Lowe's value, taken over by Dalal & Triggs (6.4)


@dataclass(frozen=True, slots=True, eq=False)
class OrientedGradients:
    """mean: (D,) of the training faces' descriptions, taken away.    cell: pixels a side."""

    mean: NDArray[np.float64]
    cell: int

    @property
    def dim(self) -> int:
        return len(self.mean)

    def embed(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(N, H, W[, 3]) uint8 -> (N, D) float32 of unit length."""
        return unit(describe(to_grey(faces), self.cell) - self.mean)


def fit_hog(faces: NDArray[np.uint8], people: NDArray[np.integer], *, cell: int = 8) -> OrientedGradients:
    """faces: (N, H, W[, 3]) uint8.    people: not used: only the mean description is learnt."""
    del people
    return OrientedGradients(describe(to_grey(faces), cell).mean(axis=0), cell)


def describe(grey: Grey, cell: int) -> NDArray[np.float64]:
    """(N, H, W) -> (N, blocks · 4 · 9); what is left over at the right and below is not looked at."""
    cells = cell_histograms(grey, cell)
    rows, columns = cells.shape[1] - BLOCK + 1, cells.shape[2] - BLOCK + 1
    if min(rows, columns) < 1:
        raise InputError(f"two cells of {cell} pixels do not fit faces of {grey.shape[1:]}: use smaller ones")
    corners = [cells[:, i : i + rows, j : j + columns] for i in range(BLOCK) for j in range(BLOCK)]
    blocks = _normalised(np.concatenate(corners, axis=3))
    return blocks.reshape(len(grey), -1)


def cell_histograms(grey: Grey, cell: int) -> NDArray[np.float64]:
    """(N, H, W) -> (N, H // cell, W // cell, 9): gradient magnitudes, each shared by two orientations."""
    if cell < 1:
        raise InputError(f"cells of {cell} pixels hold nothing: use 8")
    x, y = _gradients(grey)
    rows, columns = grey.shape[1] // cell, grey.shape[2] // cell
    place = (np.arctan2(y, x) % np.pi) / np.pi * ORIENTATIONS - 0.5  # bin centres at 10°, 30°, …
    low = np.floor(place)
    upper = place - low
    strength = np.hypot(x, y)
    found = np.zeros((len(grey), rows, columns, ORIENTATIONS))
    for shift, share in ((0, 1 - upper), (1, upper)):
        here = (low + shift) % ORIENTATIONS
        for angle in range(ORIENTATIONS):
            votes = np.where(here == angle, strength * share, 0.0)[:, : rows * cell, : columns * cell]
            found[..., angle] += votes.reshape(-1, rows, cell, columns, cell).sum(axis=(2, 4))
    return found


def _gradients(grey: Grey) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Differences of the two neighbours; none at the border, where one is missing."""
    x, y = np.zeros(grey.shape), np.zeros(grey.shape)
    x[:, :, 1:-1] = grey[:, :, 2:] - grey[:, :, :-2]
    y[:, 1:-1, :] = grey[:, 2:, :] - grey[:, :-2, :]
    return x, y


def _normalised(blocks: NDArray[np.float64]) -> NDArray[np.float64]:
    """L2-Hys: to unit length, clip, to unit length again; a block without gradients stays zero."""
    small = 1e-5
    once = blocks / np.sqrt((blocks**2).sum(axis=-1, keepdims=True) + small**2)
    clipped = np.minimum(once, CLIP)
    twice: NDArray[np.float64] = clipped / np.sqrt((clipped**2).sum(axis=-1, keepdims=True) + small**2)
    return twice
