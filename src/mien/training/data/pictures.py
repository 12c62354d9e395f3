"""The pictures of a data set: found by suffix, decoded by the guarded decoders of `mien.imaging`."""

from __future__ import annotations

import os
from pathlib import Path

from mien.core.errors import ImageError
from mien.core.types import Image
from mien.imaging.decode import decode
from mien.imaging.header import DEFAULT_FORMATS, SUFFIXES
from mien.imaging.sources import read_path
from mien.training.data.listing import Sample
from mien.training.data.netpbm import decode_netpbm, is_netpbm

# Data sets are the user's own choice, so more formats are read than of strangers' uploads.
FORMATS = DEFAULT_FORMATS | {"bmp", "gif", "tiff"}
ENDINGS = (*(ending for name in sorted(FORMATS) for ending in SUFFIXES[name]), ".pgm", ".ppm")


def find_pictures(folder: Path) -> list[Path]:
    """Every picture below a folder, sorted by path; names that start with a dot are left out."""
    found: list[Path] = []
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [
            Path(place, name)
            for name in sorted(files)
            if name.lower().endswith(ENDINGS) and not name.startswith(".")
        ]
    return found


def read_sample(sample: Sample, max_side: int | None = None) -> Image:
    """Decode the picture of a sample; raises `ImageError` that names the file."""
    return decode_picture(read_bytes(sample), str(sample.path), max_side)


def read_bytes(sample: Sample) -> bytes:
    """The picture's file as it is: a part of a tar shard, or a file of its own."""
    if sample.span is None:
        return read_path(str(sample.path))
    start, length = sample.span
    try:
        with open(sample.path, "rb") as shard:
            shard.seek(start)
            data = shard.read(length)
    except OSError as error:
        raise ImageError("unreadable", f"the shard {sample.path} cannot be read: check the path") from error
    if len(data) < length:
        raise ImageError("damaged", f"the shard {sample.path} is cut short: copy it anew")
    return data


def decode_picture(data: bytes, name: str, max_side: int | None = None) -> Image:
    """Decode the bytes of one picture; ``name`` is what errors call it."""
    try:
        if is_netpbm(data):
            return decode_netpbm(data)
        return decode(data, formats=FORMATS, max_side=max_side).image
    except ImageError as error:
        raise ImageError(error.reason, f"{name}: {error}") from error
