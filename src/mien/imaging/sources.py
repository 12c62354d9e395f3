"""What a caller may pass as a picture, and how names are found in folders and patterns."""

from __future__ import annotations

import fnmatch
import os
import stat
import sys
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import ImageError, InputError, ShapeError
from mien.core.types import Image
from mien.imaging.decode import Decoded, assemble, decode, shrink_factor
from mien.imaging.header import DEFAULT_FORMATS, SUFFIXES, Header
from mien.imaging.limits import Limits
from mien.imaging.orientation import read_orientation
from mien.imaging.rgb import rgb_pixels

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

READ_AT_ONCE = 1 << 18  # bytes; a read of the most that a file may have sets so much memory aside each time
_ACCEPTED = "a path, bytes, a binary file, a PIL image or an (H, W, 3) uint8 RGB array"

STANDARD_INPUT = "-"


def open_picture(
    source: object,
    limits: Limits = Limits(),
    formats: Collection[str] = DEFAULT_FORMATS,
    *,
    max_side: int | None = None,
) -> Decoded:
    """Turn anything that stands for one picture into upright RGB pixels.

    source: a path or "-" (standard input), the bytes of a file, a file opened in binary mode, a PIL image
        (its EXIF orientation is applied), an (H, W, 3) uint8 array in RGB order, an (H, W) uint8 array
        (grey), or an `Image`. Arrays are taken as they are, without a copy: turn OpenCV's BGR first.
    raises: `ImageError`; `InputError` where ``source`` is none of these.
    """
    if isinstance(source, Image):
        return Decoded(source, 1.0, source.width, source.height)
    if isinstance(source, np.ndarray):
        image = from_array(source)
        return Decoded(image, 1.0, image.width, image.height)
    if _is_pillow(source):
        return from_pillow(source, limits, max_side)
    return decode(read_source(source, limits), limits, formats, max_side=max_side)


def _is_pillow(source: object) -> TypeGuard[Picture]:
    # Whoever passes a PIL image has imported PIL; in another thread its import may be half done just now.
    picture = getattr(sys.modules.get("PIL.Image"), "Image", None)
    return picture is not None and isinstance(source, picture)


def read_once(source: object, limits: Limits = Limits()) -> object:
    """The bytes of a file, so that it can be opened twice; what is no file comes back as it is.

    raises: as `read_source`.
    """
    if isinstance(source, Image | np.ndarray) or _is_pillow(source):
        return source
    return read_source(source, limits)


def read_source(source: object, limits: Limits = Limits()) -> bytes:
    """Read the bytes of one picture from a path, "-", bytes or a binary file.

    raises: `ImageError` (unreadable, too_large); `InputError` where ``source`` is none of these.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        return bytes(source)
    if isinstance(source, str | os.PathLike):
        return read_path(os.fspath(source), limits)
    if hasattr(source, "read"):
        return _read_stream(source, limits, "the file object")
    raise InputError(f"a picture cannot be made from {type(source).__name__}: pass {_ACCEPTED}")


def read_path(path: str | bytes, limits: Limits = Limits()) -> bytes:
    """Read a picture's file, at most ``limits.max_bytes`` of it; raises `ImageError`."""
    name = os.fsdecode(path)
    if name == STANDARD_INPUT:
        if sys.stdin is None:
            raise ImageError("unreadable", "there is no standard input: pipe a picture in, or name a file")
        return _read_stream(sys.stdin.buffer, limits, "standard input")
    if name.startswith(("http://", "https://", "data:")):
        raise ImageError("unreadable", "addresses are not fetched: download the picture and pass its path")
    try:
        with open(name, "rb") as stream:
            return _read_stream(stream, limits, name)
    except (OSError, ValueError) as error:
        why = _why_unreadable(name, error)
        raise ImageError("unreadable", why) from error


def _why_unreadable(name: str, error: OSError | ValueError) -> str:
    if isinstance(error, FileNotFoundError):
        return f"there is no file {name}: check the path"
    if isinstance(error, PermissionError) and not os.path.isdir(name):
        return f"{name} may not be read: change its permissions"
    if os.path.isdir(name):
        return f"{name} is a folder that cannot be opened as a picture: pass a file"
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return f"{name} cannot be read ({reason}): check the path and the disk"


