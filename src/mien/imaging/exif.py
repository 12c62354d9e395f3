"""The little that a camera writes beside the pixels and that geometry can use."""

from __future__ import annotations

import io
import struct
from pathlib import Path

_EXIF_FOLDER, _FOCAL_35MM = 0x8769, 0xA405


def equivalent_focal_length(source: object) -> float | None:
    """``FocalLengthIn35mmFilm`` of a picture file (path or bytes) in mm; None where the camera did not
    say."""
    from PIL import Image, UnidentifiedImageError

    if isinstance(source, bytes):
        opened: io.BytesIO | Path = io.BytesIO(source)
    elif isinstance(source, str | Path) and Path(source).is_file():
        opened = Path(source)
    else:
        return None
    try:
        # Only formats that are decoded in this process (`mien.imaging.decode`): other readers stay unused.
        with Image.open(opened, formats=("JPEG", "PNG", "WEBP")) as picture:
            value = picture.getexif().get_ifd(_EXIF_FOLDER).get(_FOCAL_35MM)
    except (
        UnidentifiedImageError,
        Image.DecompressionBombError,
        OSError,
        ValueError,
        SyntaxError,
        struct.error,
    ):
        return None  # the decoder says what is wrong with the file; here only the focal length is missing
    return float(value) if isinstance(value, int | float) and 5 < value < 2000 else None
