"""The light of the photo, taken out of the skin: a head that is lit twice looks dirty on one side."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mien.face3d.render.light import fit_light, harmonics

Singles = NDArray[np.float32]

STRENGTH = 0.8
"""Share of the estimated shading that is taken out, as a power; the estimate mistakes some skin for light."""
_RANGE = (0.6, 1.6)


def light_gain(colours: Singles, weights: Singles, normals: Singles, core: Singles) -> Singles:
    """What to multiply a texel's colour with, (S, S), so that the face looks evenly lit.

    colours: (S, S, 3).    weights: (S, S) of plain skin.    normals: (S, S, 3), unit, zero off the head.
    core: (S, S), the plain of the face, which keeps its brightness.
    Fits nine spherical harmonics to the brightness of skin, as if all skin were one colour (Ramamoorthi and
    Hanrahan 2001).
    """
    used = weights > 0.1
    if used.sum() < 100:
        return np.ones(weights.shape, np.float32)
    brightness = colours @ np.array([0.3, 0.6, 0.1], np.float32)
    usual = float(np.median(brightness[used & (core > 0.5)])) if (used & (core > 0.5)).any() else 128.0
    relative = np.clip(brightness[used] / max(usual, 1.0), 0.2, 2.5)
    root = np.sqrt(weights[used])[:, None]
    basis = normals[used].astype(np.float64)
    # what differs from even light is held small: little evidence must not invent a lamp
    light = fit_light(basis, (relative[:, None] - 1) * root, root, ridge=2e-2)[:, 0]
    shade = np.clip(1 + harmonics(normals.reshape(-1, 3)) @ light, 0.25, 2.5).reshape(weights.shape)
    middle = float(np.median(shade[used & (core > 0.5)])) if (used & (core > 0.5)).any() else 1.0
    gain = np.clip(middle / shade, *_RANGE) ** STRENGTH
    return np.asarray(gain, np.float32)
