"""Documented ways in which real photos are worse than studio photos; deterministic, given the seed.

Each takes and returns an (H, W, 3) uint8 RGB picture. `face` is the height of the face in pixels before.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Pixels = NDArray[np.uint8]


def shrink(pixels: Pixels, factor: float) -> Pixels:
    """Resample with a box filter, as a camera with fewer pixels would."""
    height, width = (max(1, round(side * factor)) for side in pixels.shape[:2])
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BOX))


def blur(pixels: Pixels, sigma: float) -> Pixels:
    return np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(sigma)))


def compress(pixels: Pixels, quality: int) -> Pixels:
    packed = io.BytesIO()
    Image.fromarray(pixels).save(packed, "JPEG", quality=quality)
    return np.asarray(Image.open(packed).convert("RGB"))


def turn(pixels: Pixels, degrees: float) -> Pixels:
    """Turn in the picture plane; the corners are filled with grey."""
    picture = Image.fromarray(pixels)
    return np.asarray(picture.rotate(degrees, Image.Resampling.BICUBIC, fillcolor=(128, 128, 128)))


def expose(pixels: Pixels, stops: float) -> Pixels:
    """Change the exposure in linear light (gamma 2.2); what is too bright clips."""
    linear = (pixels / 255.0) ** 2.2 * 2.0**stops
    return (np.clip(linear, 0, 1) ** (1 / 2.2) * 255).round().astype(np.uint8)


def side_light(pixels: Pixels, stops: float) -> Pixels:
    """Let the light fall from the left (stops > 0) or the right: a ramp of exposure across the picture."""
    ramp = np.linspace(stops, -stops, pixels.shape[1])[None, :, None]
    linear = (pixels / 255.0) ** 2.2 * 2.0**ramp
    return (np.clip(linear, 0, 1) ** (1 / 2.2) * 255).round().astype(np.uint8)


def noise(pixels: Pixels, sigma: float, seed: int) -> Pixels:
    """Add Gaussian noise of ``sigma`` grey levels."""
    shaken = pixels + np.random.default_rng(seed).normal(0, sigma, pixels.shape)
    return np.clip(shaken, 0, 255).round().astype(np.uint8)


def hide_lower(pixels: Pixels, share: float) -> Pixels:
    """Cover the lower part of the picture with grey (a scarf, a mask, a picture edge)."""
    covered = pixels.copy()
    covered[round(pixels.shape[0] * (1 - share)) :] = 128
    return covered


def photo_conditions(face: float) -> dict[str, Callable[[Pixels], Pixels]]:
    """Name the conditions of the genuine pairs; ``face``: face height of the studio picture in pixels."""

    def to(height: float) -> Callable[[Pixels], Pixels]:
        return lambda pixels: shrink(pixels, height / face)

    return {
        "studio": lambda pixels: pixels,
        "face 112 px": to(112),
        "face 64 px": to(64),
        "face 48 px": to(48),
        "face 32 px": to(32),
        "96 px, blur 2 px": lambda pixels: blur(to(96)(pixels), 2.0),
        "96 px, JPEG 15": lambda pixels: compress(to(96)(pixels), 15),
        "turned 20 degrees": lambda pixels: turn(to(160)(pixels), 20),
        "turned -35 degrees": lambda pixels: turn(to(160)(pixels), -35),
        "3 stops dark": lambda pixels: expose(to(160)(pixels), -3),
        "1.5 stops bright": lambda pixels: expose(to(160)(pixels), 1.5),
        "side light": lambda pixels: side_light(to(160)(pixels), 4),
        "phone at night": lambda pixels: compress(noise(expose(to(64)(pixels), -2.5), 6, seed=1), 40),
        "bad camera": lambda pixels: compress(blur(turn(to(48)(pixels), 12), 0.8), 30),
    }
