"""JPEG: read the segments (ITU-T T.81, annex B), then decode with libjpeg-turbo.

``simplejpeg`` is used where it is installed: its pixels are those of Pillow, in about a third of the time,
and it reports entropy-coded data that ends early, which Pillow draws as grey. CMYK goes through Pillow.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from types import ModuleType

import numpy as np

from mien.core.errors import ImageError
from mien.core.types import Pixels
from mien.imaging.header import Header
from mien.imaging.limits import Limits, damaged
from mien.imaging.orientation import read_orientation, upright
from mien.imaging.rgb import rgb_pixels

_SOI, _EOI, _SOS, _APP0, _APP1, _APP14, _COM = 0xD8, 0xD9, 0xDA, 0xE0, 0xE1, 0xEE, 0xFE
_FRAMES = {0xC0, 0xC1, 0xC2}  # baseline, extended and progressive, with Huffman codes
_OTHER_FRAMES = set(range(0xC0, 0xD0)) - _FRAMES - {0xC4, 0xC8, 0xCC}  # lossless, arithmetic, hierarchical
_PROGRESSIVE = 0xC2
_MAX_SEGMENTS = 5_000  # a 64 MiB file of empty segments would keep Python busy for seconds

# In entropy-coded data a marker is FF and a byte that is neither stuffing, nor a restart, nor fill.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")

# libjpeg's warnings that cost no pixel; real cameras cause them. All others mean that data is missing.
_HARMLESS = ("extraneous bytes", "Invalid SOS parameters", "Adobe color transform", "JFIF major")


@dataclass(frozen=True, slots=True)
class JpegHeader(Header):
    """components: 1 for grey, 3 for colour, 4 for CMYK."""

    components: int


@dataclass(frozen=True, slots=True)
class _Segment:
    """One marker and what follows it; ``start`` and ``end`` enclose both."""

    marker: int
    start: int
    end: int

    def body(self, data: bytes) -> bytes:
        return data[self.start + 4 : self.end]


def read_jpeg(data: bytes, limits: Limits) -> JpegHeader:
    """Check that the file is whole and within ``limits``; raises `ImageError`."""
    frame: _Segment | None = None
    orientation, scans, kept = 1, 0, [data[:2]]
    for segment in _segments(data):
        marker = segment.marker
        if marker == _APP1 and data.startswith(b"Exif\0\0", segment.start + 4) and orientation == 1:
            orientation = read_orientation(segment.body(data))
        if marker in _FRAMES:
            if frame is not None:
                raise damaged("JPEG", "it has two frames")
            frame = segment
            _check_frame(segment.body(data), limits)
        elif marker in _OTHER_FRAMES:
            raise ImageError(
                "unsupported_format",
                "this is a lossless or arithmetic-coded JPEG, which few programs read: save it as plain JPEG",
            )
        elif marker == _SOS:
            scans += 1
            if scans > limits.max_scans:
                raise ImageError(
                    "too_large", f"the JPEG has more than {limits.max_scans} scans: save it as plain JPEG"
                )
        if marker in (_APP0, _APP14) or not (_APP0 <= marker <= 0xEF or marker == _COM):
            kept.append(data[segment.start : segment.end])
    if frame is None or scans == 0:
        raise damaged("JPEG", "it has no picture data")
    return _header(frame.marker, frame.body(data), orientation, b"".join(kept), limits)


def _segments(data: bytes) -> Iterator[_Segment]:
    """Walk the file up to its end marker; a scan's segment includes its entropy-coded data."""
    at = 2
    for _ in range(_MAX_SEGMENTS):
        found = _MARKER.search(data, at)
        if found is None:
            raise damaged("JPEG", "it ends too early")
        start = found.start()
        marker = data[start + 1]
        if marker in (_SOI, 0x01):
            raise damaged("JPEG", "a second picture starts inside")
        if marker == _EOI:
            yield _Segment(marker, start, start + 2)
            return
        length = int.from_bytes(data[start + 2 : start + 4], "big")
        at = start + 2 + length
        if length < 2 or at > len(data):
            raise damaged("JPEG", "it ends too early")
        if marker == _SOS:
            following = _MARKER.search(data, at)
            at = following.start() if following else len(data)
        yield _Segment(marker, start, at)
    raise damaged("JPEG", f"it has more than {_MAX_SEGMENTS:,} segments")


