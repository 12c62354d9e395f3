"""What a picture's container says about it, read without decoding a pixel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

DEFAULT_FORMATS = frozenset({"jpeg", "png", "webp"})
ISOLATED_FORMATS = frozenset({"avif", "bmp", "gif", "heic", "tiff"})

SUFFIXES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "jpeg": (".jpg", ".jpeg", ".jpe", ".jfif"),
        "png": (".png",),
        "webp": (".webp",),
        "avif": (".avif",),
        "bmp": (".bmp",),
        "gif": (".gif",),
        "heic": (".heic", ".heif"),
        "tiff": (".tif", ".tiff"),
    }
)

_STARTS = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF8", "gif"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"II+\0", "tiff"),
    (b"MM\0+", "tiff"),
    (b"BM", "bmp"),
)
_BRANDS = {b"avif": "avif", b"avis": "avif", b"heic": "heic", b"heix": "heic", b"mif1": "heic"}


@dataclass(frozen=True, slots=True)
class Header:
    """One picture, described.

    width, height: pixels as stored, before ``orientation`` is applied.
    orientation: 1..8, as EXIF counts.
    bytes_per_pixel: estimated peak memory of decoding it.
    payload: the container cut down to what the pixels need: no text, profiles, thumbnails, further frames.
    """

    width: int
    height: int
    orientation: int
    bytes_per_pixel: float
    payload: bytes


def sniff(data: bytes) -> str | None:
    """Tell the format from the first bytes; the file's name is never believed.

    >>> sniff(b"GIF89a"), sniff(b"%PDF-1.7")
    ('gif', None)
    """
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    if data[4:8] == b"ftyp":
        return _BRANDS.get(data[8:12])
    return next((name for start, name in _STARTS if data.startswith(start)), None)
