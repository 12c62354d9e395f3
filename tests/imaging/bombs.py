"""Small files that ask for much: time, memory, or a decoder that nobody meant to offer."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from functools import cache, partial

from PIL import Image
from tests.imaging.pictures import chunk, encode, plain

END = chunk(b"IEND", b"")
MUCH = 900 * 2**20
SIGNATURE = b"\x89PNG\r\n\x1a\n"


@cache
def zeros(size: int) -> bytes:
    """``size`` zero bytes, deflated without ever holding them."""
    packer = zlib.compressobj(9)
    block = bytes(2**20)
    parts = [packer.compress(block) for _ in range(size // len(block))]
    return b"".join([*parts, packer.compress(bytes(size % len(block))), packer.flush()])


def ihdr(width: int, height: int, depth: int = 8, colour: int = 2) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))


def flat_png(width: int, height: int, depth: int, colour: int) -> bytes:
    """A whole black picture."""
    channels = {0: 1, 2: 3, 6: 4}[colour]
    rows = zeros(height * (1 + (width * channels * depth + 7) // 8))
    return SIGNATURE + ihdr(width, height, depth, colour) + chunk(b"IDAT", rows) + END


def png_with(*chunks: bytes) -> bytes:
    """A sound small PNG with more chunks after its header."""
    sound = encode(plain(), "PNG")
    return sound[:33] + b"".join(chunks) + sound[33:]


def animated_png(frames: int, claimed: int) -> bytes:
    control = struct.pack(">IIIIIHHBB", 0, 96, 72, 0, 0, 1, 25, 0, 0)
    extra = b"".join(
        chunk(b"fcTL", control) + chunk(b"fdAT", struct.pack(">I", i) + zeros(99)) for i in range(frames)
    )
    return png_with(chunk(b"acTL", struct.pack(">II", claimed, 0)), extra)


def looping_exif() -> bytes:
    """A directory of 65,535 entries whose next directory is itself."""
    return b"II*\0\x08\0\0\0" + struct.pack("<H", 65535) + bytes(12 * 4000) + struct.pack("<I", 8)


def jpeg_segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body


def jpeg_with(*segments: bytes) -> bytes:
    """A sound small JPEG with more segments at its start."""
    sound = encode(plain(), "JPEG")
    return sound[:2] + b"".join(segments) + sound[2:]


def resized_jpeg(width: int, height: int, marker: int = 0xC0) -> bytes:
    """A small JPEG that claims another size or coding."""
    data = bytearray(encode(plain(), "JPEG"))
    at = data.index(b"\xff\xc0")
    data[at + 1] = marker
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def flat_jpeg(width: int, height: int, **parameters: object) -> bytes:
    return encode(Image.new("RGB", (width, height), (90, 120, 40)), "JPEG", **parameters)


def many_scans(width: int, height: int, scans: int) -> bytes:
    """A progressive JPEG whose last scan comes again and again, each time a pass over the whole picture."""
    data = encode(Image.new("L", (width, height), 77), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    scan = bytearray(data[last:-2])
    scan[9] = 0  # from a refinement to a first pass: it may then be repeated without a warning
    missing = scans - data.count(b"\xff\xda")
    return data[:-2] + bytes(scan) * missing + b"\xff\xd9"


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"WEBP" + b"".join(
        kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for kind, data in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def webp_canvas(width: int, height: int, flags: int = 0) -> tuple[bytes, bytes]:
    size = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    return b"VP8X", struct.pack("<I", flags) + size


def webp_lossless_head(width: int, height: int) -> bytes:
    """34 bytes: a picture of one colour."""
    bits = (width - 1) | (height - 1) << 14
    return riff((b"VP8L", b"\x2f" + struct.pack("<I", bits) + b"\x88\x88\x08\xfe\xff\x07\0\0\0"))


def animated_webp(frames: int) -> bytes:
    others = [Image.new("RGB", (16, 16), (i % 256, i // 256, 0)) for i in range(frames)]
    return encode(others[0], "WEBP", save_all=True, append_images=others[1:], duration=10)


def tiff_head(width: int, height: int) -> bytes:
    entries = ((256, 4, width), (257, 4, height), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 8))
    body = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + body + bytes(4)


BOMBS: dict[str, Callable[[], bytes]] = {
    "png 30,000 x 30,000, 1 bit": partial(flat_png, 30_000, 30_000, 1, 0),
    "png 12,000 x 12,000, 1 bit": partial(flat_png, 12_000, 12_000, 1, 0),
    "png of 39.7 million pixels, 1 bit": partial(flat_png, 6_300, 6_300, 1, 0),
    "png of 39.7 million pixels, RGB": partial(flat_png, 6_300, 6_300, 8, 2),
    "png of 39.7 million pixels, 16-bit RGBA": partial(flat_png, 6_300, 6_300, 16, 6),
    "png of 16,384 x 2,441 pixels": partial(flat_png, 16_384, 2_441, 8, 2),
    "png with 900 MB of compressed text": lambda: png_with(chunk(b"zTXt", b"Comment\0\0" + zeros(MUCH))),
    "png with 900 MB of international text": lambda: png_with(
        chunk(b"iTXt", b"Comment\0\1\0\0\0" + zeros(MUCH))
    ),
    "png with 900 MB of colour profile": lambda: png_with(chunk(b"iCCP", b"icc\0\0" + zeros(MUCH))),
    "png with 90,000 text chunks": lambda: png_with(chunk(b"tEXt", b"a\0b") * 90_000),
    "png with 400,000 empty chunks": lambda: png_with(chunk(b"teSt", b"") * 400_000),
    "png with 90,000 empty picture chunks": lambda: png_with(chunk(b"IDAT", b"") * 90_000),
    "png of 2^31 - 1 pixels a side": lambda: (
        SIGNATURE + ihdr(2**31 - 1, 2**31 - 1) + chunk(b"IDAT", b"") + END
    ),
    "png of no pixels": lambda: SIGNATURE + ihdr(0, 0) + chunk(b"IDAT", b"") + END,
    "png of 39 million pixels and 12 bytes": lambda: (
        SIGNATURE + ihdr(6_300, 6_200) + chunk(b"IDAT", zlib.compress(b"\0")) + END
    ),
    "png of one pixel and 900 MB": lambda: SIGNATURE + ihdr(1, 1) + chunk(b"IDAT", zeros(MUCH)) + END,
    "png that says its size twice": lambda: png_with(ihdr(12_000, 12_000)),
    "png with 2,000 frames": partial(animated_png, 2_000, 2_000),
    "png that claims 2^32 - 1 frames": partial(animated_png, 2, 2**32 - 1),
    "png with a looping EXIF": lambda: png_with(chunk(b"eXIf", looping_exif())),
    "webp of 16,383 x 16,383 pixels in 34 bytes": partial(webp_lossless_head, 16_383, 16_383),
    "webp of 17 million pixels in 34 bytes": partial(webp_lossless_head, 4_200, 4_050),
    "webp with a canvas of 2^24 pixels a side": lambda: riff(
        webp_canvas(2**24, 2**24), (b"VP8L", webp_lossless_head(8, 8)[20:])
    ),
    "webp with a canvas larger than its picture": lambda: riff(
        webp_canvas(4_000, 4_000), (b"VP8L", webp_lossless_head(8, 8)[20:])
    ),
    "webp with 2,000 frames": partial(animated_webp, 2_000),
    "webp with 200,000 empty chunks": lambda: riff(webp_canvas(8, 8), *[(b"TEST", b"")] * 200_000),
    "webp of 17.6 million pixels": lambda: encode(
        Image.new("RGB", (4_200, 4_190), (9, 99, 200)), "WEBP", lossless=False, method=0
    ),
    "webp that claims more bytes than it has": lambda: b"RIFF\xff\xff\xff\xffWEBPVP8L\xff\xff\xff\xff/",
    "jpeg of 65,500 x 65,500 pixels": partial(resized_jpeg, 65_500, 65_500),
    "jpeg of 39 million pixels and 2 KB": partial(resized_jpeg, 6_300, 6_200),
    "jpeg of 39.7 million pixels": partial(flat_jpeg, 6_300, 6_300),
    "progressive jpeg of 39.7 million pixels": partial(
        flat_jpeg, 6_300, 6_300, progressive=True, subsampling=0
    ),
    "progressive jpeg of 37 million pixels, 4:2:0": partial(
        flat_jpeg, 6_100, 6_100, progressive=True, subsampling=2
    ),
    "progressive jpeg with 3,000 scans": partial(many_scans, 2_000, 2_000, 3_000),
    "progressive jpeg of 39.7 million pixels with 64 scans": partial(many_scans, 6_300, 6_300, 64),
    "progressive jpeg of 2 million pixels with 64 scans": partial(many_scans, 1_600, 1_200, 64),
    "jpeg with 16 MB of colour profile": lambda: jpeg_with(
        *[jpeg_segment(0xE2, b"ICC_PROFILE\0" + bytes((i, 255)) + bytes(65_000)) for i in range(255)]
    ),
    "jpeg with a looping EXIF": lambda: jpeg_with(jpeg_segment(0xE1, b"Exif\0\0" + looping_exif())),
    "jpeg with 600,000 empty comments": lambda: jpeg_with(jpeg_segment(0xFE, b"") * 600_000),
    "jpeg with 4,000 Huffman tables": lambda: jpeg_with(
        jpeg_segment(0xC4, b"\0" + b"\1" + bytes(15) + b"\0") * 4_000
    ),
    "jpeg with megabytes of fill": lambda: jpeg_with(b"\xff" * 20_000_000),
    "jpeg with two frames": lambda: jpeg_with(
        jpeg_segment(0xC0, struct.pack(">BHHB", 8, 9_000, 9_000, 1) + b"\1\x11\0")
    ),
    "lossless jpeg": partial(resized_jpeg, 6_300, 6_200, 0xC3),
    "arithmetic-coded jpeg": partial(resized_jpeg, 6_300, 6_200, 0xC9),
    "jpeg without an end": lambda: encode(plain(), "JPEG")[:-2] + bytes(5_000_000),
    "gif of 65,535 x 65,535 pixels": lambda: b"GIF89a" + struct.pack("<HH", 65_535, 65_535) + bytes(99),
    "tiff of 60,000 x 60,000 pixels": partial(tiff_head, 60_000, 60_000),
    "bmp of 30,000 x 30,000 pixels": lambda: (
        b"BM" + struct.pack("<IIIIiiHHIIIIII", 54, 0, 54, 40, 30_000, 30_000, 1, 24, 0, 0, 0, 0, 0, 0)
    ),
    "ico": lambda: b"\0\0\1\0\1\0" + bytes(16) + encode(plain(), "PNG"),
    "psd of 30,000 x 30,000 pixels": lambda: (
        b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 30_000, 30_000, 8, 3) + bytes(99)
    ),
    "pdf": lambda: b"%PDF-1.7\n1 0 obj<</Length 9999999999>>stream\n" + bytes(999),
    "eps": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99999 99999\n{1}loop\n",
    "svg of a billion laughs": lambda: (
        b'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><svg>&b;</svg>'
    ),
    "fits": lambda: b"SIMPLE  =                    T" + b" " * 9_999,
    "zip": lambda: b"PK\3\4" + bytes(999),
}


def bombs() -> Iterator[tuple[str, bytes]]:
    for name, make in BOMBS.items():
        yield name, make()
