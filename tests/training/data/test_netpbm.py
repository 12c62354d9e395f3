"""PGM and PPM: what Pillow writes is read back; what is damaged is refused."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pictures

from mien.core.errors import ImageError
from mien.training.data.netpbm import decode_netpbm
from mien.training.data.pictures import decode_picture


@pytest.mark.parametrize(("mode", "format"), [("L", "PPM"), ("RGB", "PPM")])
def test_reads_what_pillow_writes(mode: str, format: str) -> None:
    shape = (5, 7) if mode == "L" else (5, 7, 3)
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    file = io.BytesIO()
    Pictures.fromarray(pixels).save(file, format)
    wanted = pixels if mode == "RGB" else np.repeat(pixels[:, :, None], 3, 2)
    assert np.array_equal(decode_picture(file.getvalue(), "it").pixels, wanted)


def test_reads_comments_and_small_ranges() -> None:
    image = decode_netpbm(b"P5 # made by hand\n2 1\n# range\n15\n\x00\x0f")
    assert image.pixels[0, :, 0].tolist() == [0, 255]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"P5\n2 2\n255\nabc", "damaged"),
        (b"P5\n2 x\n255\nabcd", "damaged"),
        (b"P5\n0 2\n255\nabcd", "damaged"),
        (b"P5\n2 2\n65535\nabcdabcd", "unsupported_format"),
        (b"P5\n999999999 999999999\n255\nabcd", "too_large"),
    ],
)
def test_refuses_what_makes_no_sense(data: bytes, reason: str) -> None:
    with pytest.raises(ImageError) as raised:
        decode_picture(data, "face.pgm")
    assert raised.value.reason == reason
    assert str(raised.value).startswith("face.pgm: ")


@given(st.binary(max_size=60))
def test_gives_a_picture_or_one_typed_error(rest: bytes) -> None:
    try:
        decode_netpbm(b"P5" + rest)
    except ImageError:
        return
