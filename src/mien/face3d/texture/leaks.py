"""Colours that do not belong: background, hair or shadow that leaks in where the surface turns away."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mien.face3d.texture.fill import blur
from mien.face3d.texture.segment import colour_features

Singles = NDArray[np.float32]

SPREAD = np.array([0.24, 0.05, 0.07])
"""Standard deviations that skin may differ by from what surrounds it: log of brightness, of red over
green, of blue over green.  Shading changes brightness; other things have another hue."""
HAIR = np.array([0.6, 0.12, 0.16])
SURE, COLLAR, FACING = 5.0, 3.0, 22.0
"""Squared deviations allowed at the end of view, where clothes are near, and how many more where the
photo looks squarely at skin."""


def belonging(
    colours: Singles, weights: Singles, around: Singles, hairy: Singles, strict: Singles
) -> Singles:
    """How much seen colours (S, S, 3) may be of the surface, (S, S) 0..1, judged by the colours ``around``.

    weights: (S, S) how squarely each was seen; the less, the closer it must match.
    around: (S, S, 3), what the surface is expected to look like.    hairy: (S, S) 0..1.
    strict: (S, S) 0..1, where even what is seen squarely must match: the neck, which has collars.
    """
    gap = colour_features(colours) - colour_features(around)
    spread = SPREAD + hairy[..., None] * (HAIR - SPREAD)
    off = ((gap / spread) ** 2).sum(axis=2)
    # hair and caps have many colours
    limit = SURE + (COLLAR - SURE) * strict + FACING * (1 - strict) * (weights**2 + 2 * hairy)
    foreign = np.asarray(np.clip(off / limit - 1, 0, 1) * (weights > 0), np.float32)
    # what mixes with a leak is no better than the leak
    return np.asarray(1 - np.clip(2.5 * blur(foreign, 1), 0, 1), np.float32)
