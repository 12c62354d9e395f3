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


def look_away(pixels: Pixels, yaw: float, centre: float, radius: float) -> Pixels:
    """Turn the head by ``yaw`` degrees, taking it for an upright cylinder; what was hidden is grey.

    centre: column of the axis in pixels.    radius: of the cylinder in pixels.
    """
    columns = np.arange(pixels.shape[1])
    across = np.clip((columns - centre) / radius, -1, 1)
    source_angle = np.arcsin(across) - np.radians(yaw)
    seen = (np.abs(across) < 1) & (np.abs(source_angle) < np.pi / 2)
    source = centre + radius * np.sin(source_angle)
    left = np.clip(np.floor(source).astype(int), 0, pixels.shape[1] - 2)
    share = np.clip(source - left, 0, 1)[None, :, None]
    turned = pixels[:, left] * (1 - share) + pixels[:, left + 1] * share
    return np.where(seen[None, :, None], turned, 128).round().astype(np.uint8)


def hide_lower(pixels: Pixels, share: float) -> Pixels:
    """Cover the lower part of the picture with grey (a scarf, a mask, a picture edge)."""
    covered = pixels.copy()
    covered[round(pixels.shape[0] * (1 - share)) :] = 128
    return covered


def photo_conditions(face: float, centre: float, chin: float) -> dict[str, Callable[[Pixels], Pixels]]:
    """Name the conditions of the genuine pairs.

    face: height of the face in the studio picture; centre: column of its middle; chin: row; all in pixels.
    """

    def to(height: float) -> Callable[[Pixels], Pixels]:
        return lambda pixels: shrink(pixels, height / face)

    def away(degrees: float, height: float) -> Callable[[Pixels], Pixels]:
        return lambda pixels: to(height)(look_away(pixels, degrees, centre, 0.48 * face))

    def covered(pixels: Pixels) -> Pixels:
        rows = pixels.shape[0]
        return hide_lower(pixels, 1 - (chin - 0.22 * face) / rows)

    return {
        "studio": lambda pixels: pixels,
        "face 64 px": to(64),
        "face 40 px": to(40),
        "face 28 px": to(28),
        "96 px, blur 2 px": lambda pixels: blur(to(96)(pixels), 2.0),
        "96 px, JPEG 15": lambda pixels: compress(to(96)(pixels), 15),
        "turned 25 degrees": lambda pixels: turn(to(160)(pixels), 25),
        "3 stops dark": lambda pixels: expose(to(160)(pixels), -3),
        "1.5 stops bright": lambda pixels: expose(to(160)(pixels), 1.5),
        "side light": lambda pixels: side_light(to(160)(pixels), 4),
        "phone at night": lambda pixels: compress(noise(expose(to(64)(pixels), -2.5), 6, seed=1), 40),
        "bad camera": lambda pixels: compress(blur(turn(to(48)(pixels), 12), 0.8), 30),
        "away 30 degrees": away(30, 120),
        "away -45 degrees": away(-45, 120),
        "away 55 degrees": away(55, 120),
        "away -40, 48 px, JPEG": lambda pixels: compress(away(-40, 48)(pixels), 40),
        "away 35, dark": lambda pixels: noise(expose(away(35, 80)(pixels), -3), 3, seed=2),
        "mouth covered": lambda pixels: to(120)(covered(pixels)),
    }
