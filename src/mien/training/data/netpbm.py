"""Binary PGM and PPM, in which the classical face data sets came (AT&T/ORL, FERET, Yale)."""

from __future__ import annotations

import re

import numpy as np

from mien.core.errors import ImageError
from mien.core.types import Image
from mien.imaging.limits import Limits

# Magic, width, height and largest value, between any white space and comments; one white byte ends it.
_GAP = rb"(?:\s|#[^\n]*\n)+"
_HEADER = re.compile(rb"P([56])" + _GAP + rb"(\d{1,9})" + _GAP + rb"(\d{1,9})" + _GAP + rb"(\d{1,5})\s")


def is_netpbm(data: bytes) -> bool:
    return data[:2] in (b"P5", b"P6")


def decode_netpbm(data: bytes, limits: Limits = Limits()) -> Image:
    """Decode an 8-bit PGM (grey becomes RGB) or PPM.

    raises: `ImageError` for a header that makes no sense, 16-bit values, or a file cut short.
    """
    found = _HEADER.match(data[:4096])
    if found is None:
        raise ImageError("damaged", "the header of this PGM or PPM makes no sense: save the picture as PNG")
    kind, width, height, largest = (int(number) for number in found.groups())
    channels = 3 if kind == 6 else 1
    if not 1 <= largest <= 255:
        raise ImageError("unsupported_format", f"a PGM of values up to {largest} is not read: save it as PNG")
    limits.check_size(width, height, float(channels))
    body = np.frombuffer(data, np.uint8, offset=found.end())
    if width < 1 or height < 1 or len(body) < width * height * channels:
        raise ImageError("damaged", "this PGM or PPM is cut short: copy the file anew")
    pixels = body[: width * height * channels].reshape(height, width, channels)
    if largest != 255:
        pixels = (np.minimum(pixels, largest).astype(np.float32) * (255 / largest) + 0.5).astype(np.uint8)
    return Image(np.ascontiguousarray(np.broadcast_to(pixels, (height, width, 3))))
