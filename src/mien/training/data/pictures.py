"""The pictures of a data set: found by suffix, decoded by the guarded decoders of `mien.imaging`."""

from __future__ import annotations

import os
from pathlib import Path

from mien.core.errors import ImageError
from mien.core.types import Image
from mien.imaging.decode import decode
from mien.imaging.header import DEFAULT_FORMATS, SUFFIXES
from mien.imaging.sources import read_path
from mien.training.data.netpbm import decode_netpbm, is_netpbm

# Data sets are the user's own choice, so more formats are read than of strangers' uploads.
FORMATS = DEFAULT_FORMATS | {"bmp", "gif", "tiff"}
_ENDINGS = (*(ending for name in sorted(FORMATS) for ending in SUFFIXES[name]), ".pgm", ".ppm")


def find_pictures(folder: Path) -> list[Path]:
    """Every picture below a folder, sorted by path; names that start with a dot are left out."""
    found: list[Path] = []
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [
            Path(place, name)
            for name in sorted(files)
            if name.lower().endswith(_ENDINGS) and not name.startswith(".")
        ]
    return found


def read_picture(path: Path, max_side: int | None = None) -> Image:
    """Decode one picture of a data set; raises `ImageError` that names the file."""
    return decode_picture(read_path(str(path)), str(path), max_side)


def decode_picture(data: bytes, name: str, max_side: int | None = None) -> Image:
    """Decode the bytes of one picture; ``name`` is what errors call it."""
    try:
        if is_netpbm(data):
            return decode_netpbm(data)
        return decode(data, formats=FORMATS, max_side=max_side).image
    except ImageError as error:
        raise ImageError(error.reason, f"{name}: {error}") from error
