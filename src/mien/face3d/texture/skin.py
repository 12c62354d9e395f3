"""Photo and fitted head → texture: unwrap, tell skin from hair, take the light out, complete, paint.

Colours that vary slowly (light, unseen skin, unseen hair) are found on a small atlas; what the photo shows
keeps the full one's resolution.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.core.mesh import Camera, Placement, TextureMap
from mien.face3d.model.basis import HeadModel
from mien.face3d.texture.anatomy import Anatomy, anatomy_of
from mien.face3d.texture.atlas import PEEPING, Atlas, atlas_of, mirrored_tiles, region_mask
from mien.face3d.texture.background import flooded, photo_background
from mien.face3d.texture.complete import completed, expected, levelling
from mien.face3d.texture.delight import light_gain
from mien.face3d.texture.detail import skin_grain
from mien.face3d.texture.fill import blur, enlarged, push_pull, reduced, roughness
from mien.face3d.texture.leaks import belonging
from mien.face3d.texture.paint import eye_colours, paint_insides, tooth_colour
from mien.face3d.texture.segment import Segments, segment
from mien.face3d.texture.spread import spread_over_surface
from mien.face3d.texture.unwrap import landmark_shift, openings_of, unwrap
from mien.geometry.triangles import vertex_normals

Floats = NDArray[np.floating]
Singles = NDArray[np.float32]
Pixels = NDArray[np.uint8]

SMALL = 256
_SHADOW = 0.12  # share of the face that hair may hang over


def skin_texture(
    model: HeadModel,
    vertices: Floats,
    placement: Placement,
    camera: Camera,
    pixels: Pixels,
    irises: Floats | None = None,
    size: int = 1024,
    offsets: Floats | None = None,
    landmarks: Floats | None = None,
) -> TextureMap:
    """Texture of a head from the photo (H, W, 3) it was fitted to.

    offsets: (468, 2) pixels from the projected landmarks to the measured ones, so that features land on
        themselves.
    landmarks: (468, 2) pixels, the measured ones: only what they put between lids is eye.
    """
    atlas = atlas_of(model, size)
    shift = None if offsets is None else landmark_shift(model, offsets)
    background = photo_background(model, vertices, placement, camera, pixels)
    openings = None if landmarks is None else openings_of(landmarks, pixels.shape[1], pixels.shape[0])
    trusted = anatomy_of(model, size).hair
    seen, weights, certain = unwrap(
        model, atlas, vertices, placement, camera, pixels, background, shift, openings, trusted
    )
    skin = _skin(model, atlas, vertices, seen, weights, certain)
    colours = eye_colours(pixels, irises, landmarks)
    exposure = (
        float(np.clip(np.median(skin.colours[skin.core]) / 150.0, 0.5, 1.15)) if skin.core.any() else 1.0
    )
    teeth = tooth_colour(pixels, landmarks, exposure)
    painted = paint_insides(model, atlas, skin.colours, colours, exposure, teeth)
    peeping = region_mask(model, atlas, *PEEPING)
    shown = np.where(peeping, weights, 0).astype(np.float32)[..., None]
    painted = shown * seen + (1 - shown) * painted
    # colours run on beyond the islands, so that filtering at a seam picks up no background
    spread = push_pull(painted, atlas.fragments.covered.astype(np.float32))
    return TextureMap(
        np.clip(np.round(spread), 0, 255).astype(np.uint8), np.where(peeping, weights, skin.used)
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Skin:
    """colours: (S, S, 3).    used: (S, S) how far each comes from the photo.    core: (S, S) plain face."""

    colours: Singles
    used: Singles
    core: NDArray[np.bool_]


def _skin(
    model: HeadModel, atlas: Atlas, vertices: Floats, seen: Singles, weights: Singles, certain: Singles
) -> _Skin:
    size = atlas.size
    factor = max(1, size // SMALL)
    whole = anatomy_of(model, size)
    own = np.where(whole.skin, weights, 0).astype(np.float32)
    small, small_weights = reduced(seen, own, factor)
    anatomy = anatomy_of(model, len(small))
    clear = reduced(certain[..., None], own, factor)[0][..., 0]
    surely = small_weights * clear
    rough = roughness(seen, own, factor) if factor > 1 else None
    segments = segment(small, small_weights, anatomy, rough, clear)
    if not segments.has_hair:  # only hair may look like what is behind it
        own, small_weights = own * certain, surely
    # the middle of the face is shown as it is, but for what is seen so askance that anything may mix in
    trusted = np.asarray(anatomy.core * np.clip((small_weights - 0.08) / 0.25, 0, 1), np.float32)
    accepted = _accepted(segments, anatomy, trusted)
    covered = atlas_of(model, len(small)).fragments.covered.astype(np.float32)

    def beyond(picture: Singles) -> Singles:
        """Run on beyond the islands: what is enlarged must not pick up the nothing beside them."""
        return beyond_all(picture[..., None])[..., 0]

    def beyond_all(picture: Singles) -> Singles:
        return push_pull(picture, covered)

    gain = light_gain(small, surely * segments.skin, _normals(model, len(small), vertices), anatomy.core)
    # the light is read from skin: what it does to hair is a guess, and hair has a sheen of its own
    gain = beyond(np.asarray(gain ** (1 - 0.75 * segments.hair), np.float32))
    small = small * gain[..., None]
    hairy = beyond(_hairy(model, segments, small_weights, clear, anatomy))
    base = expected(model, small, small_weights, clear, segments, hairy, anatomy)
    fitting = belonging(small, small_weights, base.mixed, hairy, np.maximum(anatomy.below, 1 - clear))
    fitting = np.maximum(fitting, trusted) * (1 - hanging(segments, small_weights, anatomy))
    accepted = beyond(accepted * fitting)
    level = beyond_all(levelling(small, small_weights * accepted, base, anatomy))
    small = small * level
    lit = seen * enlarged(gain[..., None] * level, factor)
    used = own * enlarged(accepted, factor)
    plain = whole.bare & (used > 0.8)
    colours = completed(
        model, lit, used, small, small_weights * accepted, base, whole, skin_grain(lit, plain)
    )
    return _Skin(colours, used, (whole.core > 0.9) & (used > 0.5))


def hanging(segments: Segments, weights: Singles, anatomy: Anatomy) -> Singles:
    """Where hair hangs over the face, (s, s) 0..1: it goes on from the hair above, and there is skin in
    the same place on the other side; beards and fringes are on both."""
    like = (segments.hairlike > 0.5) & (weights > 0)
    reached = flooded(like, anatomy.hair > 0.7) & (anatomy.hair < 0.3)
    bare = np.where(weights > 0.2, segments.skin, 0).astype(np.float32)[..., None]
    other = mirrored_tiles(bare)[..., 0] > 0.5
    over = (reached & other & (anatomy.below < 0.5)).astype(np.float32)
    face = anatomy.core * (weights > 0.2)
    if float((over * face).sum()) > _SHADOW * float(face.sum()):
        return np.zeros_like(over)  # so much is the shadow of a lamp from one side
    return np.asarray(np.clip(3 * blur(over, 1), 0, 1), np.float32)


def _accepted(segments: Segments, anatomy: Anatomy, trusted: Singles) -> Singles:
    """How far each small texel is shown as the photo has it, (S, S).

    All of the face, elsewhere skin and hair: a strange colour is a beard or glasses in the face, beside it a
    collar or a curtain.
    """
    hair = segments.hair * (1 - anatomy.below)
    beside = np.clip(1.6 * (segments.skin + hair) - 0.3, 0, 1)
    return np.asarray(np.maximum(trusted, beside), np.float32)


def _normals(model: HeadModel, size: int, vertices: Floats) -> Singles:
    atlas = atlas_of(model, size)
    triangles = model.levels[0][0]
    result = np.zeros((size, size, 3), np.float32)
    found = atlas.fragments.interpolate(vertex_normals(vertices, triangles), triangles)
    length = np.linalg.norm(found, axis=1, keepdims=True)
    result[atlas.fragments.covered] = found / np.maximum(length, 1e-6)
    return result


def _hairy(
    model: HeadModel, segments: Segments, weights: Singles, clear: Singles, anatomy: Anatomy
) -> Singles:
    """How much hair covers each small texel, (S, S) 0..1: seen where it was seen, likely elsewhere."""
    if not segments.has_hair:
        return np.zeros_like(weights)
    # a skin-coloured island in hair or on a cap is no skin: skin hangs together with the face
    bare = segments.skin * flooded((segments.skin > 0.4) & (weights > 0), anatomy.bare)
    told = np.clip(clear * bare + segments.hair, 0, 1) * weights * (1 - anatomy.below)
    share = segments.hair / np.maximum(bare + segments.hair, 1e-3)
    spread = push_pull(
        *spread_over_surface(
            model, share[..., None], told.astype(np.float32), anatomy.hair[..., None], belief=0.06
        )
    )
    return np.asarray(np.clip(1.8 * spread[..., 0] - 0.4, 0, 1), np.float32)
