"""Photo → atlas: what each texel looks like, and how well the photo sees it."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from mien.core.mesh import Camera, Placement
from mien.face3d.model.basis import HeadModel
from mien.face3d.render.rasterize import rasterize
from mien.face3d.render.shade import sample
from mien.face3d.render.visibility import facing_cosine
from mien.face3d.texture.atlas import PEEPING, SKIN, Atlas, region_mask
from mien.geometry.projection import place, project
from mien.geometry.triangles import interpolate

Floats = NDArray[np.floating]
Singles = NDArray[np.float32]

_GRAZING, _FULL = 0.2, 0.55
"""Cosine to the camera below which a texel is not used, and from which it counts fully."""


def unwrap(
    model: HeadModel,
    atlas: Atlas,
    vertices: Floats,
    placement: Placement,
    camera: Camera,
    pixels: NDArray[np.uint8],
    background: Singles | None = None,
    shift: Floats | None = None,
    openings: NDArray[np.uint8] | None = None,
    trusted: Singles | None = None,
) -> tuple[Singles, Singles, Singles]:
    """Colours (S, S, 3) 0..255, weights (S, S) and certainty (S, S) 0..1 of skin and eyes as one photo
    (H, W, 3) sees them.

    A texel counts where the skin faces the camera, nothing stands in front of it, the photo covers it, and
    ``background`` (H, W), the probability that a pixel is not the person's, is low.
    shift: (V, 2) pixels by which the photo shows a vertex beside its projection (`landmark_shift`).
    openings: (H, W) 0..255, where the photo shows eyes rather than lids (`openings_of`).
    trusted: (S, S) 0..1, where a colour like the background's may be the person's: hair, a cap; its
        certainty is low.
    """
    height, width = pixels.shape[:2]
    points = place(vertices, placement)
    triangles = model.levels[0][0]
    skin = region_mask(model, atlas, *SKIN, *PEEPING)
    chosen = atlas.fragments.triangle[skin]
    bary = atlas.fragments.weights[skin]
    corners = triangles[chosen]
    where = np.einsum("nkc,nk->nc", points.astype(np.float32)[corners], bary)
    cosine = np.einsum("nk,nk->n", facing_cosine(points, triangles).astype(np.float32)[corners], bary)
    image_points = project(where, camera)
    if shift is not None:
        image_points = image_points + np.einsum("nkc,nk->nc", shift.astype(np.float32)[corners], bary)
    weight = np.clip((cosine - _GRAZING) / (_FULL - _GRAZING), 0, 1) ** 2
    weight *= _unoccluded(points, triangles, camera, width, height, where, image_points)
    certain = np.ones(len(weight), np.float32)
    if background is not None:
        column, row = np.round(np.nan_to_num(image_points)).astype(np.int64).T
        doubt = background[np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)]
        of_skin = region_mask(model, atlas, *SKIN)[skin]  # eyes lie well inside the outline
        sure = np.where(of_skin, np.clip(3.5 - 5 * doubt, 0, 1), 1)
        certain = sure.astype(np.float32)
        if trusted is not None:
            sure = np.maximum(sure, trusted[skin] * np.clip((cosine - 0.3) / 0.2, 0, 1))
        weight *= sure
    if openings is not None:
        peeping = region_mask(model, atlas, *PEEPING)[skin]
        inside = sample(openings[..., None], np.nan_to_num(image_points[peeping]))[:, 0] / 255
        weight[peeping] *= np.clip(3 * inside - 2, 0, 1)
    colours = np.zeros((atlas.size, atlas.size, 3), np.float32)
    weights = np.zeros((atlas.size, atlas.size), np.float32)
    colours[skin] = sample(pixels, np.nan_to_num(image_points))
    weights[skin] = weight
    certainty = np.zeros((atlas.size, atlas.size), np.float32)
    certainty[skin] = certain
    return colours, weights, certainty


def _unoccluded(
    points: Floats,
    triangles: NDArray[np.integer],
    camera: Camera,
    width: int,
    height: int,
    where: Singles,
    image_points: Floats,
) -> Singles:
    """1 where nothing stands in front, judged on a depth map of at most 512 pixels across the head."""
    seen = project(points[points[:, 2] > 1], camera)
    low = np.clip(np.floor(seen.min(axis=0)) - 2, (0, 0), (width - 1, height - 1))
    high = np.clip(np.ceil(seen.max(axis=0)) + 2, low + 1, (width, height))
    shrink = min(1.0, 512 / float((high - low).max()))
    window = Camera(
        camera.fx * shrink,
        camera.fy * shrink,
        (camera.cx - low[0] + 0.5) * shrink - 0.5,
        (camera.cy - low[1] + 0.5) * shrink - 0.5,
    )
    columns, rows = (int(np.ceil(v * shrink)) for v in high - low)
    depth = rasterize(points, triangles, window, columns, rows).depth
    inside = np.isfinite(image_points).all(axis=1)
    inside &= ((image_points >= 0) & (image_points <= (width - 1, height - 1))).all(axis=1)
    spot = np.round((np.nan_to_num(image_points) - low + 0.5) * shrink - 0.5).astype(np.int64)
    spot = np.clip(spot, 0, (columns - 1, rows - 1))
    front = depth[spot[:, 1], spot[:, 0]]
    return np.asarray(inside & (where[:, 2] <= front + 4.0), np.float32)


LIDS = (
    (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246),
    (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466),
)
INNER_LIPS = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191)


OUTER_LIPS = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)


def openings_of(
    landmarks: Floats, width: int, height: int, rings: tuple[tuple[int, ...], ...] = LIDS
) -> NDArray[np.uint8]:
    """Where the photo shows what lies between lids, (H, W) 0..255, soft by a pixel or two.

    landmarks: (468, 2) pixels.  An eyeball sampled beyond the lids would carry skin along when it turns.
    """
    from PIL import Image, ImageDraw, ImageFilter

    picture = Image.new("L", (width, height))
    draw = ImageDraw.Draw(picture)
    for ring in rings:
        outline = np.asarray(landmarks, np.float64)[list(ring), :2]
        draw.polygon([tuple(point) for point in outline.tolist()], fill=255)
    spread = np.asarray(landmarks)[list(LIDS[0] + LIDS[1]), 0]
    radius = 0.008 * float(np.ptp(spread))
    return np.asarray(picture.filter(ImageFilter.BoxBlur(max(radius, 0.5))))


def landmark_shift(model: HeadModel, offsets: Floats, reach: float = 7.0) -> NDArray[np.float64]:
    """Spread the landmarks' misses over the skin: (V, 2) pixels from (468, 2) pixels, seen minus projected.

    The fit does not follow every landmark, by intent: a prior holds it.  The skin should: lips and lids
    must be
    sampled where the photo has them.  Gaussian weights of ``reach`` mm, fading to no shift away from
    landmarks.
    """
    weights = _landmark_weights(model, reach)
    return np.asarray(weights @ np.asarray(offsets, np.float32), np.float64)


@functools.lru_cache(maxsize=2)
def _landmark_weights(model: HeadModel, reach: float) -> Singles:
    """How much each vertex follows each landmark, (V, 468); the same for every head."""
    points = interpolate(model.mean, model.mesh468.corners, model.mesh468.weights)
    middle = points.mean(axis=0)
    a, b = model.mean.astype(np.float64) - middle, points - middle
    squared = (a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1) - 2 * a @ b.T
    weights = np.exp(-np.maximum(squared, 0) / (2 * reach**2))
    return np.asarray(weights / (weights.sum(axis=1, keepdims=True) + 0.3), np.float32)
