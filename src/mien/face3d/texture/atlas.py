"""The texture square: which texel shows which point of the head."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.face3d.model.basis import HeadModel
from mien.face3d.render.rasterize import Fragments, rasterize_plane

SKIN = ("face", "scalp")
PEEPING = ("eye_left", "eye_right")
"""Parts that look out of openings of the skin: taken from the photo where it shows them, painted
elsewhere.  Teeth do too, but no two people's stand alike: they are painted in the photo's colour."""

TILES = ((0.0, 0.0, 0.72), (0.0, 0.72, 0.28))
"""Left, top and side of the squares of skin: face and neck, back of the head."""


@dataclass(frozen=True, slots=True, eq=False)
class Atlas:
    """fragments: triangle and weights of each texel (S, S).    region: (S, S) uint8, 255 where no triangle
    is."""

    fragments: Fragments
    region: NDArray[np.uint8]

    @property
    def size(self) -> int:
        return int(self.region.shape[0])


@functools.lru_cache(maxsize=4)
def atlas_of(model: HeadModel, size: int) -> Atlas:
    """Rasterise the atlas once; it is the same for every head."""
    triangles, uv_triangles = model.levels[0]
    fragments = rasterize_plane(model.uv.astype(np.float64) * size - 0.5, uv_triangles, size, size)
    region = np.full((size, size), 255, np.uint8)
    region[fragments.covered] = model.region[triangles[fragments.triangle[fragments.covered], 0]]
    return Atlas(fragments, region)


def region_mask(model: HeadModel, atlas: Atlas, *names: str) -> NDArray[np.bool_]:
    """Texels (S, S) of the named regions."""
    labels = [model.region_names.index(name) for name in names]
    return np.asarray(np.isin(atlas.region, labels))


def mirrored_tiles(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """The atlas with left and right of the head exchanged: face and back-of-head squares flipped in place."""
    size = picture.shape[0]
    result = np.zeros_like(picture)
    for left, top, side in TILES:
        x0, y0 = round(left * size), round(top * size)
        x1, y1 = round((left + side) * size), round((top + side) * size)
        result[y0:y1, x0:x1] = picture[y0:y1, x0:x1][:, ::-1]
    return result
