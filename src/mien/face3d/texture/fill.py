"""Holes: what a photo does not show is completed from the other side of the face, then from what is
around."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mien.face3d.texture.atlas import mirrored_tiles

Singles = NDArray[np.float32]


def push_pull(colours: Singles, weights: Singles) -> Singles:
    """Extend colours (S, S, C) smoothly from where weights (S, S) are high to everywhere else.

    Averages weighted colours into ever coarser pictures, then fills each finer one from the coarser
    (Gortler et al. 1996); known texels keep their colour where their weight is 1.
    """
    pyramid: list[tuple[Singles, Singles]] = [(colours * weights[..., None], weights)]
    while min(pyramid[-1][1].shape) > 1:
        products, known = _halve(pyramid[-1][0]), _halve(pyramid[-1][1][..., None])[..., 0]
        total = np.maximum(known, np.float32(1.0))  # a weight says "known", not "how often"
        pyramid.append((_single(products / total[..., None]), _single(known / total)))
    filled = _single(pyramid[-1][0] / np.maximum(pyramid[-1][1], np.float32(1e-6))[..., None])
    for product, weight in reversed(pyramid[:-1]):
        filled = _single(product + (1 - weight[..., None]) * _double(filled, product.shape[:2]))
    return filled


def _single(values: NDArray[np.floating]) -> Singles:
    return np.asarray(values, np.float32)


def _halve(picture: Singles) -> Singles:
    """Sums of 2 x 2 blocks; odd sides are padded with nothing."""
    height, width = picture.shape[:2]
    padded = np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)))
    return padded[::2, ::2] + padded[1::2, ::2] + padded[::2, 1::2] + padded[1::2, 1::2]


def _double(picture: Singles, shape: tuple[int, ...]) -> Singles:
    """Twice the size, linear in between, cut to shape."""
    for axis in (0, 1):
        edge = [(1, 1) if a == axis else (0, 0) for a in range(picture.ndim)]
        padded = np.pad(picture, edge, mode="edge")
        length = picture.shape[axis]
        before, after = padded.take(range(length), axis), padded.take(range(2, length + 2), axis)
        pair = np.stack([0.75 * picture + 0.25 * before, 0.75 * picture + 0.25 * after], axis + 1)
        picture = pair.reshape(*picture.shape[:axis], -1, *picture.shape[axis + 1 :])
    return np.asarray(picture[: shape[0], : shape[1]], np.float32)


def blur(picture: Singles, radius: int) -> Singles:
    """Two passes of a box of 2 r + 1 texels in both directions: near a Gaussian of r / 1.2; (S, S)."""
    for _ in range(2):
        for axis in (0, 1):
            padding = [(0, 0), (0, 0)]
            padding[axis] = (radius + 1, radius)
            sums = np.cumsum(np.pad(picture, padding, mode="edge"), axis=axis, dtype=np.float64)
            picture = np.asarray(_box(sums, radius, axis), np.float32)
    return picture


def _box(sums: NDArray[np.float64], radius: int, axis: int) -> NDArray[np.float64]:
    width = 2 * radius + 1
    length = sums.shape[axis] - width
    upper = sums.take(range(width, width + length), axis)
    return np.asarray((upper - sums.take(range(length), axis)) / width)


def complete(colours: Singles, weights: Singles, mask: NDArray[np.bool_], around: Singles) -> Singles:
    """Fill the unseen part of a skin atlas: colours (S, S, 3), weights (S, S), mask (S, S) of skin texels.

    around: (S, S, 3) what surrounding skin suggests everywhere.

    The mirror image of the seen side is shifted in colour to agree with its surroundings, so that a light
    from
    one side does not leave an edge; where neither side was seen, surrounding skin flows in.
    """
    size = len(weights)
    other, other_weights = mirrored_tiles(colours), mirrored_tiles(weights[..., None])[..., 0]
    both = np.minimum(weights, other_weights)
    shift = push_pull(colours - other, both)
    feather = max(2, size // 170)
    own = feathered(weights, mask, feather)
    theirs = feathered(other_weights, mask, feather)
    filled = theirs[..., None] * (other + shift) + (1 - theirs[..., None]) * around
    return np.asarray(np.clip(own[..., None] * colours + (1 - own[..., None]) * filled, 0, 255), np.float32)


def feathered(weights: Singles, mask: NDArray[np.bool_], radius: int) -> Singles:
    """A soft edge that lies inside the known part: never weight where nothing was seen."""
    soft = blur(weights, radius) / np.maximum(blur(mask.astype(np.float32), radius), 1e-3)
    return np.asarray(np.clip(2 * np.minimum(soft, 1) - 1, 0, 1) * (weights > 0), np.float32)
