"""WebP: read the RIFF chunks (RFC 9649), then decode the first frame with Pillow."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator

from mien.core.errors import ImageError
from mien.core.types import Pixels
from mien.imaging.header import Header
from mien.imaging.limits import Limits, damaged
from mien.imaging.orientation import read_orientation
from mien.imaging.rgb import rgb_pixels

_MAX_CHUNKS = 10_000
_BYTES_PER_PIXEL = 16.0  # libwebp's animation decoder keeps two canvases, Pillow two copies
_METADATA = (b"ICCP", b"EXIF", b"XMP ")


def read_webp(data: bytes, limits: Limits) -> Header:
    """Check that the file is whole and within ``limits``; raises `ImageError`."""
    size, orientation, frames, kept = (0, 0), 1, 0, []
    for kind, chunk in _chunks(data):
        if size == (0, 0):
            size = _read_size(kind, chunk)
            limits.check_size(*size, _BYTES_PER_PIXEL)
        frames += kind == b"ANMF"
        if kind == b"EXIF":
            orientation = read_orientation(chunk[8:])
        elif kind not in _METADATA and not (kind == b"ANMF" and frames > 1):
            kept.append(chunk)
    if not kept:
        raise damaged("WebP", "it has no picture data")
    body = b"WEBP" + b"".join(kept)
    payload = b"RIFF" + struct.pack("<I", len(body)) + body
    return Header(*size, orientation, _BYTES_PER_PIXEL, payload)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Walk the file: the kind of each chunk and its bytes, head and padding included."""
    end, at = 8 + int.from_bytes(data[4:8], "little"), 12
    if end > len(data):
        raise damaged("WebP", "it ends too early")
    for _ in range(_MAX_CHUNKS):
        if at + 8 > end:
            return
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        following = at + 8 + length + length % 2
        if at + 8 + length > end:
            raise damaged("WebP", "it ends too early")
        yield data[at : at + 4], data[at:following]
        at = following
    raise damaged("WebP", f"it has more than {_MAX_CHUNKS:,} chunks")


def _read_size(kind: bytes, chunk: bytes) -> tuple[int, int]:
    """Width and height of the canvas, from whichever chunk comes first (RFC 9649, 2.5 to 2.7)."""
    if kind == b"VP8X" and len(chunk) >= 18:
        return 1 + int.from_bytes(chunk[12:15], "little"), 1 + int.from_bytes(chunk[15:18], "little")
    if kind == b"VP8 " and len(chunk) >= 18 and chunk[11:14] == b"\x9d\x01\x2a":
        width, height = struct.unpack("<HH", chunk[14:18])
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L" and len(chunk) >= 13 and chunk[8] == 0x2F:
        bits = int.from_bytes(chunk[9:13], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    raise damaged("WebP", "it does not start with its header")


def decode_webp(header: Header, factor: int) -> Pixels:
    """Decode to upright RGB at 1/factor of the size.

    returns: (H, W, 3) uint8.    raises: `ImageError` (damaged).
    """
    from PIL.WebPImagePlugin import WebPImageFile

    try:
        picture = WebPImageFile(io.BytesIO(header.payload))
        if picture.size != (header.width, header.height):
            raise damaged("WebP", "its size is said twice")
        picture.load()
    except ImageError:
        raise
    except Exception as error:
        raise damaged("WebP", str(error)) from error
    return rgb_pixels(picture, header.orientation, "WebP", factor)
