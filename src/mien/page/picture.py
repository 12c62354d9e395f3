"""Pixels to a picture inside a page."""

from __future__ import annotations

import base64
import io

from mien.core.types import Pixels
from mien.page.blocks import Picture


def embed(pixels: Pixels, alt: str, caption: str = "", *, long_side: int = 640, quality: int = 86) -> Picture:
    """Store a picture as JPEG, shrunk where its longer side has more than ``long_side`` pixels.

    pixels: (H, W, 3) uint8 RGB.
    """
    from PIL import Image

    picture = Image.fromarray(pixels)
    scale = long_side / max(picture.size)
    if scale < 1:
        width, height = (max(1, round(side * scale)) for side in picture.size)
        picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=quality, optimize=True)
    text = base64.b64encode(stream.getvalue()).decode("ascii")
    return Picture(f"data:image/jpeg;base64,{text}", picture.width, picture.height, alt, caption)