def _read_stream(stream: Any, limits: Limits, name: str) -> bytes:
    """Read to the end, however short the single reads are."""
    parts: list[bytes] = []
    left = limits.max_bytes + 1
    while left > 0:
        part = stream.read(min(left, READ_AT_ONCE))
        if isinstance(part, str):
            raise ImageError("unreadable", f"{name} gives text: open it in binary mode ('rb')")
        if part is None:
            raise ImageError("unreadable", f"{name} has no data yet: open it in blocking mode")
        if not part:
            break
        parts.append(bytes(part))
        left -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def from_array(array: NDArray[Any]) -> Image:
    """Check an array of pixels; grey (H, W) becomes RGB.

    raises: `ShapeError`; `InputError` where the numbers are not uint8.
    """
    if array.dtype != np.uint8:
        raise InputError(
            f"pixels must be uint8 RGB, 0 to 255, not {array.dtype}: scale them and use .astype(np.uint8)"
        )
    if array.ndim == 2:
        array = np.repeat(array[:, :, None], 3, axis=2)
    if array.ndim != 3 or array.shape[2] != 3 or 0 in array.shape:
        raise ShapeError("pixels", "(H, W, 3) in RGB order, or (H, W) grey", array.shape)
    return Image(np.ascontiguousarray(array))


def from_pillow(picture: Picture, limits: Limits = Limits(), max_side: int | None = None) -> Decoded:
    """Convert a PIL image as a file would be: first frame as it stands, upright, on white.

    raises: `ImageError`.
    """
    limits.check_size(*picture.size, 7.0)
    try:
        picture.load()
    except Exception as error:
        raise ImageError("damaged", f"Pillow cannot load this image ({error}): open it anew") from error
    exif = picture.info.get("exif")
    orientation = read_orientation(exif) if isinstance(exif, bytes) else 1
    factor = shrink_factor(*picture.size, max_side)
    pixels = rgb_pixels(picture, orientation, "PIL image", factor)
    return assemble(pixels, factor, Header(*picture.size, orientation, 7.0, b""))


def iter_pictures(
    sources: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    formats: Collection[str] = DEFAULT_FORMATS,
) -> Iterator[str]:
    """Yield the names of pictures, in a stable order, one folder in memory at a time.

    A folder gives the pictures below it by suffix, sorted by name, names that start with a dot left out and
    links to folders not followed; a pattern with ``*``, ``?``, ``[`` or ``**`` gives what a folder would of
    its matches. A file is given whatever its suffix; "-" stays "-". A name that leads nowhere is given too:
    opening it says why, so one bad name never ends the run.
    """
    suffixes = tuple(suffix for name in formats for suffix in SUFFIXES.get(name, ()))
    if isinstance(sources, str | os.PathLike):
        sources = (sources,)
    for source in sources:
        name = os.fspath(source)
        if name != STANDARD_INPUT and _is_pattern(name) and not os.path.lexists(name):
            for found in _expand(Path(name)):
                if os.path.isdir(found):
                    yield from _walk(found, suffixes)
                elif found.lower().endswith(suffixes):
                    yield found
        elif name != STANDARD_INPUT and os.path.isdir(name):
            yield from _walk(name, suffixes)
        else:
            yield name


def _is_pattern(name: str) -> bool:
    return any(mark in name for mark in "*?[")


def _walk(folder: str, suffixes: tuple[str, ...]) -> Iterator[str]:
    """Yield the pictures below ``folder``; the folder's own name where it cannot be listed."""
    try:
        entries = _list(folder)
    except OSError:
        yield folder
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(entry.path, suffixes)
        elif entry.name.lower().endswith(suffixes) and _may_be_file(entry):
            yield entry.path


def _may_be_file(entry: os.DirEntry[str]) -> bool:
    """Whether opening it gives bytes, or an error that says why not; a pipe would wait for ever."""
    try:
        mode = entry.stat().st_mode
    except OSError:  # a link that leads nowhere, or in circles
        return True
    return stat.S_ISREG(mode)


def _list(folder: str) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return sorted((e for e in entries if not e.name.startswith(".")), key=lambda entry: entry.name)


def _expand(pattern: Path) -> Iterator[str]:
    """Yield what a pattern matches, sorted folder by folder; nothing where it matches nothing."""
    parts = pattern.parts
    first = next(i for i, part in enumerate(parts) if _is_pattern(part))
    base = os.path.join(*parts[:first]) if first else ""
    yield from _match(base, parts[first:])


def _match(base: str, parts: tuple[str, ...]) -> Iterator[str]:
    if not parts:
        yield base
        return
    part, rest = parts[0], parts[1:]
    if not _is_pattern(part):
        path = os.path.join(base, part)
        if os.path.lexists(path):
            yield from _match(path, rest)
        return
    if part == "**" and rest:
        yield from _match(base, rest)
    try:
        entries = _list(base or os.curdir)
    except OSError:
        return
    for entry in entries:
        path = os.path.join(base, entry.name)
        if part == "**":
            if entry.is_dir(follow_symlinks=False):
                yield from _match(path, parts)
            elif not rest:
                yield path
        elif fnmatch.fnmatch(entry.name, part) and (not rest or os.path.isdir(path)):
            yield from _match(path, rest)
