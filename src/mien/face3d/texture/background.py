"""Which pixels of the photo are not the person: the head model is never exactly as wide as the head."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Singles = NDArray[np.float32]
Mask = NDArray[np.bool_]

_BINS = 12  # per colour channel


def background_probability(pixels: NDArray[np.uint8], core: Mask, outside: Mask) -> Singles:
    """Probability (H, W), 0..1, that a pixel belongs to the background, judged by its colour.

    core: pixels that are certainly the person's.    outside: pixels that are certainly not.
    A colour that neither has shown (hair, say) is not called background.
    """
    if not core.any() or not outside.any():
        return np.zeros(pixels.shape[:2], np.float32)
    code = (pixels.astype(np.int64) * _BINS // 256) @ np.array([_BINS * _BINS, _BINS, 1])
    person, other = _histogram(code[core]), _histogram(code[outside])
    ratio = other / (other + person + 3e-4)
    return np.asarray(ratio[code], np.float32)


def _histogram(code: NDArray[np.int64]) -> NDArray[np.float64]:
    """Share of each colour cell, smoothed over neighbouring cells."""
    counts = np.bincount(code.ravel(), minlength=_BINS**3).astype(float).reshape(_BINS, _BINS, _BINS)
    for axis in range(3):
        padded = np.pad(counts, [(1, 1) if a == axis else (0, 0) for a in range(3)], mode="edge")
        low, high = padded.take(range(_BINS), axis), padded.take(range(2, _BINS + 2), axis)
        counts = 0.5 * counts + 0.25 * low + 0.25 * high
    return np.asarray((counts / counts.sum()).ravel())


def grown(mask: Mask, pixels: int) -> Mask:
    """The mask (H, W) grown by a square of so many pixels."""
    sums = np.cumsum(np.cumsum(np.pad(mask.astype(np.int64), pixels + 1), axis=0), axis=1)
    width = 2 * pixels + 1
    height, columns = mask.shape
    total = (
        sums[width : width + height, width : width + columns]
        - sums[:height, width : width + columns]
        - sums[width : width + height, :columns]
        + sums[:height, :columns]
    )
    return np.asarray(total > 0)
