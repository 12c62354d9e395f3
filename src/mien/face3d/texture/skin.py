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
from mien.face3d.texture.background import photo_background
from mien.face3d.texture.delight import light_gain
from mien.face3d.texture.fill import blur, enlarged, feathered, push_pull, reduced
from mien.face3d.texture.paint import eye_colours, paint_insides
from mien.face3d.texture.segment import Segments, segment
from mien.face3d.texture.spread import spread_over_surface
from mien.face3d.texture.unwrap import landmark_shift, openings_of, unwrap
from mien.geometry.triangles import vertex_normals

Floats = NDArray[np.floating]
Singles = NDArray[np.float32]
Pixels = NDArray[np.uint8]

SMALL = 256
_LUMA = np.array([0.3, 0.6, 0.1], np.float32)


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
    landmarks: (468, 2) pixels, the measured ones: only what they put between lids and lips is eye or tooth.
    """
    atlas = atlas_of(model, size)
    shift = None if offsets is None else landmark_shift(model, offsets)
    background = photo_background(model, vertices, placement, camera, pixels)
    openings = None if landmarks is None else openings_of(landmarks, pixels.shape[1], pixels.shape[0])
    trusted = anatomy_of(model, size).hair
    seen, weights = unwrap(
        model, atlas, vertices, placement, camera, pixels, background, shift, openings, trusted
    )
    skin = _skin(model, atlas, vertices, seen, weights)
    colours = eye_colours(pixels, irises, landmarks)
    exposure = (
        float(np.clip(np.median(skin.colours[skin.core]) / 150.0, 0.5, 1.15)) if skin.core.any() else 1.0
    )
    painted = paint_insides(model, atlas, skin.colours, colours, exposure)
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


def _skin(model: HeadModel, atlas: Atlas, vertices: Floats, seen: Singles, weights: Singles) -> _Skin:
    size = atlas.size
    factor = max(1, size // SMALL)
    whole = anatomy_of(model, size)
    own = np.where(whole.skin, weights, 0).astype(np.float32)
    small, small_weights = reduced(seen, own, factor)
    anatomy = anatomy_of(model, len(small))
    segments = segment(small, small_weights, anatomy)
    accepted = _accepted(segments, anatomy)
    covered = atlas_of(model, len(small)).fragments.covered.astype(np.float32)

    def beyond(picture: Singles) -> Singles:
        """Run on beyond the islands: what is enlarged must not pick up the nothing beside them."""
        return beyond_all(picture[..., None])[..., 0]

    def beyond_all(picture: Singles) -> Singles:
        return push_pull(picture, covered)

    gain = light_gain(
        small, small_weights * segments.skin, _normals(model, len(small), vertices), anatomy.core
    )
    gain = beyond(gain)
    small = small * gain[..., None]
    hairy = _hairy(model, segments, small_weights, anatomy)
    hairy, accepted = beyond(hairy), beyond(accepted)
    base, tone = _unseen(model, small, small_weights, segments, hairy, anatomy)
    level = beyond_all(_levelled(small, small_weights * accepted, base, hairy, anatomy))
    small = small * level
    lit = seen * enlarged(gain[..., None] * level, factor)
    used = own * enlarged(accepted, factor)
    colours = _completed(lit, used, small, small_weights * accepted, base, tone, hairy, whole)
    return _Skin(colours, used, (whole.core > 0.9) & (used > 0.5))


def _accepted(segments: Segments, anatomy: Anatomy) -> Singles:
    """How far each small texel is shown as the photo has it, (S, S).

    All of the face, elsewhere skin and hair: a strange colour is a beard or glasses in the face, beside it a
    collar or a curtain.
    """
    hair = segments.hair * (1 - anatomy.below)
    beside = np.clip(1.6 * (segments.skin + hair) - 0.3, 0, 1)
    return np.asarray(np.maximum(anatomy.core, beside), np.float32)


def _normals(model: HeadModel, size: int, vertices: Floats) -> Singles:
    atlas = atlas_of(model, size)
    triangles = model.levels[0][0]
    result = np.zeros((size, size, 3), np.float32)
    found = atlas.fragments.interpolate(vertex_normals(vertices, triangles), triangles)
    length = np.linalg.norm(found, axis=1, keepdims=True)
    result[atlas.fragments.covered] = found / np.maximum(length, 1e-6)
    return result


def _hairy(model: HeadModel, segments: Segments, weights: Singles, anatomy: Anatomy) -> Singles:
    """How much hair covers each small texel, (S, S) 0..1: seen where it was seen, likely elsewhere."""
    if not segments.has_hair:
        return np.zeros_like(weights)
    told = np.clip(segments.skin + segments.hair, 0, 1) * weights * (1 - anatomy.below)
    share = segments.hair / np.maximum(segments.skin + segments.hair, 1e-3)
    spread = push_pull(
        *spread_over_surface(
            model, share[..., None], told.astype(np.float32), anatomy.hair[..., None], belief=0.06
        )
    )
    return np.asarray(np.clip(1.8 * spread[..., 0] - 0.4, 0, 1), np.float32)


def _unseen(
    model: HeadModel,
    colours: Singles,
    weights: Singles,
    segments: Segments,
    hairy: Singles,
    anatomy: Anatomy,
) -> tuple[tuple[Singles, Singles], float]:
    """Skin and hair (S, S, 3) as they go on where nothing was seen; and how much strands vary."""
    plain = np.where(segments.skin > 0.5, weights * segments.skin * (1 - hairy), 0).astype(np.float32)
    usual = np.broadcast_to(segments.skin_colour(colours, weights), colours.shape)
    skin = push_pull(*spread_over_surface(model, colours, plain, usual, belief=4e-3))
    if not segments.has_hair:
        return (skin, skin), 0.0
    seen = np.where(segments.hair > 0.5, weights * segments.hair * hairy, 0).astype(np.float32)
    usual = np.broadcast_to(segments.hair_colour(colours, weights), colours.shape)
    hair = push_pull(*spread_over_surface(model, colours, seen, usual, belief=5e-2))
    brightness = colours @ _LUMA
    around = np.abs(brightness - blur(brightness, 2)) / np.maximum(hair @ _LUMA, 12.0)
    strong = seen > 0.2
    tone = float(np.clip(1.5 * np.median(around[strong]), 0.04, 0.16)) if strong.any() else 0.1
    return (skin, hair), tone


def _levelled(
    colours: Singles, used: Singles, base: tuple[Singles, Singles], hairy: Singles, anatomy: Anatomy
) -> Singles:
    """What to multiply seen colours (S, S, 3) with, so that they meet the unseen without a step.

    The coarse band of a two-band blend (Burt and Adelson 1983): towards the end of what was seen, slow
    changes of colour give way to those of what surrounds; detail stays.
    """
    radius = max(2, len(used) // 28)
    cover = hairy[..., None]
    around = cover * base[1] + (1 - cover) * base[0]
    known = np.maximum(blur(used, radius), 1e-3)
    ratio = np.stack(
        [
            blur(around[..., i] * used, radius)
            / np.maximum(blur(colours[..., i] * used, radius), 1e-2 * known)
            for i in range(3)
        ],
        axis=2,
    )
    # the middle of the face stays as the photo has it
    inside = feathered(used * anatomy.core, anatomy.skin, radius)
    return np.asarray(np.clip(ratio, 0.55, 1.8) ** (1 - inside[..., None]), np.float32)


def _completed(
    lit: Singles,
    used: Singles,
    small: Singles,
    small_used: Singles,
    base: tuple[Singles, Singles],
    tone: float,
    hairy: Singles,
    whole: Anatomy,
) -> Singles:
    """The whole skin (S, S, 3): the photo, then its mirror image in matching colours, then what surrounds."""
    size, factor = len(lit), len(lit) // len(small)
    # a hair line is not a straight edge: strands reach over it
    edge = enlarged(hairy, factor) + 0.35 * whole.strands * (4 * hairy * (1 - hairy)).max()
    cover = np.clip(2.2 * (edge - 0.5) + 0.5, 0, 1)[..., None]
    skin, hair = (enlarged(part, factor) for part in base)
    around = cover * hair * (1 + tone * whole.strands)[..., None] + (1 - cover) * skin
    other_used = mirrored_tiles(small_used[..., None])[..., 0]
    both = np.minimum(small_used, other_used)
    shift = enlarged(push_pull(small - mirrored_tiles(small), both), factor)
    other = mirrored_tiles(lit)
    feather = max(2, size // 170)
    own = _soft(used, whole.skin, feather)[..., None]
    theirs = mirrored_tiles(_soft(used, whole.skin, 2 * feather)[..., None])
    filled = theirs * (other + shift) + (1 - theirs) * around
    return np.asarray(np.clip(own * lit + (1 - own) * filled, 0, 255), np.float32)


def _soft(weights: Singles, mask: NDArray[np.bool_], radius: int) -> Singles:
    """`feathered`, worked out on half the texels: a soft edge has no detail."""
    if len(weights) % 2:
        return feathered(weights, mask, radius)
    half = np.asarray(weights.reshape(len(weights) // 2, 2, -1, 2).mean(axis=(1, 3)), np.float32)
    soft = feathered(half, mask[::2, ::2], max(1, radius // 2))
    return np.asarray(enlarged(soft, 2) * (weights > 0), np.float32)
