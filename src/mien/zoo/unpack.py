"""Take one named file out of a zip or tar archive, and nothing else: its paths never touch the disk."""

from __future__ import annotations

import stat
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import IO

_MOST_MEMBERS = 100_000
_LARGEST_ARCHIVE = 4 << 30
# What zipfile and tarfile raise on archives that are damaged, encrypted or packed in a way they do not know.
UNREADABLE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    struct.error,
    RuntimeError,  # NotImplementedError is one
    ValueError,  # a directory that points before the file's start; UnicodeDecodeError is one
    EOFError,
    OSError,
)


class BadArchive(Exception):
    """The archive does not hold the file as promised; the message says what is wrong with it."""


def read_zip_member(archive: Path | IO[bytes], member: str, size: int) -> bytes:
    """Read ``member`` of a zip.

    size: bytes that the member must have; never more than that is unpacked.
    raises: `BadArchive`.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            info = opened.getinfo(member)
            check_regular(info)
            if info.file_size != size:
                raise BadArchive(f"{member} has {info.file_size} bytes in the archive, not {size}")
            with opened.open(info) as stream:
                return _exactly(stream, member, size)
    except KeyError as error:
        raise BadArchive(f"the archive holds no {member}") from error
    except UNREADABLE as error:
        raise BadArchive(f"the archive cannot be read ({error})") from error


def check_regular(info: zipfile.ZipInfo) -> None:
    """Refuse links, devices and folders.  raises: `BadArchive`."""
    kind = stat.S_IFMT(info.external_attr >> 16)
    if info.is_dir() or kind not in (0, stat.S_IFREG):
        raise BadArchive(f"{info.filename} is not a regular file in the archive")


def read_tar_member(stream: IO[bytes], member: str, size: int) -> bytes:
    """Read ``member`` of a gzipped tar while it streams by; what lies behind it is not read.

    size: bytes that the member must have.    raises: `BadArchive`.
    """
    try:
        with tarfile.open(fileobj=stream, mode="r|gz") as opened:
            for number, info in enumerate(opened):
                if number > _MOST_MEMBERS or info.offset > _LARGEST_ARCHIVE:
                    raise BadArchive("the archive is longer than any that a card names")
                if info.name == member:
                    return _tar_file(opened, info, size)
    except UNREADABLE as error:
        raise BadArchive(f"the archive cannot be read ({error})") from error
    raise BadArchive(f"the archive holds no {member}")


def _tar_file(opened: tarfile.TarFile, info: tarfile.TarInfo, size: int) -> bytes:
    if not info.isreg():
        raise BadArchive(f"{info.name} is not a regular file in the archive")
    if info.size != size:
        raise BadArchive(f"{info.name} has {info.size} bytes in the archive, not {size}")
    stream = opened.extractfile(info)
    if stream is None:
        raise BadArchive(f"{info.name} is not a regular file in the archive")
    return _exactly(stream, info.name, size)


def _exactly(stream: IO[bytes], member: str, size: int) -> bytes:
    data = stream.read(size + 1)
    if len(data) != size:
        raise BadArchive(f"{member} unpacks to other than {size} bytes")
    return data
