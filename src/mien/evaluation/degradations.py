"""Documented ways in which real photos are worse than studio photos; deterministic, given the seed.

Each takes and returns an (H, W, 3) uint8 RGB picture.
"""

from __future__ import annotations

import io

import numpy as np

from mien.core.types import Box, Pixels

GREY = (128, 128, 128)


def shrink(pixels: Pixels, factor: float) -> Pixels:
    """Resample with a box filter, as a camera with fewer pixels would."""
    from PIL import Image

    height, width = (max(1, round(side * factor)) for side in pixels.shape[:2])
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BOX))


def blur(pixels: Pixels, sigma: float) -> Pixels:
    """Blur with a Gaussian of ``sigma`` pixels."""
    from PIL import Image, ImageFilter

    return np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(sigma)))


def compress(pixels: Pixels, quality: int) -> Pixels:
    """Save as JPEG and read again."""
    from PIL import Image

    packed = io.BytesIO()
    Image.fromarray(pixels).save(packed, "JPEG", quality=quality)
    return np.asarray(Image.open(packed).convert("RGB"))


def turn(pixels: Pixels, degrees: float, *, grow: bool = False) -> Pixels:
    """Turn in the picture plane, counter-clockwise; the corners are filled with grey.

    grow: enlarge the picture so that nothing is cut off.
    """
    from PIL import Image

    picture = Image.fromarray(pixels)
    return np.asarray(picture.rotate(degrees, Image.Resampling.BICUBIC, expand=grow, fillcolor=GREY))


def expose(pixels: Pixels, stops: float) -> Pixels:
    """Change the exposure in linear light (gamma 2.2); what is too bright clips."""
    linear = (pixels / 255.0) ** 2.2 * 2.0**stops
    return np.asarray((np.clip(linear, 0, 1) ** (1 / 2.2) * 255).round(), np.uint8)


def side_light(pixels: Pixels, stops: float) -> Pixels:
    """Let the light fall from the left (stops > 0) or the right: a ramp of exposure across the picture."""
    ramp = np.linspace(stops, -stops, pixels.shape[1])[None, :, None]
    linear = (pixels / 255.0) ** 2.2 * 2.0**ramp
    return np.asarray((np.clip(linear, 0, 1) ** (1 / 2.2) * 255).round(), np.uint8)


def noise(pixels: Pixels, sigma: float, seed: int) -> Pixels:
    """Add Gaussian noise of ``sigma`` grey levels."""
    shaken = pixels + np.random.default_rng(seed).normal(0, sigma, pixels.shape)
    return np.asarray(np.clip(shaken, 0, 255).round(), np.uint8)


def hide_lower(pixels: Pixels, share: float) -> Pixels:
    """Cover the lower part of the picture with grey (a scarf, a mask, a picture edge)."""
    covered = pixels.copy()
    covered[round(pixels.shape[0] * (1 - share)) :] = 128
    return covered


def cover(pixels: Pixels, box: Box, top: float, bottom: float) -> Pixels:
    """Cover a band across a face with grey.

    box: of the face.    top, bottom: ends of the band in shares of the box's height.
    """
    rows = [round(min(max(box.y1 + share * box.height, 0), len(pixels))) for share in (top, bottom)]
    left, right = max(0, round(box.x1)), max(0, round(box.x2))
    covered = pixels.copy()
    covered[rows[0] : rows[1], left:right] = 128
    return covered
