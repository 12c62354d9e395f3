"""What the classics see: grey faces of one size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError, ShapeError

Grey = NDArray[np.float32]
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, 2.5.1


def to_grey(faces: NDArray[np.uint8]) -> Grey:
    """(N, H, W, 3) uint8 RGB, or (N, H, W) uint8 grey, -> (N, H, W) float32 in 0..255.

    >>> to_grey(np.full((1, 1, 1, 3), 100, np.uint8)).round(3).tolist()
    [[[100.0]]]
    """
    if faces.ndim == 4 and faces.shape[3] == 3:
        return np.asarray(faces @ np.asarray(LUMA, np.float32), np.float32)
    if faces.ndim == 3:
        return faces.astype(np.float32)
    raise ShapeError("faces", "(N, H, W) or (N, H, W, 3)", faces.shape)


def unit(rows: NDArray[np.floating]) -> NDArray[np.float32]:
    """Scale (N, D) rows to unit length, so that their products are cosines.

    >>> unit(np.array([[3.0, 4.0]])).round(3).tolist()
    [[0.6000000238418579, 0.800000011920929]]
    """
    wide = rows.astype(np.float64)
    length = np.linalg.norm(wide, axis=1, keepdims=True)
    if not (length > 1e-12).all():
        number = int(np.argmin(length[:, 0]))
        raise InputError(f"face {number} shows nothing to describe (one colour): leave it out")
    scaled: NDArray[np.float32] = (wide / length).astype(np.float32)
    return scaled
