"""Any kind of Pillow picture to upright, 8-bit RGB pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import ImageError
from mien.core.types import Pixels
from mien.imaging.limits import damaged
from mien.imaging.orientation import stored_view

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

BACKGROUND = (255, 255, 255)
"""What shines through transparent pixels: white, as a page does (measured in docs/images.md)."""

_BAND = 2**20  # pixels converted at a time: the peak stays near the picture plus the result
_SIXTEEN_BITS = ("I;16", "I;16L", "I;16B", "I;16N", "I")
_UNREADABLE = ("F", "LAB")


def rgb_pixels(picture: Picture, orientation: int, kind: str, factor: int = 1) -> Pixels:
    """Convert a loaded picture band by band.

    orientation: 1..8, applied.    kind: names the format in messages.
    factor: shrink to 1/factor by averaging, sizes rounded up.
    returns: (H, W, 3) uint8.    raises: `ImageError`.
    """
    if picture.mode in _UNREADABLE:
        raise ImageError(
            "unsupported_format",
            f"the {kind} holds {picture.mode} values: save it as 8- or 16-bit RGB or grey",
        )
    width, height = -(-picture.width // factor), -(-picture.height // factor)
    out = np.empty((width, height, 3) if orientation >= 5 else (height, width, 3), np.uint8)
    stored = stored_view(out, orientation)
    rows = max(_BAND // picture.width // 8, 1) * 8
    try:
        for top in range(0, picture.height, rows):
            band = picture
            if picture.height > rows:
                band = picture.crop((0, top, picture.width, min(top + rows, picture.height)))
            pixels = _to_rgb(band)
            stored[top // factor : (top + rows) // factor] = (
                pixels if factor == 1 else _shrink(pixels, factor)
            )
    except ImageError:
        raise
    except Exception as error:
        raise damaged(kind, str(error)) from error
    return out


def _to_rgb(band: Picture) -> NDArray[np.uint8]:
    """returns: (h, w, 3), or (h, w, 1) for grey."""
    if band.mode in _SIXTEEN_BITS:
        return _from_sixteen_bits(np.asarray(band), band.info.get("transparency"))
    if band.has_transparency_data:
        return np.asarray(_on_background(band))
    if band.mode in ("L", "1"):
        return np.asarray(band.convert("L"))[:, :, None]
    return np.asarray(band.convert("RGB"))


def _on_background(band: Picture) -> Picture:
    from PIL import Image

    layer = band.convert("RGBA")
    page = Image.new("RGB", band.size, BACKGROUND)
    page.paste(layer, mask=layer)
    return page


def _from_sixteen_bits(values: NDArray[np.integer], transparent: object) -> NDArray[np.uint8]:
    """Keep the upper eight bits, as Pillow does for 16-bit RGB; ``convert`` would clip grey at 255."""
    if values.min() < 0 or values.max() > 0xFFFF:
        raise ImageError(
            "unsupported_format", "the picture holds 32-bit values: save it as 8- or 16-bit grey"
        )
    grey = (values.astype(np.uint16) >> 8).astype(np.uint8)
    if isinstance(transparent, int):
        grey[values == transparent] = BACKGROUND[0]
    return grey[:, :, None]


def _shrink(pixels: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    from PIL import Image

    colour = np.broadcast_to(pixels, (*pixels.shape[:2], 3))
    return np.asarray(Image.fromarray(np.ascontiguousarray(colour)).reduce(factor))
