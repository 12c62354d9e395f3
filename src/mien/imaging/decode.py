"""Bytes to an upright RGB picture, or one typed error: nothing else can come out."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from mien.core.errors import ImageError
from mien.core.types import Image, Pixels, Points
from mien.imaging.header import DEFAULT_FORMATS, ISOLATED_FORMATS, Header, sniff
from mien.imaging.jpeg import decode_jpeg, read_jpeg
from mien.imaging.limits import Limits
from mien.imaging.png import decode_png, read_png
from mien.imaging.webp import decode_webp, read_webp


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """A picture, perhaps smaller than its file.

    width, height: pixels of the upright original.
    scale: original size to ``image`` size: 1, 1/2, 1/4 or 1/8.
    """

    image: Image
    scale: float
    width: int
    height: int

    def to_original(self, points: Points) -> Points:
        """Map points of ``image`` to the upright original; the origin of both is a pixel's centre.

        points: (..., 2) pixels; boxes work too, as (..., 4).
        """
        return (points + 0.5) / self.scale - 0.5


def decode(
    data: bytes,
    limits: Limits = Limits(),
    formats: Collection[str] = DEFAULT_FORMATS,
    *,
    max_side: int | None = None,
    isolated: bool = False,
) -> Decoded:
    """Decode the first frame of a picture: RGB, 8-bit, upright, on white where it is transparent.

    formats: any of "jpeg", "png", "webp" and, decoded in a limited process only (`mien.imaging.worker`),
        "avif", "bmp", "gif", "heic", "tiff".
    max_side: pixels; a larger picture is halved while its longer side stays at least this.
    isolated: decode in the limited process whatever the format.
    raises: `ImageError`, and `DependencyMissing` for "heic" without pillow-heif.
    Safe in several threads at once; the interpreter lock is released while pixels are decoded.
    """
    data = bytes(data)
    limits.check_bytes(len(data))
    kind = _admit(data, formats)
    if isolated or kind in ISOLATED_FORMATS:
        from mien.imaging.worker import shared_worker

        return shared_worker().decode(data, kind, limits, max_side)
    return decode_here(data, kind, limits, max_side)


def _admit(data: bytes, formats: Collection[str]) -> str:
    """Tell the format, or say why it is not read."""
    kind = sniff(data)
    wanted = ", ".join(sorted(formats))
    if kind is not None and kind in formats:
        return kind
    if kind is None:
        raise ImageError(
            "unsupported_format", f"this is no picture in a format we know: save it as one of {wanted}"
        )
    raise ImageError(
        "unsupported_format", f"{kind} pictures are read only when asked for: save it as one of {wanted}"
    )


def decode_here(data: bytes, kind: str, limits: Limits, max_side: int | None) -> Decoded:
    """Decode a JPEG, PNG or WebP in this process."""
    if kind == "jpeg":
        jpeg = read_jpeg(data, limits)
        factor = shrink_factor(jpeg.width, jpeg.height, max_side)
        return assemble(decode_jpeg(jpeg, factor), factor, jpeg)
    header = read_png(data, limits) if kind == "png" else read_webp(data, limits)
    factor = shrink_factor(header.width, header.height, max_side)
    pixels = decode_png(header, factor) if kind == "png" else decode_webp(header, factor)
    return assemble(pixels, factor, header)


def shrink_factor(width: int, height: int, max_side: int | None) -> int:
    """How much smaller to decode: 1, 2, 4 or 8.

    >>> shrink_factor(4000, 3000, 640), shrink_factor(1000, 700, 640), shrink_factor(9999, 9, None)
    (4, 1, 1)
    """
    if max_side is None:
        return 1
    return next((factor for factor in (8, 4, 2) if max(width, height) // factor >= max_side), 1)


def assemble(pixels: Pixels, factor: int, header: Header) -> Decoded:
    turned = header.orientation >= 5
    width, height = (header.height, header.width) if turned else (header.width, header.height)
    return Decoded(Image(pixels), 1 / factor, width, height)
