from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, ImageOps
from tests.imaging.pictures import Pixels, chunk, difference, encode, exif, plain, png, png16

from mien.core.errors import ImageError
from mien.imaging import jpeg
from mien.imaging.decode import decode
from mien.imaging.limits import Limits

FORMATS = ("JPEG", "PNG", "WEBP")
TURN_BACK = {  # stored so that a viewer which honours the tag shows the plain picture
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def pixels_of(data: bytes) -> Pixels:
    return decode(data).image.pixels


def refusal(data: bytes, limits: Limits = Limits()) -> str:
    with pytest.raises(ImageError) as caught:
        decode(data, limits)
    return caught.value.reason


@pytest.mark.parametrize("kind", FORMATS)
def test_reads_the_pixels_that_were_written(kind: str) -> None:
    assert difference(pixels_of(encode(plain(), kind)), plain()) < 1.0


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_applies_every_orientation(kind: str, orientation: int) -> None:
    stored = plain().transpose(TURN_BACK[orientation]) if orientation > 1 else plain()
    data = encode(stored, kind, exif=exif(orientation))
    found = decode(data)
    assert difference(found.image.pixels, plain()) < 1.0
    assert (found.width, found.height) == plain().size


@pytest.mark.parametrize("orientation", range(1, 9))
def test_agrees_with_pillow_on_orientation(orientation: int) -> None:
    data = encode(plain(), "PNG", exif=exif(orientation))
    expected = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    assert difference(pixels_of(data), expected) == 0


@pytest.mark.parametrize(
    "bad", [b"", b"II*\0", b"MM\0*\0\0\xff\xff", b"II*\0\x08\0\0\0\xff\xff" + b"\x12\x01" * 9]
)
def test_a_broken_exif_block_changes_nothing(bad: bytes) -> None:
    assert difference(pixels_of(encode(plain(), "JPEG", exif=b"Exif\0\0" + bad)), plain()) < 1.0


def test_jpeg_pixels_are_those_of_pillow() -> None:
    for parameters in ({}, {"progressive": True}, {"subsampling": 2}, {"quality": 30}, {"keep_rgb": True}):
        data = encode(plain(), "JPEG", **parameters)
        expected = Image.open(io.BytesIO(data)).convert("RGB")
        assert np.abs(pixels_of(data).astype(int) - np.asarray(expected)).max() <= 1


def test_without_the_accelerator_the_pixels_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    files = [encode(plain(), "JPEG", subsampling=s, exif=exif(6)) for s in (0, 1, 2)]
    before = [decode(data, max_side=side).image.pixels for data in files for side in (None, 48, 24)]
    monkeypatch.setattr(jpeg, "_turbo", lambda: None)
    after = [decode(data, max_side=side).image.pixels for data in files for side in (None, 48, 24)]
    assert all(difference(one, other) <= 1 for one, other in zip(before, after, strict=True))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_grey_becomes_three_equal_channels(kind: str) -> None:
    grey = plain().convert("L")
    assert difference(pixels_of(encode(grey, kind)), grey.convert("RGB")) < 1.0


def test_cmyk_and_ycck_jpegs_have_the_right_colours() -> None:
    assert difference(pixels_of(encode(plain().convert("CMYK"), "JPEG")), plain()) < 2.0


def test_one_bit_and_palette_pictures() -> None:
    one_bit = plain().convert("1")
    assert difference(pixels_of(encode(one_bit, "PNG")), one_bit.convert("RGB")) == 0
    palette = plain().quantize(64)
    assert difference(pixels_of(encode(palette, "PNG")), palette.convert("RGB")) == 0


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_transparent_pixels_are_white_and_half_transparent_ones_mixed(kind: str) -> None:
    layer = plain().convert("RGBA")
    alpha = np.full((72, 96), 255, np.uint8)
    alpha[:20], alpha[20:40] = 0, 128
    layer.putalpha(Image.fromarray(alpha))
    pixels = pixels_of(encode(layer, kind, exact=True) if kind == "WEBP" else encode(layer, kind))
    original = np.asarray(plain()).astype(float)
    assert (pixels[:20] == 255).all()
    assert np.abs(pixels[20:40] - (original[20:40] * 128 + 255 * 127) / 255).max() <= 2
    assert (pixels[40:] == original[40:]).all()


def test_grey_with_alpha_and_palette_with_a_transparent_entry_are_on_white() -> None:
    grey = Image.merge("LA", (plain().convert("L"), Image.new("L", plain().size, 0)))
    assert (pixels_of(encode(grey, "PNG")) == 255).all()
    palette = plain().quantize(8)
    hidden = np.asarray(palette) == 3
    pixels = pixels_of(encode(palette, "PNG", transparency=3))
    assert (pixels[hidden] == 255).all()
    assert (pixels[~hidden] == np.asarray(palette.convert("RGB"))[~hidden]).all()


def test_sixteen_bit_grey_is_scaled_not_clipped() -> None:
    ramp = np.linspace(0, 65535, 96 * 72).reshape(72, 96).astype(np.uint16)
    assert np.abs(pixels_of(png16(ramp, 0))[..., 0] - ramp / 257).max() <= 1


@pytest.mark.parametrize(("colour", "channels"), [(2, 3), (6, 4), (4, 2)])
def test_sixteen_bit_colour_and_alpha(colour: int, channels: int) -> None:
    values = np.random.default_rng(1).integers(0, 65536, (30, 40, channels))
    if channels in (2, 4):
        values[..., -1] = 65535
    expected = values[..., :3] / 257 if channels >= 3 else values[..., :1] / 257
    assert np.abs(pixels_of(png16(values, colour)) - expected).max() <= 1


def test_a_sixteen_bit_transparent_colour_does_no_harm() -> None:
    rows = b"".join(b"\0" + b"\x12\x34" * 8 for _ in range(8))
    assert (pixels_of(png(8, 8, 16, 0, rows, chunk(b"tRNS", b"\x12\x34"))) == 255).all()
    rows = b"".join(b"\0" + b"\x12\x34\x56\x78\x9a\xbc" * 8 for _ in range(8))
    found = pixels_of(png(8, 8, 16, 2, rows, chunk(b"tRNS", b"\x12\x34\x56\x78\x9a\xbc")))
    assert found.shape == (8, 8, 3)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_an_animation_gives_its_first_frame(kind: str) -> None:
    frames = [plain().rotate(angle) for angle in (90, 180, 270)]
    data = encode(plain(), kind, save_all=True, append_images=frames, duration=40)
    assert difference(pixels_of(data), plain()) < 1.0


@pytest.mark.parametrize("kind", FORMATS)
def test_max_side_halves_while_enough_is_left(kind: str) -> None:
    big = plain(800, 600)
    data = encode(big, kind, exif=exif(6))
    for max_side, factor in ((None, 1), (800, 1), (401, 1), (400, 2), (150, 4), (100, 8), (10, 8)):
        found = decode(data, max_side=max_side)
        assert found.scale == 1 / factor
        assert (found.width, found.height) == (600, 800)
        small = big.reduce(factor).rotate(-90, expand=True)
        assert difference(found.image.pixels, small) < 1.5


def test_points_of_a_smaller_copy_map_to_the_original() -> None:
    found = decode(encode(plain(800, 600), "JPEG"), max_side=200)
    assert found.to_original(np.array([[-0.5, -0.5], [199.5, 149.5]])).tolist() == [
        [-0.5, -0.5],
        [799.5, 599.5],
    ]


def test_what_follows_the_end_of_a_picture_is_ignored() -> None:
    for kind in FORMATS:
        assert difference(pixels_of(encode(plain(), kind) + b"\xff\xd8\xffmore" * 99), plain()) < 1.0


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"hello, this is text", "unsupported_format"),
        (b"%PDF-1.7 ...", "unsupported_format"),
        (b"GIF89a" + bytes(99), "unsupported_format"),
        (b"\xff\xd8\xff\xe0", "damaged"),
        (b"\x89PNG\r\n\x1a\n", "damaged"),
        (b"RIFF\x04\0\0\0WEBP", "damaged"),
        (b"RIFF\xff\0\0\0WEBPVP8 ", "damaged"),
    ],
)
def test_names_what_is_wrong(data: bytes, reason: str) -> None:
    assert refusal(data) == reason


