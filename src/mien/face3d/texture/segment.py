"""Skin, hair or neither: what each seen texel is, judged by colour and by where it lies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.face3d.texture.anatomy import Anatomy

Singles = NDArray[np.float32]
Array = NDArray[np.float64]

_FLOOR = np.array([0.16, 0.035, 0.05])
"""Standard deviations that a colour is allowed at least: log of brightness, of red over green, of blue over
green."""
_STRANGE = 16.0  # squared deviations from which a colour is neither
_COVERED = 3.2  # squared deviations from skin above which the scalp shows hair or a cap
_SMOOTH = 2.2  # times the roughness of cheeks and forehead up to which a bright spot is a gleam on skin
_BALD = 0.35  # share of the scalp that must be unlike skin before there is hair

_SCANT = 0.25  # share of the scalp that must be told to be hair


@dataclass(frozen=True, slots=True, eq=False)
class Segments:
    """Maps (S, S) float32 over the atlas.

    skin, hair: 0..1, how much the colour of a seen texel is that of skin or hair; both low: clothes, frames.
    has_hair: whether the scalp is covered; a cap counts.
    hairlike: 0..1, the colour of hair wherever it is, also where none can grow.
    """

    skin: Singles
    hair: Singles
    has_hair: bool
    hairlike: Singles

    def skin_colour(self, colours: Singles, weights: Singles) -> Singles:
        """Median colour (3,) of the seen texels that are surely skin."""
        return np.asarray(np.median(colours[_surest(self.skin, weights)], axis=0), np.float32)

    def hair_colour(self, colours: Singles, weights: Singles) -> Singles:
        """Median colour (3,) of the seen hair that is neither its darkest nor its brightest part."""
        hair = colours[_surest(self.hair, weights, 0.05)]  # sides are seen askance, and shine less
        brightness = hair.sum(axis=1)
        low, high = np.quantile(brightness, (0.15, 0.6))
        return np.asarray(np.median(hair[(brightness >= low) & (brightness <= high)], axis=0), np.float32)


def _surest(part: Singles, weights: Singles, least: float = 0.2) -> NDArray[np.bool_]:
    sure = (part > 0.6) & (weights > least)
    if sure.sum() < 20:
        sure = part * weights >= np.quantile(part * weights, 0.99)
    return np.asarray(sure)


@dataclass(frozen=True, slots=True, eq=False)
class ColourModel:
    """A Gaussian over (log brightness, log r/g, log b/g)."""

    mean: Array
    precision: Array
    logdet: float

    def deviation(self, features: Array) -> Array:
        """Squared Mahalanobis distance of features (..., 3)."""
        off = features - self.mean
        return np.asarray(np.einsum("...i,ij,...j->...", off, self.precision, off))


def colour_features(colours: NDArray[np.floating]) -> Array:
    """(log brightness, log r/g, log b/g) of RGB 0..255, (..., 3)."""
    # in the dark, noise makes any hue: a pedestal keeps it small
    red, green, blue = np.moveaxis(np.asarray(colours, np.float64) + 6.0, -1, 0)
    return np.stack(
        [np.log(0.3 * red + 0.6 * green + 0.1 * blue), np.log(red / green), np.log(blue / green)], axis=-1
    )


def learn_colours(features: Array, weights: Array, widen: float = 1.0) -> ColourModel:
    """Fit to the denser three quarters of features (N, 3), three times; rare colours do not count."""
    mean, spread = _weighted(features, weights)
    for _ in range(3):
        model = _model(mean, spread, widen)
        deviation = model.deviation(features)
        order = np.argsort(deviation)
        inner = np.cumsum(weights[order]) <= 0.75 * weights.sum()
        if inner.sum() < 8:
            break
        mean, spread = _weighted(features[order][inner], weights[order][inner])
        spread = spread * 1.6  # what trimming took
    return _model(mean, spread, widen)


def _weighted(features: Array, weights: Array) -> tuple[Array, Array]:
    share = weights / weights.sum()
    mean = share @ features
    off = features - mean
    return mean, np.asarray((off * share[:, None]).T @ off)


def _model(mean: Array, spread: Array, widen: float) -> ColourModel:
    whole = spread + np.diag((_FLOOR * widen) ** 2)
    return ColourModel(mean, np.asarray(np.linalg.inv(whole), np.float64), float(np.linalg.slogdet(whole)[1]))


def segment(
    colours: Singles,
    weights: Singles,
    anatomy: Anatomy,
    rough: Singles | None = None,
    certain: Singles | None = None,
) -> Segments:
    """Classify an atlas (S, S, 3) with weights (S, S) of what was seen.

    rough: (S, S), how much brightness varies within each texel; a bright spot as smooth as skin is a gleam on
        skin, no hair.
    certain: (S, S) 0..1, low where the colour may be the background's: hair is learned elsewhere.
    """
    features = colour_features(colours)
    seeds = anatomy.bare & (weights > 0.4)
    nothing = np.zeros(weights.shape, np.float32)
    if seeds.sum() < 50:
        return Segments(np.ones_like(nothing), nothing, False, nothing)
    skin = learn_colours(features[seeds], weights[seeds].astype(np.float64))
    from_skin, telling = skin.deviation(features), np.asarray(weights, np.float64)
    if rough is not None:
        relative = rough / max(float(np.median(rough[seeds])), 1e-4)
        gleam = (relative < _SMOOTH) & (features[..., 0] > skin.mean[0] + 0.05) & (from_skin < 45)
        shade = (relative < 0.8) & (from_skin < _STRANGE)
        gleam = (gleam | shade) & (anatomy.below < 0.1)
        from_skin = np.where(gleam, np.minimum(from_skin, 1.0), from_skin)
        telling = np.asarray(
            np.where(gleam, 0.0, telling), np.float64
        )  # light says nothing of what grows there
    # a pale shirt is near to pale skin: the neck is asked more strictly than the face
    like_skin = _sigmoid((_STRANGE - 9.0 * anatomy.below - from_skin) / (4 - 2 * anatomy.below))
    scalp = (anatomy.hair > 0.9) & (weights > 0.05)
    usual = telling * anatomy.hair * (from_skin > _COVERED)
    if scalp.sum() < 40:
        return Segments(like_skin, nothing, False, nothing)
    has_hair = float(usual[scalp].sum()) > _BALD * float(telling[scalp].sum())
    clear = np.ones(weights.shape) if certain is None else np.asarray(certain, np.float64)
    sure_ones = float((telling * clear)[scalp].sum())
    if sure_ones > 0.3 * float(telling[scalp].sum()):  # a wall beside a bald head is no hair
        has_hair &= float((usual * clear)[scalp].sum()) > 0.5 * _BALD * sure_ones
    if not has_hair:
        return Segments(like_skin, nothing, False, nothing)
    covered = scalp & (from_skin > _COVERED)
    # what differs most from skin is hair for certain; shaded skin at its edge is not
    sure = np.asarray(weights[covered] * np.minimum(from_skin[covered], 40.0), np.float64)
    if float((sure * clear[covered]).sum()) > 0.1 * float(sure.sum()):
        sure = sure * clear[covered]
    hair = learn_colours(features[covered], sure, 1.3)
    from_hair = hair.deviation(features)
    # where hair grows it takes less to be hair
    lean = 6.0 * (anatomy.hair - 0.5)
    rather_hair = _sigmoid((from_skin - from_hair + skin.logdet - hair.logdet + lean) / 4)
    anywhere = rather_hair * _sigmoid((2 * _STRANGE - from_hair) / 4)
    like_hair = anywhere * anatomy.reach
    if float((telling * like_hair)[scalp].sum()) < _SCANT * float(telling[scalp].sum()):
        return Segments(like_skin, nothing, False, nothing)
    skin_left = like_skin * (1 - rather_hair * anatomy.reach)
    return Segments(np.asarray(skin_left, np.float32), np.asarray(like_hair, np.float32), True, anywhere)


def _sigmoid(value: Array) -> Singles:
    return np.asarray(1 / (1 + np.exp(-np.clip(value, -30, 30))), np.float32)
