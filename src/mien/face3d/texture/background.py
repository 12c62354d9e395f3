"""Which pixels of the photo are not the person: the head model is never exactly as wide as the head."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mien.core.mesh import Camera, Placement
from mien.face3d.model.basis import HeadModel
from mien.face3d.render.rasterize import rasterize
from mien.geometry.projection import place, project

Floats = NDArray[np.floating]
Pixels = NDArray[np.uint8]
Singles = NDArray[np.float32]
Mask = NDArray[np.bool_]

_BINS = 12  # per colour channel


def photo_background(
    model: HeadModel, vertices: Floats, placement: Placement, camera: Camera, pixels: Pixels
) -> NDArray[np.float32]:
    """Probability (H, W) that a pixel is background; its middle is learned from what lies well off the head.

    The photo is looked at in at most 400 pixels a side: colours, not edges, are wanted.
    """
    height, width = pixels.shape[:2]
    step = max(1, -(-max(height, width) // 400))
    small = pixels[::step, ::step]
    view = Camera(camera.fx / step, camera.fy / step, camera.cx / step, camera.cy / step)
    triangles = model.levels[-1][0]
    points = place(vertices, placement)
    head = rasterize(points, triangles, view, small.shape[1], small.shape[0])
    region = np.where(head.covered, model.region[triangles[np.maximum(head.triangle, 0), 0]], 255)
    marks = place(vertices[model.points68], placement)
    spots = project(marks, view)
    low, high = spots[17:].min(axis=0), spots[17:].max(axis=0)
    rows, columns = np.mgrid[: small.shape[0], : small.shape[1]]
    facing = (columns >= low[0]) & (columns <= high[0]) & (rows >= low[1]) & (rows <= high[1])
    core = facing & (region == model.region_names.index("face"))
    hair = (region == model.region_names.index("scalp")) & (rows < low[1])
    reach = max(2, int(0.35 * (high[0] - low[0])))
    outside = ~grown(head.covered, reach) & (rows <= high[1] + reach)
    small_doubt = background_probability(small, core, outside, hair)
    # what has a colour of the background, but lies enclosed by the person, is the person's
    reached = flooded(small_doubt > 0.4, outside)
    small_doubt = np.where(reached, small_doubt, np.minimum(small_doubt, 0.4)).astype(np.float32)
    # where background and skin mix in one pixel the colour is neither; the core may be white as a wall
    # (teeth)
    beside = grown((small_doubt > 0.65) & ~core, 2) & ~core
    small_doubt = np.where(beside, np.maximum(small_doubt, 0.9), small_doubt).astype(np.float32)
    return np.repeat(np.repeat(small_doubt, step, axis=0), step, axis=1)[:height, :width]


def background_probability(
    pixels: NDArray[np.uint8], core: Mask, outside: Mask, hair: Mask | None = None
) -> Singles:
    """Probability (H, W), 0..1, that a pixel belongs to the background, judged by its colour.

    core: pixels that are certainly the person's.    outside: pixels that are certainly not.
    hair: pixels that are mostly the person's: what is common there is doubted less.
    A colour that neither has shown (hair, say) is not called background.
    """
    if not core.any() or not outside.any():
        return np.zeros(pixels.shape[:2], np.float32)
    code = (pixels.astype(np.int64) * _BINS // 256) @ np.array([_BINS * _BINS, _BINS, 1])
    person, other = _histogram(code[core]), _histogram(code[outside])
    if hair is not None and hair.any():
        person = person + _histogram(code[hair])
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


def flooded(open_: Mask, seeds: Mask, rounds: int = 12) -> Mask:
    """The open pixels (H, W) that can be reached from seeds over open ones, in so many sweeps each way."""
    reached = open_ & seeds
    before = int(reached.sum())
    for _ in range(rounds):
        reached = _along(open_, reached)
        reached = _along(open_.T, reached.T).T
        after = int(reached.sum())
        if after == before:
            break
        before = after
    return reached


def _along(open_: Mask, reached: Mask) -> Mask:
    """Whole runs of open pixels in each row, where one of them is reached."""
    width = open_.shape[1] + 1
    # a closed column between the rows keeps their runs apart
    runs = np.cumsum(~np.pad(open_, ((0, 0), (0, 1))).ravel())
    inside = np.pad(reached, ((0, 0), (0, 1))).ravel()
    hit = np.zeros(int(runs[-1]) + 1, bool)
    hit[runs[inside]] = True
    return np.asarray(hit[runs].reshape(-1, width)[:, :-1] & open_)
