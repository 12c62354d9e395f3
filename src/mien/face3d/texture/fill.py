"""Arithmetic of holes: colours that run into them, soft edges, smaller and larger pictures."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

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


def feathered(weights: Singles, mask: NDArray[np.bool_], radius: int) -> Singles:
    """A soft edge that lies inside the known part: never weight where nothing was seen."""
    soft = blur(weights, radius) / np.maximum(blur(mask.astype(np.float32), radius), 1e-3)
    return np.asarray(np.clip(2 * np.minimum(soft, 1) - 1, 0, 1) * (weights > 0), np.float32)


def reduced(colours: Singles, weights: Singles, factor: int) -> tuple[Singles, Singles]:
    """Weighted means of factor x factor blocks: colours (S / f, S / f, C) and weights (S / f, S / f)."""
    small = len(weights) // factor
    blocks = weights[: small * factor, : small * factor].reshape(small, factor, small, factor)
    total = blocks.sum(axis=(1, 3))
    products = (colours * weights[..., None])[: small * factor, : small * factor]
    sums = products.reshape(small, factor, small, factor, colours.shape[2]).sum(axis=(1, 3))
    return _single(sums / np.maximum(total, 1e-6)[..., None]), _single(total / factor**2)


def roughness(colours: Singles, weights: Singles, factor: int) -> Singles:
    """Relative standard deviation (S / f, S / f) of brightness within factor x factor blocks, softened."""
    brightness = colours @ np.array([0.3, 0.6, 0.1], np.float32)
    both, _ = reduced(np.stack([brightness, brightness**2], axis=2), weights, factor)
    spread = np.sqrt(np.maximum(both[..., 1] - both[..., 0] ** 2, 0)) / np.maximum(both[..., 0], 8)
    return blur(np.asarray(spread, np.float32), 1)


def enlarged(picture: Singles, factor: int) -> Singles:
    """A picture (s, s) or (s, s, C) blown up by a whole number, linear in between."""
    if factor == 1:
        return picture
    side = len(picture)
    at = np.clip((np.arange(side * factor) + 0.5) / factor - 0.5, 0, side - 1)
    low = np.minimum(at.astype(np.int64), max(side - 2, 0))
    high = np.minimum(low + 1, side - 1)
    share = (at - low).astype(np.float32)
    rest = picture.ndim - 1
    down = share.reshape(-1, *([1] * rest))
    tall = picture[low] * (1 - down) + picture[high] * down
    across = share.reshape(1, -1, *([1] * (rest - 1)))
    return _single(tall[:, low] * (1 - across) + tall[:, high] * across)
