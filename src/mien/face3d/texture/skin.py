"""Photo and fitted head → texture: unwrap, complete, paint."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mien.core.mesh import Camera, Placement, TextureMap
from mien.face3d.model.basis import HeadModel
from mien.face3d.render.rasterize import rasterize
from mien.face3d.texture.atlas import PEEPING, SKIN, atlas_of, region_mask
from mien.face3d.texture.background import background_probability, grown
from mien.face3d.texture.fill import blur, complete, push_pull
from mien.face3d.texture.paint import iris_colour, paint_insides
from mien.face3d.texture.spread import spread_over_surface
from mien.face3d.texture.unwrap import landmark_shift, unwrap
from mien.geometry.projection import place, project

Floats = NDArray[np.floating]
Pixels = NDArray[np.uint8]


def skin_texture(
    model: HeadModel,
    vertices: Floats,
    placement: Placement,
    camera: Camera,
    pixels: Pixels,
    irises: Floats | None = None,
    size: int = 1024,
    offsets: Floats | None = None,
) -> TextureMap:
    """Texture of a head from the photo (H, W, 3) it was fitted to.

    offsets: (468, 2) pixels from the projected landmarks to the measured ones, so that features land on
        themselves.
    """
    atlas = atlas_of(model, size)
    shift = None if offsets is None else landmark_shift(model, offsets)
    background = photo_background(model, vertices, placement, camera, pixels)
    colours, weights = unwrap(model, atlas, vertices, placement, camera, pixels, background, shift)
    skin = region_mask(model, atlas, *SKIN)
    own = np.where(skin, weights, 0).astype(np.float32)
    around = push_pull(*spread_over_surface(model, colours, own))
    whole = complete(colours, own, skin, around)
    painted = paint_insides(model, atlas, whole, iris_colour(pixels, irises))
    peeping = region_mask(model, atlas, *PEEPING)
    shown = np.where(peeping, weights, 0).astype(np.float32)
    shown = (np.minimum(blur(shown, max(1, size // 700)), shown))[..., None]
    painted = shown * colours + (1 - shown) * painted
    # colours run on beyond the islands, so that filtering at a seam picks up no background
    spread = push_pull(painted, atlas.fragments.covered.astype(np.float32))
    return TextureMap(np.clip(np.round(spread), 0, 255).astype(np.uint8), weights)


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
    reach = max(2, int(0.35 * (high[0] - low[0])))
    outside = ~grown(head.covered, reach) & (rows <= high[1] + reach)
    small_doubt = background_probability(small, core, outside)
    # where background and skin mix in one pixel the colour is neither; the core may be white as a wall
    # (teeth)
    beside = grown((small_doubt > 0.65) & ~core, 2) & ~core
    small_doubt = np.where(beside, np.maximum(small_doubt, 0.9), small_doubt).astype(np.float32)
    return np.repeat(np.repeat(small_doubt, step, axis=0), step, axis=1)[:height, :width]