def test_limits_are_checked_before_decoding() -> None:
    data = encode(plain(), "PNG")
    for limits in (
        Limits(max_bytes=99),
        Limits(max_side=95),
        Limits(max_pixels=6911),
        Limits(max_memory=999),
    ):
        assert refusal(data, limits) == "too_large"
    assert refusal(encode(plain(), "JPEG", progressive=True), Limits(max_scans=3)) == "too_large"


def test_a_flipped_bit_in_a_png_is_noticed() -> None:
    data = bytearray(encode(plain(), "PNG"))
    data[len(data) // 2] ^= 4
    assert refusal(bytes(data)) == "damaged"


def test_a_jpeg_cut_short_and_closed_again_is_damaged() -> None:
    data = encode(plain(), "JPEG")
    assert refusal(data[: len(data) // 2] + b"\xff\xd9") == "damaged"


def test_stray_bytes_between_scan_and_end_are_forgiven() -> None:
    data = encode(plain(), "JPEG")
    assert difference(pixels_of(data[:-2] + bytes(5) + data[-2:]), plain()) < 1.0


def test_says_how_to_read_a_format_that_is_off_by_default() -> None:
    with pytest.raises(ImageError, match="gif pictures are read only when asked for"):
        decode(encode(plain(), "GIF"))


def test_threads_do_not_disturb_each_other() -> None:
    files = [encode(plain(), kind, exif=exif(o)) for kind in FORMATS for o in (1, 6)] * 20
    alone = [pixels_of(data) for data in files[:6]]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(pixels_of, files))
    assert all((pixels == alone[i % 6]).all() for i, pixels in enumerate(together))
