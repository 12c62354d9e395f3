"""The inside of the decoding process: read a picture, answer with pixels or an error, wait for the next."""

from __future__ import annotations

import faulthandler
import io
import os
import sys
import warnings
from pathlib import Path
from typing import IO, TYPE_CHECKING

from mien.core.errors import DependencyMissing, ImageError
from mien.imaging.decode import Decoded, assemble, decode_here, shrink_factor
from mien.imaging.header import DEFAULT_FORMATS, Header
from mien.imaging.limits import Limits, damaged
from mien.imaging.rgb import rgb_pixels
from mien.imaging.worker import REPLY, REQUEST, STATUS_OF, read_exactly

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

_PILLOW_NAMES = {"avif": "AVIF", "bmp": "BMP", "gif": "GIF", "heic": "HEIF", "tiff": "TIFF"}
_BYTES_PER_PIXEL = 10.0
_ORIENTATION_TAG = 0x0112


def serve(bounds: str) -> None:
    """Answer requests on standard input until it closes.

    bounds: "BYTES:SECONDS", the address space and the time that one picture may use.
    """
    memory, seconds = bounds.split(":")
    requests, replies = sys.stdin.buffer, sys.stdout.buffer
    warnings.simplefilter("ignore")  # this process is ours alone, and nobody reads its standard error
    _load_libraries()
    _limit_memory(int(memory))
    while head := requests.read(REQUEST.size):
        tag, *numbers, max_side, length = REQUEST.unpack(head)
        data = bytes(read_exactly(requests, length))
        kind = tag.rstrip(b"\0").decode("ascii")
        faulthandler.dump_traceback_later(2 * float(seconds), exit=True)  # should the parent be gone
        _answer(replies, data, kind, Limits(*numbers), max_side or None)
        faulthandler.cancel_dump_traceback_later()


def _load_libraries() -> None:
    """Import what decoding needs before memory gets tight."""
    import numpy  # noqa: F401
    import PIL.Image
    from PIL import AvifImagePlugin

    AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # each thread's stack counts as memory
    PIL.Image.MAX_IMAGE_PIXELS = None  # `Limits` judges; this process decodes nothing else
    PIL.Image.init()


def _limit_memory(memory: int) -> None:
    """Bound this process where the platform can: on Windows only time bounds it."""
    if sys.platform == "win32":
        return
    import resource

    memory += _address_space()
    for what, bound in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, 0)):
        _, most = resource.getrlimit(what)
        bound = bound if most == resource.RLIM_INFINITY else min(bound, most)
        resource.setrlimit(what, (bound, bound))


def _address_space() -> int:
    """What this process holds already, in bytes; on a machine with many cores libraries reserve a lot."""
    try:
        pages = Path("/proc/self/statm").read_text().split()[0]
    except OSError:
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _answer(replies: IO[bytes], data: bytes, kind: str, limits: Limits, max_side: int | None) -> None:
    try:
        found = _decode(data, kind, limits, max_side)
    except DependencyMissing as error:
        status, sizes, body = "missing", (0, 0, 0), str(error).encode()
    except ImageError as error:
        status, sizes, body = STATUS_OF[error.reason], (0, 0, 0), str(error).encode()[:10_000]
    else:
        status, sizes = "ok", (found.width, found.height, round(1 / found.scale))
        body = found.image.pixels.tobytes()
    replies.write(REPLY.pack(status.encode(), *sizes, len(body)))
    replies.write(body)
    replies.flush()


def _decode(data: bytes, kind: str, limits: Limits, max_side: int | None) -> Decoded:
    if kind in DEFAULT_FORMATS:
        return decode_here(data, kind, limits, max_side)
    picture, header = _open(data, kind, limits)
    factor = shrink_factor(header.width, header.height, max_side)
    return assemble(rgb_pixels(picture, header.orientation, kind.upper(), factor), factor, header)


def _open(data: bytes, kind: str, limits: Limits) -> tuple[Picture, Header]:
    """Check the size, then load the first frame; raises `ImageError`."""
    from PIL import Image

    if kind == "heic":
        _register_heif()
    try:
        picture = Image.open(io.BytesIO(data), formats=(_PILLOW_NAMES[kind],))
        limits.check_size(*picture.size, _BYTES_PER_PIXEL if kind != "avif" else _BYTES_PER_PIXEL + 6)
        picture.load()
        # After loading: Pillow's TIFF reader and pillow-heif turn the picture themselves and clear the tag.
        orientation = picture.getexif().get(_ORIENTATION_TAG, 1)
    except ImageError:
        raise
    except Exception as error:
        raise damaged(kind.upper(), str(error) or type(error).__name__) from error
    return picture, Header(*picture.size, orientation if orientation in range(1, 9) else 1, 0.0, b"")


def _register_heif() -> None:
    try:
        import pillow_heif
    except ImportError as error:
        raise DependencyMissing("HEIC pictures need pillow-heif: pip install pillow-heif") from error
    pillow_heif.options.DECODE_THREADS = 1
    pillow_heif.register_heif_opener()
