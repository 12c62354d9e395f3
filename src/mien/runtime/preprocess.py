"""Apply a card's Preprocess in NumPy; the OpenVINO engine folds the same arithmetic into its graph."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import ShapeError
from mien.core.modelcard import Preprocess


def check_pixels(pixels: NDArray[np.uint8], preprocess: Preprocess) -> None:
    """Raise `ShapeError` unless ``pixels`` is (N, H, W, 3) uint8 of a size that the network takes."""
    height = preprocess.height or f"k·{preprocess.stride}"
    width = preprocess.width or f"k·{preprocess.stride}"
    sizes = zip(pixels.shape[1:3], (preprocess.height, preprocess.width), strict=False)
    fits = all(size == wanted if wanted else size % preprocess.stride == 0 for size, wanted in sizes)
    if pixels.ndim != 4 or pixels.shape[3] != 3 or pixels.dtype != np.uint8 or not fits:
        raise ShapeError("the network's pixels", f"(N, {height}, {width}, 3) uint8", pixels.shape)


def to_network_input(pixels: NDArray[np.uint8], preprocess: Preprocess) -> NDArray[np.float32]:
    """Turn (N, H, W, 3) uint8 RGB into the network's float32 input.

    >>> card = Preprocess(1, 1, colour="bgr", mean=(10, 10, 10), std=(2, 2, 2))
    >>> to_network_input(np.array([[[[30, 20, 10]]]], np.uint8), card).ravel()
    array([ 0.,  5., 10.], dtype=float32)
    """
    channels = pixels[..., ::-1] if preprocess.colour == "bgr" else pixels
    mean = np.asarray(preprocess.mean, np.float32)
    std = np.asarray(preprocess.std, np.float32)
    scaled = (channels.astype(np.float32) - mean) / std
    return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2) if preprocess.layout == "nchw" else scaled)
