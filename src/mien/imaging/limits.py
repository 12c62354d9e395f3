"""How much one picture may cost before we refuse it."""

from __future__ import annotations

from dataclasses import dataclass

from mien.core.errors import ImageError


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that are checked on the file's header, before any pixel is decoded.

    max_bytes: size of the file.
    max_side, max_pixels: of the picture as stored.
    max_memory: estimated peak of the decoding, in bytes; a WebP needs about five times its pixels.
    max_scans: of a JPEG; each one costs a pass over the whole picture, and honest encoders write about ten.
    """

    max_bytes: int = 64 * 2**20
    max_side: int = 16_384
    max_pixels: int = 40_000_000
    max_memory: int = 288_000_000
    max_scans: int = 64

    def check_bytes(self, size: int) -> None:
        """Raise `ImageError` unless a file of ``size`` bytes may be read."""
        if size == 0:
            raise ImageError("empty", "the file is empty: copy or download it again")
        if size > self.max_bytes:
            raise ImageError(
                "too_large", f"the file is larger than {self.max_bytes:,} bytes: save a smaller copy"
            )

    def check_size(self, width: int, height: int, bytes_per_pixel: float) -> None:
        """Raise `ImageError` unless a picture of this size may be decoded."""
        if width < 1 or height < 1:
            raise ImageError("damaged", f"the picture says it is {width} x {height} pixels: save it again")
        if max(width, height) > self.max_side:
            wanted = f"more than {self.max_side:,} on a side"
        elif width * height > self.max_pixels:
            wanted = f"more than {self.max_pixels:,}"
        elif width * height * bytes_per_pixel > self.max_memory:
            wanted = f"too much to decode within {self.max_memory // 10**6} MB"
        else:
            return
        raise ImageError(
            "too_large", f"the picture has {width:,} x {height:,} pixels, {wanted}: save a smaller copy"
        )


def damaged(kind: str, detail: str) -> ImageError:
    """Say that the bytes of a picture are incomplete or contradict themselves."""
    return ImageError("damaged", f"the {kind} is damaged ({detail}): copy it again or save it anew")
