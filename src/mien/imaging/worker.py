"""Decode in another process that may use little memory and five seconds, and is killed when it overruns.

For formats whose decoders we do not want in the caller's process, and for services that trust no upload.
The process is started when first needed, kept for the next picture, and replaced after a kill.

Over the pipes go a fixed head and raw bytes, nothing that is interpreted as code:
    request   REQUEST (format, five limits, max_side or 0, length) and the file's bytes
    reply     REPLY (status, width, height, factor, length) and RGB pixels, or the error's sentence
"""

from __future__ import annotations

import atexit
import os
import struct
import subprocess
import sys
import threading
from functools import cache
from typing import IO

import numpy as np

from mien.core.errors import DependencyMissing, ImageError
from mien.core.types import Image
from mien.imaging.decode import Decoded
from mien.imaging.limits import Limits

REQUEST = struct.Struct("<8s6QQ")
REPLY = struct.Struct("<8s3IQ")
SECONDS = 5.0
MEMORY = 700_000_000  # bytes of address space beyond the started interpreter

# The child finds mien where this process found it, and nowhere else (-I: no working folder, no environment).
_START = (
    "import sys; sys.path[:] = sys.argv[2:]; from mien.imaging.worker_main import serve; serve(sys.argv[1])"
)


class DecodeWorker:
    """One decoding process; calls from several threads take turns."""

    def __init__(self, seconds: float = SECONDS, memory: int = MEMORY) -> None:
        self._seconds = seconds
        self._memory = memory
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0

    def decode(
        self, data: bytes, kind: str, limits: Limits = Limits(), max_side: int | None = None
    ) -> Decoded:
        """Decode one picture of the format ``kind``; raises `ImageError`, also with reason "timeout"."""
        numbers = (limits.max_bytes, limits.max_side, limits.max_pixels, limits.max_memory, limits.max_scans)
        request = REQUEST.pack(kind.encode(), *numbers, max_side or 0, len(data))
        with self._lock:
            status, width, height, factor, body = self._ask(request, data, limits)
        if status == "ok":
            shape = (-(-height // factor), -(-width // factor), 3)
            return Decoded(Image(np.frombuffer(body, np.uint8).reshape(shape)), 1 / factor, width, height)
        message = body.decode("utf-8", "replace")
        raise DependencyMissing(message) if status == "missing" else ImageError(_REASONS[status], message)

    def _ask(self, request: bytes, data: bytes, limits: Limits) -> tuple[str, int, int, int, bytearray]:
        process = self._running()
        overrun = threading.Event()
        watch = threading.Timer(self._seconds, _kill, (process, overrun))
        watch.daemon = True
        watch.start()
        try:
            return _exchange(process, request, data, limits)
        except (OSError, EOFError, ValueError) as error:
            self._stop()
            if overrun.is_set():
                raise ImageError(
                    "timeout",
                    f"the picture took more than {self._seconds:g} s to decode: save it as plain JPEG",
                ) from error
            raise ImageError(
                "damaged", "the decoder died of this picture: save it as JPEG, PNG or WebP"
            ) from error
        except BaseException:  # Ctrl-C: the reply that is still to come must not answer the next request
            self._stop()
            raise
        finally:
            watch.cancel()
            if overrun.is_set():
                self._stop()

    def _running(self) -> subprocess.Popen[bytes]:
        """The process; a new one where there is none, it died, or this process is a fork of its owner."""
        if self._process is None or self._process.poll() is not None or self._owner != os.getpid():
            self._stop()
            paths = [os.path.abspath(path) for path in sys.path]
            command = [sys.executable, "-I", "-c", _START, f"{self._memory}:{self._seconds}", *paths]
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
            self._owner = os.getpid()
        return self._process

    def close(self) -> None:
        """End the process; the next picture starts another."""
        with self._lock:
            self._stop()

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if self._owner == os.getpid():
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                _close(pipe)


_REASONS = {"empty": "empty", "format": "unsupported_format", "large": "too_large", "damaged": "damaged"}
STATUS_OF = {reason: status for status, reason in _REASONS.items()}


def _exchange(
    process: subprocess.Popen[bytes], request: bytes, data: bytes, limits: Limits
) -> tuple[str, int, int, int, bytearray]:
    """Send one picture and read the reply; raises `ValueError` where the reply cannot be true."""
    if process.stdin is None or process.stdout is None:
        raise EOFError
    process.stdin.write(request)
    process.stdin.write(data)
    process.stdin.flush()
    tag, width, height, factor, length = REPLY.unpack(read_exactly(process.stdout, REPLY.size))
    status = tag.rstrip(b"\0").decode("ascii", "replace")
    if status == "ok":
        plausible = 0 < width * height <= limits.max_pixels and factor in (1, 2, 4, 8)
        if not plausible or length != 3 * -(-width // factor) * -(-height // factor):
            raise ValueError("size")
    elif status not in (*_REASONS, "missing") or length > 10_000:
        raise ValueError("status")
    return status, width, height, factor, read_exactly(process.stdout, length)


def read_exactly(pipe: IO[bytes], length: int) -> bytearray:
    """Read ``length`` bytes; raises `EOFError` where the other side is gone."""
    buffer = bytearray(length)
    view, at = memoryview(buffer), 0
    while at < length:
        chunk = pipe.read(min(length - at, 2**20))
        if not chunk:
            raise EOFError
        view[at : at + len(chunk)] = chunk
        at += len(chunk)
    return buffer


def _kill(process: subprocess.Popen[bytes], overrun: threading.Event) -> None:
    overrun.set()
    process.kill()


def _close(pipe: IO[bytes]) -> None:
    """Close a pipe to a dead process: what was still buffered for it has nowhere to go."""
    try:
        pipe.close()
    except BrokenPipeError:
        return


@cache
def shared_worker() -> DecodeWorker:
    """The worker that `mien.imaging.decode.decode` uses; its process ends with this one."""
    worker = DecodeWorker()
    atexit.register(worker.close)
    return worker
