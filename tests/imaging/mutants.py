"""Random damage to small sound files, mostly where a format keeps its numbers."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Iterator

from PIL import Image
from tests.imaging.pictures import encode, exif, plain

_EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def seeds() -> list[bytes]:
    """One small file for every path through the decoders."""
    picture, small = plain(), plain(33, 21)
    frames = {"save_all": True, "append_images": [small.rotate(90)], "duration": 40}
    return [
        encode(picture, "JPEG", subsampling=2),
        encode(picture, "JPEG", progressive=True, exif=exif(6)),
        encode(small.convert("L"), "JPEG"),
        encode(small.convert("CMYK"), "JPEG"),
        encode(small.convert("CMYK"), "JPEG", progressive=True),
        encode(small, "JPEG", exif=exif(8), icc_profile=bytes(500), comment=b"comment"),
        encode(picture, "PNG"),
        encode(small.convert("RGBA"), "PNG", exif=exif(5)),
        encode(small.quantize(16), "PNG", transparency=3),
        encode(small.convert("1"), "PNG"),
        encode(small.convert("LA"), "PNG"),
        encode(Image.new("I;16", (20, 20), 4000), "PNG"),
        encode(small, "PNG", **frames),
        encode(picture, "WEBP", lossless=False),
        encode(small, "WEBP", exif=exif(6)),
        encode(small.convert("RGBA"), "WEBP"),
        encode(small.convert("RGBA"), "WEBP", lossless=False, quality=30),
        encode(small, "WEBP", **frames),
    ]


def mutants(count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    sound = seeds()
    for i in range(count):
        dice = random.Random(seed * 1_000_003 + i)
        which = dice.randrange(len(sound))
        yield f"mutant {seed}/{i} of seed {which}", mutate(sound[which], dice)


def mutate(data: bytes, dice: random.Random) -> bytes:
    damaged = bytearray(data)
    for _ in range(dice.choice((1, 1, 1, 2, 3, 8))):
        _hurt(damaged, dice)
    if damaged.startswith(b"\x89PNG") and dice.random() < 0.8:
        return with_right_checksums(bytes(damaged))
    return bytes(damaged)


def _hurt(data: bytearray, dice: random.Random) -> None:
    reach = min(len(data), 64 if dice.random() < 0.6 else 700 if dice.random() < 0.5 else len(data))
    at = dice.randrange(max(reach, 1))
    kind = dice.randrange(7)
    if kind <= 1:
        data[at : at + 1] = bytes((dice.randrange(256),))
    elif kind == 2 and at < len(data):
        data[at] ^= 1 << dice.randrange(8)
    elif kind == 3:
        form = dice.choice((">H", "<H", ">I", "<I"))
        top = 0xFFFF if form[1] == "H" else 0xFFFFFFFF
        data[at : at + struct.calcsize(form)] = struct.pack(form, dice.choice(_EXTREMES) & top)
    elif kind == 4:
        del data[at : at + dice.choice((1, 2, 4, 30))]
    elif kind == 5:
        data[at:at] = data[at : at + dice.choice((1, 4, 40, 400))]
    else:
        del data[dice.randrange(len(data) + 1) :]


def with_right_checksums(data: bytes) -> bytes:
    """Mend the checksums of a damaged PNG, so that the damage reaches the decoder."""
    out, at = [data[:8]], 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        if at + 12 + length > len(data):
            break
        body = data[at + 4 : at + 8 + length]
        out.append(data[at : at + 4] + body + struct.pack(">I", zlib.crc32(body)))
        at += 12 + length
    return b"".join([*out, data[at:]])
