"""One member out of an archive: right bytes or `BadArchive`, and nothing on the disk."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.zoo.tiny import CONTENT

from mien.zoo.unpack import BadArchive, read_tar_member, read_zip_member

MEMBER = "pkg/models/tiny.onnx"


def make_zip(
    mode: int = 0o100644, content: bytes = CONTENT, method: int = zipfile.ZIP_DEFLATED
) -> io.BytesIO:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr("pkg/__init__.py", "raise SystemExit('imported')")
        info = zipfile.ZipInfo(MEMBER)
        info.compress_type = method
        info.create_system = 3
        info.external_attr = mode << 16
        archive.writestr(info, content)
    return buffer


def make_tar(change: Callable[[tarfile.TarInfo], None] = lambda info: None) -> io.BytesIO:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        info = tarfile.TarInfo(MEMBER)
        info.size = len(CONTENT)
        change(info)
        archive.addfile(info, io.BytesIO(CONTENT) if info.isreg() else None)
    buffer.seek(0)
    return buffer


def test_reads_the_member_of_a_zip() -> None:
    assert read_zip_member(make_zip(), MEMBER, len(CONTENT)) == CONTENT


def test_reads_the_member_of_a_tar() -> None:
    assert read_tar_member(make_tar(), MEMBER, len(CONTENT)) == CONTENT


def test_stops_reading_a_tar_behind_the_member() -> None:
    data = make_tar().getvalue()
    stream = io.BytesIO(data)
    read_tar_member(stream, MEMBER, len(CONTENT))
    broken = io.BytesIO(data[:-9])
    assert read_tar_member(broken, MEMBER, len(CONTENT)) == CONTENT


def test_refuses_a_link_in_a_zip() -> None:
    with pytest.raises(BadArchive, match="not a regular file"):
        read_zip_member(make_zip(0o120777), MEMBER, len(CONTENT))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_refuses_links_and_devices_in_a_tar(kind: bytes) -> None:
    def change(info: tarfile.TarInfo) -> None:
        info.type, info.linkname, info.size = kind, "/etc/passwd", 0

    with pytest.raises(BadArchive, match="not a regular file"):
        read_tar_member(make_tar(change), MEMBER, len(CONTENT))


@pytest.mark.parametrize("size", [len(CONTENT) - 1, len(CONTENT) + 1])
def test_refuses_another_size_than_the_cards(size: int) -> None:
    with pytest.raises(BadArchive, match="bytes in the archive"):
        read_zip_member(make_zip(), MEMBER, size)
    with pytest.raises(BadArchive, match="bytes in the archive"):
        read_tar_member(make_tar(), MEMBER, size)


def test_a_zip_whose_header_lies_about_the_size_is_refused() -> None:
    bomb = make_zip(content=bytes(10_000_000)).getvalue()
    lying = bomb.replace((10_000_000).to_bytes(4, "little"), (1000).to_bytes(4, "little"))
    with pytest.raises(BadArchive):
        read_zip_member(io.BytesIO(lying), MEMBER, 1000)


def test_says_that_the_member_is_not_there() -> None:
    with pytest.raises(BadArchive, match=r"holds no other\.onnx"):
        read_zip_member(make_zip(), "other.onnx", 1)
    with pytest.raises(BadArchive, match=r"holds no other\.onnx"):
        read_tar_member(make_tar(), "other.onnx", 1)


@given(st.binary(max_size=300))
def test_noise_is_a_bad_archive(data: bytes) -> None:
    with pytest.raises(BadArchive):
        read_zip_member(io.BytesIO(data), MEMBER, 10)
    with pytest.raises(BadArchive):
        read_tar_member(io.BytesIO(data), MEMBER, 10)


@given(st.integers(0, 10_000), st.integers(0, 255))
@example(2158, 1)  # the directory's place is moved: zipfile seeks before the file's start
def test_a_damaged_archive_gives_the_right_bytes_or_a_bad_archive(at: int, value: int) -> None:
    for data, read in ((make_zip().getvalue(), read_zip_member), (make_tar().getvalue(), read_tar_member)):
        mutant = bytearray(data)
        mutant[at % len(mutant)] = value
        try:
            got = read(io.BytesIO(bytes(mutant)), MEMBER, len(CONTENT))
        except BadArchive:
            continue
        assert len(got) == len(CONTENT)


def test_a_missing_archive_is_a_bad_archive(tmp_path: Path) -> None:
    with pytest.raises(BadArchive):
        read_zip_member(tmp_path / "none.zip", MEMBER, 1)
