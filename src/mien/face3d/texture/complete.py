"""The whole surface from what was seen of it: mirrored, flowing on, roughened, without a step in between."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.face3d.model.basis import HeadModel
from mien.face3d.texture.anatomy import Anatomy
from mien.face3d.texture.atlas import TILES, mirrored_tiles
from mien.face3d.texture.detail import Grain
from mien.face3d.texture.fill import blur, enlarged, feathered, push_pull
from mien.face3d.texture.segment import Segments
from mien.face3d.texture.spread import softened_over_surface, spread_over_surface

Singles = NDArray[np.float32]

BACK_COARSER = 4
"""How much larger the texels of the back of the head are than those of cheeks, whose grain is learned."""
ROUGH = 0.88  # share of the seen grain given to the unseen: what is made up had better be calm
ENDING = 3
"""How many vertices wide (of 9 mm) what was seen gives way to what was not."""
DARK = np.array([0.62, 0.74, 0.76], np.float32)  # what a hollow takes away of each channel
_LUMA = np.array([0.3, 0.6, 0.1], np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Expected:
    """What a surface looks like where nothing was seen, (s, s) texels of the small atlas.

    skin, hair: (s, s, 3) colours.    hairy: (s, s) 0..1, how much hair there is.
    """

    skin: Singles
    hair: Singles
    hairy: Singles

    @property
    def mixed(self) -> Singles:
        """(s, s, 3): skin and hair as they share each texel."""
        cover = self.hairy[..., None]
        return cover * self.hair + (1 - cover) * self.skin


def expected(
    model: HeadModel,
    colours: Singles,
    weights: Singles,
    clear: Singles,
    segments: Segments,
    hairy: Singles,
    anatomy: Anatomy,
) -> Expected:
    """Let colours (s, s, 3) of skin and of hair flow on over the surface from where they were seen well."""
    # light fades and colours mix where skin turns away: only what faces the camera says what skin is like
    faces = np.clip((weights * clear - 0.25) / 0.4, 0, 1)
    plain = np.where(segments.skin > 0.5, faces * segments.skin * (1 - hairy), 0).astype(np.float32)
    usual = np.broadcast_to(segments.skin_colour(colours, weights * clear * anatomy.core), colours.shape)
    skin = push_pull(*spread_over_surface(model, *_calm(colours, plain), usual, belief=4e-3))
    if not segments.has_hair:
        return Expected(skin, skin, hairy)
    seen = np.where(segments.hair > 0.5, weights * segments.hair * hairy, 0).astype(np.float32)
    sure = seen * clear
    if sure.sum() > 0.1 * seen.sum():
        seen = np.asarray(sure, np.float32)
    usual = np.broadcast_to(segments.hair_colour(colours, seen), colours.shape)
    hair = push_pull(*spread_over_surface(model, colours, seen, usual, belief=5e-2))
    return Expected(skin, hair, hairy)


def _calm(colours: Singles, plain: Singles) -> tuple[Singles, Singles]:
    """Means (s, s, 3) over a few texels, and their weight, nothing where most around is not plain."""
    known = blur(plain, 2)
    means = np.stack([blur(colours[..., i] * plain, 2) for i in range(3)], axis=2)
    means /= np.maximum(known, 1e-3)[..., None]
    return np.asarray(means, np.float32), np.asarray(plain * np.clip(2.5 * known - 1, 0, 1), np.float32)


def levelling(colours: Singles, used: Singles, base: Expected, anatomy: Anatomy) -> Singles:
    """What to multiply seen colours (s, s, 3) with, so that they meet the unseen without a step.

    The coarse band of a two-band blend (Burt and Adelson 1983): towards the end of what was seen, slow
    changes of colour give way to those of what surrounds; detail stays.
    """
    radius = max(2, len(used) // 28)
    around = base.mixed
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
    # hair and caps have light and dark parts of their own
    strength = (1 - inside) * (1 - 0.6 * base.hairy)
    return np.asarray(np.clip(ratio, 0.55, 1.8) ** strength[..., None], np.float32)


def completed(
    model: HeadModel,
    lit: Singles,
    used: Singles,
    small: Singles,
    small_used: Singles,
    base: Expected,
    whole: Anatomy,
    grain: Grain | None,
) -> Singles:
    """The whole surface (S, S, 3): the photo, then its mirror image in matching colours, then what surrounds.

    lit, used: (S, S, 3) seen colours and (S, S) how far they count.    small, small_used: the same, smaller.
    """
    factor = len(lit) // len(small)
    cover = hair_cover(enlarged(base.hairy, factor), whole)[..., None]
    strands = np.ones((1, 1, 1), np.float32)
    if base.hairy.any():
        tones = strand_tones(lit, used * cover[..., 0])
        ranks = np.linspace(0, 1, 256)
        table = np.interp(ranks, np.linspace(0, 1, len(tones)), tones).astype(np.float32)
        strands = table[(whole.strands * 255).astype(np.uint8)][..., None]
    around = cover * enlarged(base.hair, factor) * strands + (1 - cover) * enlarged(base.skin, factor)
    other_used = mirrored_tiles(small_used[..., None])[..., 0]
    both = np.minimum(small_used, other_used)
    shift = enlarged(push_pull(small - mirrored_tiles(small), both), factor)
    other = mirrored_tiles(lit)
    own = blending(model, used, small_used, whole)[..., None]
    theirs = mirrored_tiles(own)
    filled = theirs * (other + shift) + (1 - theirs) * around
    result = own * lit + (1 - own) * filled
    if grain is not None:
        # shares of three independent grains: their variances add up to that of one
        missing = np.sqrt(np.clip(1 - own**2 - ((1 - own) * theirs) ** 2, 0, 1)) * (1 - cover)
        # a body has fewer folds than a face; in the middle of the face only a nose's sides are made up
        missing = missing * (ROUGH * (1 - 0.5 * whole.below - 0.75 * whole.core))[..., None]
        result *= 1 + (missing * grain_over(grain, whole)[..., None]) * grain.strength
    result *= 1 - (1 - own) * whole.hollow[..., None] * DARK
    return np.asarray(np.clip(result, 0, 255), np.float32)


def blending(model: HeadModel, used: Singles, small_used: Singles, whole: Anatomy) -> Singles:
    """Share (S, S) of what was seen: soft over millimetres in the middle of the face, over more beside it."""
    size = len(used)
    near = _soft(used, whole.skin, max(2, size // 170))
    wide = push_pull(*_ends(model, small_used))[..., 0]
    far = enlarged(np.asarray(np.clip(2.2 * wide - 1.1, 0, 1), np.float32), size // len(small_used))
    return np.asarray(near * np.maximum(far, whole.core), np.float32)


def _ends(model: HeadModel, used: Singles) -> tuple[Singles, Singles]:
    soft, valid = softened_over_surface(model, np.minimum(3 * used, 1), ENDING)
    return soft[..., None], valid


def _soft(weights: Singles, mask: NDArray[np.bool_], radius: int) -> Singles:
    """`feathered`, worked out on half the texels: a soft edge has no detail."""
    if len(weights) % 2:
        return feathered(weights, mask, radius)
    half = np.asarray(weights.reshape(len(weights) // 2, 2, -1, 2).mean(axis=(1, 3)), np.float32)
    soft = feathered(half, mask[::2, ::2], max(1, radius // 2))
    return np.asarray(enlarged(soft, 2) * (weights > 0), np.float32)


def grain_over(grain: Grain, whole: Anatomy) -> Singles:
    """The grain over a whole atlas, (S, S): the square of the back of the head has larger texels."""
    result = grain.pattern[whole.weave]
    for left, top, side in TILES[1:]:
        x, y, length = (round(part * len(result)) for part in (left, top, side))
        square = np.s_[y : y + length, x : x + length]
        result[square] = grain.coarser(BACK_COARSER)[whole.weave[0][square], whole.weave[1][square]]
    return result


def hair_cover(hairy: Singles, whole: Anatomy) -> Singles:
    """How much of each texel hair covers, (S, S) 0..1, from how likely it is there.

    A hairline is no edge: strands of different length reach over it, thinner towards their ends.
    """
    length = whole.strands - 0.5
    return np.asarray(np.clip(1.5 * (hairy - 0.5 + 0.45 * length * _near(hairy)) + 0.5, 0, 1), np.float32)


def _near(hairy: Singles) -> Singles:
    return np.asarray(4 * hairy * (1 - hairy), np.float32)


def strand_tones(colours: Singles, hair: Singles) -> Singles:
    """How bright strands are beside their surroundings, (17,) quantiles from the darkest to the brightest.

    colours: (S, S, 3).    hair: (S, S) 0..1, where the photo shows hair.
    """
    brightness = colours[::2, ::2] @ _LUMA
    strong = (hair[::2, ::2] > 0.6).astype(np.float32)
    radius = max(2, len(colours) // 100)
    known = blur(strong, radius)
    sure = (strong > 0) & (known > 0.6)
    if sure.sum() < 100:
        return np.linspace(0.85, 1.15, 17, dtype=np.float32)
    around = blur(brightness * strong, radius) / np.maximum(known, 1e-3)
    ratio = (brightness[sure] + 2) / (around[sure] + 2)
    return np.asarray(np.clip(np.quantile(ratio, np.linspace(0.01, 0.99, 17)), 0.3, 2.5) ** 0.7, np.float32)
