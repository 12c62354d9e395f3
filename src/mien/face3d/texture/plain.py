"""The photo on a head model of somebody else's mesh: seen where it is seen, mirrored and spread where not.

Nothing is known of such a mesh but its texture coordinates and perhaps a symmetry: no hair, no eyeballs, no
insides.  Colours of vertices fill the square, the photo's texels lie over them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mien.core.mesh import Camera, Placement, TextureMap
from mien.face3d.model.basis import HeadModel
from mien.face3d.render.rasterize import rasterize, rasterize_plane
from mien.face3d.render.shade import sample
from mien.face3d.render.visibility import facing_cosine, visible
from mien.face3d.texture.fill import feathered, push_pull
from mien.face3d.texture.unwrap import landmark_shift
from mien.geometry.projection import place, project
from mien.geometry.triangles import unique_edges

Floats = NDArray[np.floating]
Singles = NDArray[np.float32]
Array = NDArray[np.float64]

GRAZING, FULL = 0.15, 0.5
"""Cosine to the camera below which skin is not used, and from which it counts fully."""
DEPTH_SIDE = 512
SPREADING = 300  # rounds in which colours run from vertex to vertex


def plain_texture(
    model: HeadModel,
    vertices: Floats,
    placement: Placement,
    camera: Camera,
    pixels: NDArray[np.uint8],
    size: int,
    offsets: Floats | None = None,
) -> TextureMap:
    """Texture (size, size, 3) in the mesh's own coordinates, from the photo (H, W, 3) it was fitted to.

    offsets: (468, 2) pixels from the projected landmarks to the measured ones.
    """
    triangles, uv_triangles = model.levels[0]
    stand = place(vertices, placement)
    shift = np.zeros((len(stand), 2)) if offsets is None else landmark_shift(model, offsets)
    trust = _trust(stand, triangles, camera, pixels.shape[1], pixels.shape[0])
    at = np.nan_to_num(project(stand, camera) + shift)
    colours = completed(sample(pixels, at).astype(np.float64), trust, triangles, model.mirror)
    whole = np.ptp(model.uv[uv_triangles], axis=1).max(axis=1) < 0.5  # what wraps around would cover all
    triangles, uv_triangles = triangles[whole], uv_triangles[whole]
    atlas = rasterize_plane(model.uv.astype(np.float64) * size - 0.5, uv_triangles, size, size)
    covered = atlas.covered
    picture, known = np.zeros((size, size, 3), np.float32), np.zeros((size, size), np.float32)
    picture[covered] = atlas.interpolate(colours, triangles)
    known[covered] = atlas.interpolate(trust[:, None], triangles)[:, 0]
    seen = picture.copy()
    seen[covered] = sample(pixels, atlas.interpolate(at, triangles))
    share = feathered(known, covered, max(2, size // 170))[..., None]
    mixed = push_pull(share * seen + (1 - share) * picture, covered.astype(np.float32))
    return TextureMap(np.clip(np.round(mixed), 0, 255).astype(np.uint8), known)


def _trust(stand: Array, triangles: NDArray[np.integer], camera: Camera, width: int, height: int) -> Array:
    """How far the photo shows each vertex, (V,) 0..1."""
    shrink = min(1.0, DEPTH_SIDE / max(width, height))
    window = Camera(
        camera.fx * shrink,
        camera.fy * shrink,
        (camera.cx + 0.5) * shrink - 0.5,
        (camera.cy + 0.5) * shrink - 0.5,
    )
    drawn = rasterize(stand, triangles, window, int(np.ceil(width * shrink)), int(np.ceil(height * shrink)))
    facing = np.clip((facing_cosine(stand, triangles) - GRAZING) / (FULL - GRAZING), 0, 1)
    return np.asarray(facing**2 * visible(stand, window, drawn, 4.0))


def completed(
    colours: Array, trust: Array, triangles: NDArray[np.integer], mirror: NDArray[np.int64]
) -> Array:
    """Colours (V, 3) of all vertices: the trusted ones', their mirror images', then what surrounds.

    trust: (V,) 0..1.    mirror: (V,) number of the vertex on the other side, or -1.
    """
    twin = np.where(mirror >= 0, mirror, np.arange(len(mirror)))
    theirs = np.where(mirror >= 0, trust[twin], 0)
    known = np.maximum(trust, 0.5 * theirs)
    own = trust / np.maximum(trust + 0.5 * theirs, 1e-9)
    target = own[:, None] * colours + (1 - own)[:, None] * colours[twin]
    usual = (target * known[:, None]).sum(axis=0) / max(float(known.sum()), 1e-9)
    result = np.where(known[:, None] > 0, target, usual)
    first, second = unique_edges(triangles).T
    ends, others = np.concatenate([first, second]), np.concatenate([second, first])
    count = np.maximum(np.bincount(ends, minlength=len(colours)), 1)[:, None]
    hold = known[:, None]
    for _ in range(SPREADING):
        around = np.stack([np.bincount(ends, result[others, i], len(colours)) for i in range(3)], axis=1)
        result = hold * target + (1 - hold) * around / count
    return np.asarray(result)
