"""Read dlib's serialisation format, strictly: any byte that is not what is due is an error.

The format (dlib/serialize.h, dlib/cuda/tensor.h, version 19 and later): an integer is a byte ``s000nnnn``
(sign bit and number of bytes) and then the magnitude, low byte first; a float is two integers, mantissa and
binary exponent; a string is its length and then its bytes; a bool is the character ``0`` or ``1``; a tensor
is its version (2), four sizes and then raw little-endian float32.
"""

from __future__ import annotations

import math
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import ModelCorrupt

MAX_WEIGHTS = 1 << 26


class DlibStream:
    """A cursor over the bytes of a file that dlib wrote."""

    def __init__(self, data: bytes, name: str) -> None:
        self._data = data
        self._at = 0
        self._name = name

    def fail(self, wanted: str) -> NoReturn:
        raise ModelCorrupt(
            f"{self._name} is not the dlib file it should be: byte {self._at} is not {wanted}; "
            "fetch it again with `mien models pull`"
        )

    def take(self, count: int, wanted: str) -> bytes:
        if count > len(self._data) - self._at:
            self.fail(f"followed by {count} more of {wanted}")
        piece = self._data[self._at : self._at + count]
        self._at += count
        return piece

    def integer(self) -> int:
        head = self.take(1, "an integer")[0]
        count = head & 0x0F
        if head & 0x70 or not 1 <= count <= 8:
            self._at -= 1
            self.fail("the head of an integer")
        value = int.from_bytes(self.take(count, "an integer"), "little")
        return -value if head & 0x80 else value

    def real(self) -> float:
        mantissa, exponent = self.integer(), self.integer()
        if not -1100 < exponent < 900:  # with a mantissa of 64 bits still a number
            self.fail("preceded by a float's exponent")
        return math.ldexp(mantissa, exponent)

    def flag(self) -> bool:
        piece = self.take(1, "a bool")
        if piece not in (b"0", b"1"):
            self.fail("preceded by a bool")
        return piece == b"1"

    def expect(self, *wanted: int | str) -> None:
        """Read integers and strings, each of which has only one right value."""
        for value in wanted:
            got = self.integer() if isinstance(value, int) else self._text()
            if got != value:
                self.fail(f"preceded by {value!r}")

    def _text(self) -> str:
        count = self.integer()
        if not 0 <= count <= 64:
            self.fail("preceded by the length of a layer's name")
        return self.take(count, "a layer's name").decode("ascii", "replace")

    def tensor(self) -> NDArray[np.float32]:
        """A tensor as a flat, finite float32 array."""
        self.expect(2)
        sizes = [self.integer() for _ in range(4)]
        if min(sizes) < 0 or max(sizes) > MAX_WEIGHTS or math.prod(sizes) > MAX_WEIGHTS:
            self.fail("preceded by the sizes of a tensor")
        values = np.frombuffer(self.take(4 * math.prod(sizes), "a tensor's weights"), "<f4")
        if not np.isfinite(values).all():
            self.fail("preceded by finite weights")
        return values.astype(np.float32)

    def alias(self) -> tuple[int, int, int, int]:
        """The sizes of a view into a parameter tensor."""
        self.expect(1)
        sizes = (self.integer(), self.integer(), self.integer(), self.integer())
        if min(sizes) < 0 or max(sizes) > MAX_WEIGHTS:
            self.fail("preceded by the sizes of a tensor's view")
        return sizes

    def end(self) -> None:
        if self._at != len(self._data):
            self.fail("the end of the file")
