"""A synthetic picture and its files: smooth, coloured, different in every corner."""

from __future__ import annotations

import io
import struct
import zlib
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
SIZE = (96, 72)  # width, height

PARAMETERS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 97, "subsampling": 0},
    "PNG": {},
    "WEBP": {"lossless": True},
}


@cache
def plain(width: int = SIZE[0], height: int = SIZE[1]) -> Image.Image:
    coarse = np.random.default_rng(5).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def encode(picture: Image.Image, kind: str, **parameters: Any) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **(PARAMETERS.get(kind, {}) | parameters))
    return stream.getvalue()


def difference(one: Pixels, other: Pixels | Image.Image) -> float:
    """Mean difference in levels; the shapes must agree."""
    second = np.asarray(other)
    assert one.shape == second.shape
    return float(np.abs(one.astype(int) - second).mean())


def chunk(kind: bytes, body: bytes) -> bytes:
    """One PNG chunk."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *extra: bytes) -> bytes:
    """A PNG from unfiltered rows, whatever they hold; ``extra`` chunks stand before the pixels."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(extra) + body


def png16(pixels: NDArray[np.integer], colour: int) -> bytes:
    """A 16-bit PNG. pixels: (H, W) or (H, W, C).    colour: 0 grey, 2 RGB, 4 grey + alpha, 6 RGBA."""
    rows = pixels.astype(">u2").reshape(len(pixels), -1)
    return png(pixels.shape[1], pixels.shape[0], 16, colour, b"".join(b"\0" + row.tobytes() for row in rows))


def exif(orientation: int) -> bytes:
    block = Image.Exif()
    block[0x0112] = orientation
    return block.tobytes()
