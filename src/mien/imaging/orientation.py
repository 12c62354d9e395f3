"""Which way up a picture is: the EXIF orientation tag and the eight turns it can ask for."""

from __future__ import annotations

import struct

from mien.core.types import Pixels

_ORIENTATION_TAG = 0x0112
_SHORT = 3


def read_orientation(exif: bytes) -> int:
    """Find the orientation, 1..8, in an EXIF block; 1 (as stored) where it is absent or unreadable.

    exif: a TIFF structure, with or without JPEG's leading ``Exif`` mark (CIPA DC-008, 4.6).
    Only the first directory is looked at; nothing else of the block is interpreted.

    >>> read_orientation(b"II*" + bytes([0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0]))
    6
    """
    block = exif.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None or len(block) < 8:
        return 1
    (start,) = struct.unpack_from(order + "I", block, 4)
    if start + 2 > len(block):
        return 1
    (count,) = struct.unpack_from(order + "H", block, start)
    entries = block[start + 2 : start + 2 + 12 * count]
    entries = entries[: len(entries) // 12 * 12]
    for tag, kind, number, value in struct.iter_unpack(order + "HHIH2x", entries):
        if tag == _ORIENTATION_TAG and kind == _SHORT and number == 1:
            return value if 1 <= value <= 8 else 1
    return 1


def upright(stored: Pixels, orientation: int) -> Pixels:
    """Turn a stored picture upright: a view, nothing is copied.

    stored: (H, W, 3).    returns: (H, W, 3), or (W, H, 3) for the orientations 5 to 8.
    """
    turned = stored.swapaxes(0, 1) if orientation >= 5 else stored
    flip_rows = orientation in (3, 4, 7, 8)
    flip_columns = orientation in (2, 3, 6, 7)
    return turned[:: -1 if flip_rows else 1, :: -1 if flip_columns else 1]


def stored_view(picture: Pixels, orientation: int) -> Pixels:
    """See an upright picture as it is stored: the inverse of `upright`, also a view."""
    return upright(picture, {6: 8, 8: 6}.get(orientation, orientation))
