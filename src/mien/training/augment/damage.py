"""What cameras, compression and hands do to a picture."""

from __future__ import annotations

import io
import math

import numpy as np
from PIL import Image, ImageFilter

from mien.core.types import Pixels


def blur(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Out of focus: a Gaussian of up to 3 % of the side."""
    radius = rng.uniform(0.005, 0.03) * min(pixels.shape[:2])
    return np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(radius)))


def shrink(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """As if enlarged from a picture of 25 to 75 % of the side."""
    height, width = pixels.shape[:2]
    share = rng.uniform(0.25, 0.75)
    small = (max(round(width * share), 1), max(round(height * share), 1))
    picture = Image.fromarray(pixels).resize(small, Image.Resampling.BOX)
    return np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC))


def compress(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """JPEG of quality 15 to 75, there and back."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=int(rng.integers(15, 76)))
    return np.asarray(Image.open(file).convert("RGB"))


def occlude(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Random erasing (Zhong et al., AAAI 2020): a patch of 2 to 30 % of the area, of noise or one colour."""
    height, width = pixels.shape[:2]
    area = rng.uniform(0.02, 0.3) * height * width
    aspect = math.exp(rng.uniform(math.log(0.3), math.log(1 / 0.3)))
    h = min(max(round(math.sqrt(area * aspect)), 1), height)
    w = min(max(round(math.sqrt(area / aspect)), 1), width)
    top, left = int(rng.integers(0, height - h + 1)), int(rng.integers(0, width - w + 1))
    noisy = rng.random() < 0.5
    patch = rng.integers(0, 256, (h, w, 3) if noisy else (1, 1, 3), np.uint8)
    hidden = pixels.copy()
    hidden[top : top + h, left : left + w] = patch
    return hidden
