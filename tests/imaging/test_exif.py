"""The focal length is read from formats that are decoded in this process, and harms nothing."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from tests.imaging.pictures import encode, plain

from mien.imaging.exif import equivalent_focal_length


def focal(order: str = "<", count: int = 1, value: int = 28) -> bytes:
    """An EXIF block whose second directory has FocalLengthIn35mmFilm."""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    first = struct.pack(order + "HHHII", 1, 0x8769, 4, 1, 26) + bytes(4)
    second = struct.pack(order + "HHHIHH", 1, 0xA405, 3, count, value, 0) + bytes(4)
    return b"Exif\0\0" + head + first + second


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("order", "<>")
def test_reads_what_the_camera_wrote(kind: str, order: str, tmp_path: Path) -> None:
    data = encode(plain(), kind, exif=focal(order))
    (tmp_path / "photo").write_bytes(data)
    assert equivalent_focal_length(data) == equivalent_focal_length(tmp_path / "photo") == 28.0


@pytest.mark.parametrize("kind", ["TIFF", "BMP", "GIF", "PPM"])
def test_other_formats_are_not_opened_here(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = encode(plain(), kind)
    opened: list[str] = []
    for name in (
        "TiffImagePlugin.TiffImageFile",
        "BmpImagePlugin.BmpImageFile",
        "GifImagePlugin.GifImageFile",
    ):
        monkeypatch.setattr(f"PIL.{name}._open", lambda self: opened.append(type(self).__name__))
    assert equivalent_focal_length(data) is None
    assert opened == []


def test_what_says_nothing_gives_nothing() -> None:
    for source in (b"", b"no picture", encode(plain(), "JPEG", exif=focal(value=0)), object()):
        assert equivalent_focal_length(source) is None