def _check_frame(body: bytes, limits: Limits) -> None:
    """body: precision, height, width, number of components, then three bytes for each (T.81, B.2.2)."""
    if len(body) < 6 or len(body) < 6 + 3 * body[5]:
        raise damaged("JPEG", "its frame header is cut off")
    if body[0] != 8 or body[5] not in (1, 3, 4):
        raise ImageError(
            "unsupported_format",
            f"this JPEG has {body[5]} channels of {body[0]} bits: save it as 8-bit grey, RGB or CMYK",
        )
    limits.check_size(int.from_bytes(body[3:5], "big"), int.from_bytes(body[1:3], "big"), 0.0)


def _header(marker: int, body: bytes, orientation: int, payload: bytes, limits: Limits) -> JpegHeader:
    height, width, components = (
        int.from_bytes(body[1:3], "big"),
        int.from_bytes(body[3:5], "big"),
        body[5],
    )
    bytes_per_pixel = 3.0 if components != 4 else 7.0
    if marker == _PROGRESSIVE:  # the coefficients of the whole picture are held, 16 bits each
        areas = [(body[7 + 3 * i] >> 4) * (body[7 + 3 * i] & 15) for i in range(components)]
        bytes_per_pixel += 2 * sum(areas) / max(max(areas), 1)
    if orientation != 1:
        bytes_per_pixel = max(bytes_per_pixel, 6.0)
    limits.check_size(width, height, bytes_per_pixel)
    return JpegHeader(width, height, orientation, bytes_per_pixel, payload, components)


def decode_jpeg(header: JpegHeader, factor: int) -> Pixels:
    """Decode to upright RGB at 1/factor of the size (factor 1, 2, 4 or 8; sizes are rounded up).

    returns: (H, W, 3) uint8.    raises: `ImageError` (damaged).
    """
    turbo = _turbo()
    if turbo is None or header.components == 4:
        return _decode_with_pillow(header, factor)
    stored = _decode_with_turbo(turbo, header, factor)
    return np.ascontiguousarray(upright(stored, header.orientation))


@cache
def _turbo() -> ModuleType | None:
    try:
        import simplejpeg
    except ImportError:
        return None
    module: ModuleType = simplejpeg
    return module


def _decode_with_turbo(turbo: ModuleType, header: JpegHeader, factor: int) -> Pixels:
    """Decode as stored; a second time, leniently, where the only complaint costs no pixel."""
    size = (-(-header.height // factor), -(-header.width // factor))
    try:
        pixels = _turbo_pixels(turbo, header.payload, size, strict=True)
    except Exception as error:
        if not any(phrase in str(error) for phrase in _HARMLESS):
            raise damaged("JPEG", str(error)) from error
        try:
            pixels = _turbo_pixels(turbo, header.payload, size, strict=False)
        except Exception as second:
            raise damaged("JPEG", str(second)) from second
    if pixels.shape != (*size, 3):
        raise damaged("JPEG", "its size is said twice")
    return pixels


def _turbo_pixels(turbo: ModuleType, payload: bytes, size: tuple[int, int], strict: bool) -> Pixels:
    """Ask for the smallest scale that gives at least ``size``: one of libjpeg's gives just that."""
    pixels: Pixels = turbo.decode_jpeg(payload, "RGB", min_height=size[0], min_width=size[1], strict=strict)
    return pixels


def _decode_with_pillow(header: JpegHeader, factor: int) -> Pixels:
    from PIL.JpegImagePlugin import JpegImageFile

    try:
        picture = JpegImageFile(io.BytesIO(header.payload))
        if picture.size != (header.width, header.height):
            raise damaged("JPEG", "its size is said twice")
        if factor > 1:
            picture.draft(picture.mode, (header.width // factor, header.height // factor))
        picture.load()
    except ImageError:
        raise
    except Exception as error:
        raise damaged("JPEG", str(error)) from error
    return rgb_pixels(picture, header.orientation, "JPEG")
