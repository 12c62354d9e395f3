"""PNG: read the chunks (W3C PNG, section 5), then decode the five kinds that pixels need with Pillow."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from zlib import crc32

from mien.core.errors import ImageError
from mien.core.types import Pixels
from mien.imaging.header import Header
from mien.imaging.limits import Limits, damaged
from mien.imaging.orientation import read_orientation
from mien.imaging.rgb import rgb_pixels

_NEEDED = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_MAX_CHUNKS = 100_000  # a 64 MiB file of empty chunks would keep Python busy for seconds
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type


def read_png(data: bytes, limits: Limits) -> Header:
    """Check that the file is whole and within ``limits``; raises `ImageError`.

    Of an animated PNG the default picture is kept: what a viewer without animation shows.
    """
    kept, orientation, size, bytes_per_pixel = [data[:8]], 1, (0, 0), 0.0
    for kind, chunk in _chunks(data):
        if len(kept) == 1 and kind != b"CgBI":
            size, bytes_per_pixel = _read_size(kind, chunk, limits)
        if kind in _NEEDED:
            (promised,) = struct.unpack(">I", chunk[-4:])
            if crc32(chunk[4:-4]) != promised:
                raise damaged("PNG", f"wrong checksum in {kind.decode()}")
            kept.append(bytes(chunk))
        elif kind == b"eXIf" and orientation == 1:
            orientation = read_orientation(bytes(chunk[8:-4]))
        elif kind == b"CgBI":
            raise ImageError(
                "unsupported_format", "this PNG is in Apple's private form: save it as plain PNG"
            )
    return Header(*size, orientation, bytes_per_pixel, b"".join(kept))


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Walk the file up to IEND: the kind of each chunk and its bytes, length and checksum included."""
    view, at = memoryview(data), 8
    for _ in range(_MAX_CHUNKS):
        head = data[at : at + 8]
        end = at + 12 + int.from_bytes(head[:4], "big")
        if len(head) < 8 or end > len(data):
            raise damaged("PNG", "it ends too early")
        yield head[4:], view[at:end]
        if head[4:] == b"IEND":
            return
        at = end
    raise damaged("PNG", f"it has more than {_MAX_CHUNKS:,} chunks")


def _read_size(kind: bytes, chunk: memoryview, limits: Limits) -> tuple[tuple[int, int], float]:
    """Width and height, and a pixel's cost: Pillow's 4 bytes and our 3, more where inflating takes long."""
    if kind != b"IHDR" or len(chunk) != 25:
        raise damaged("PNG", "it does not start with its header")
    width, height, depth, colour = struct.unpack(">IIBB", chunk[8:18])
    bytes_per_pixel = max(7.0, depth / 4 * _CHANNELS.get(colour, 4))
    limits.check_size(width, height, bytes_per_pixel)
    return (width, height), bytes_per_pixel


def decode_png(header: Header, factor: int) -> Pixels:
    """Decode to upright RGB at 1/factor of the size.

    returns: (H, W, 3) uint8.    raises: `ImageError` (damaged).
    """
    from PIL.PngImagePlugin import PngImageFile

    try:
        picture = PngImageFile(io.BytesIO(header.payload))
        if picture.size != (header.width, header.height):
            raise damaged("PNG", "its size is said twice")
        picture.load()
    except ImageError:
        raise
    except Exception as error:
        raise damaged("PNG", str(error)) from error
    return rgb_pixels(picture, header.orientation, "PNG", factor)
