from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image
from tests.imaging.pictures import difference, encode, exif, plain

from mien.core.errors import ImageError, InputError, ShapeError
from mien.core.types import Image as Picture
from mien.imaging.limits import Limits
from mien.imaging.sources import iter_pictures, open_picture, read_path


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "a photo, ümlaut.png"
    path.write_bytes(encode(plain(), "PNG"))
    return path


def test_every_way_to_pass_a_picture_gives_the_same_pixels(
    photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = photo.read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    pixels = np.asarray(plain())
    sources = [photo, str(photo), data, bytearray(data), memoryview(data), io.BytesIO(data), "-"]
    for source in [*sources, plain(), Image.open(photo), pixels, np.asfortranarray(pixels), Picture(pixels)]:
        found = open_picture(source)
        assert difference(found.image.pixels, plain()) == 0
        assert (found.scale, found.width, found.height) == (1.0, *plain().size)


def test_a_pil_image_is_turned_upright_as_its_file_would_be() -> None:
    data = encode(plain(), "PNG", exif=exif(6))
    assert (
        difference(open_picture(Image.open(io.BytesIO(data))).image.pixels, open_picture(data).image.pixels)
        == 0
    )


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "YCbCr", "HSV"])
def test_pil_images_of_every_mode_become_rgb(mode: str) -> None:
    source = plain().quantize(16) if mode == "P" else plain().convert(mode)
    assert difference(open_picture(source).image.pixels, source.convert("RGB")) == 0


@pytest.mark.parametrize("mode", ["I", "I;16", "I;16B"])
def test_sixteen_bit_pil_images_are_scaled(mode: str) -> None:
    grey = Image.fromarray(np.array([[0, 256, 65535]], np.uint16))
    if mode == "I;16B":
        grey = Image.frombytes("I;16B", (3, 1), np.array([0, 256, 65535], ">u2").tobytes())
    source = grey.convert("I") if mode == "I" else grey
    assert open_picture(source).image.pixels[0, :, 0].tolist() == [0, 1, 255]


def test_a_grey_array_becomes_rgb() -> None:
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert (open_picture(grey).image.pixels == grey[..., None]).all()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (np.zeros((4, 4, 3)), "must be uint8 RGB, 0 to 255, not float64"),
        (np.zeros((4, 4, 3), np.uint16), "not uint16"),
        (3, "cannot be made from int: pass a path, bytes"),
        (None, "cannot be made from NoneType"),
    ],
)
def test_says_what_it_wanted(source: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        open_picture(source)


@pytest.mark.parametrize("shape", [(4,), (4, 4, 4), (4, 4, 1), (2, 4, 4, 3), (0, 4, 3)])
def test_says_what_shape_it_wanted(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"\(H, W, 3\) in RGB order"):
        open_picture(np.zeros(shape, np.uint8))


@pytest.mark.parametrize("name", ["missing.jpg", ".", "a\0b.jpg", "http://example.com/a.jpg", "x" * 5000])
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    source = name if name.startswith("http") else os.path.join(tmp_path, name)
    with pytest.raises(ImageError) as caught:
        open_picture(source)
    assert caught.value.reason == "unreadable"
    assert ":" in str(caught.value)


def test_a_file_opened_as_text_is_refused() -> None:
    with pytest.raises(ImageError, match="open it in binary mode"):
        open_picture(io.StringIO("text"))


def test_a_stream_may_give_its_bytes_slowly() -> None:
    class Slow(io.RawIOBase):
        def __init__(self) -> None:
            self.rest = encode(plain(), "PNG")

        def read(self, size: int = -1) -> bytes:
            part, self.rest = self.rest[: min(size, 700)], self.rest[min(size, 700) :]
            return part

    assert difference(open_picture(Slow()).image.pixels, plain()) == 0


def test_no_more_is_read_than_the_limit(photo: Path) -> None:
    assert len(read_path(str(photo), Limits(max_bytes=100))) == 101
    with pytest.raises(ImageError) as caught:
        open_picture(photo, Limits(max_bytes=100))
    assert caught.value.reason == "too_large"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in (
        "b.jpg",
        "a/z.PNG",
        "a/y.webp",
        "a/notes.txt",
        "c/d/e.jpeg",
        ".hidden.jpg",
        ".cache/x.jpg",
        "f.tif",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def names(tree: Path, *sources: str, **options: set[str]) -> list[str]:
    found = iter_pictures([os.path.join(tree, source) for source in sources], **options)
    return [Path(name).relative_to(tree).as_posix() for name in found]


def test_a_folder_gives_its_pictures_in_order(tree: Path) -> None:
    assert names(tree, "") == ["a/y.webp", "a/z.PNG", "b.jpg", "c/d/e.jpeg"]
    assert names(tree, "", formats={"tiff"}) == ["f.tif"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.jpg", ["b.jpg"]),
        ("**/*.jp*g", ["b.jpg", "c/d/e.jpeg"]),
        ("**", ["a/y.webp", "a/z.PNG", "b.jpg", "c/d/e.jpeg"]),
        ("*/[yz].*", ["a/y.webp", "a/z.PNG"]),
        ("*", ["a/y.webp", "a/z.PNG", "b.jpg", "c/d/e.jpeg"]),
        ("a/?.webp", ["a/y.webp"]),
        ("none*", []),
    ],
)
def test_a_pattern_gives_its_pictures_in_order(tree: Path, pattern: str, expected: list[str]) -> None:
    assert names(tree, pattern) == expected


def test_a_named_file_is_given_whatever_its_suffix_or_absence(tree: Path) -> None:
    assert names(tree, "a/notes.txt", "nowhere.jpg", "b.jpg", "b.jpg") == [
        "a/notes.txt",
        "nowhere.jpg",
        "b.jpg",
        "b.jpg",
    ]
    assert list(iter_pictures("-")) == ["-"]


def test_a_file_whose_name_looks_like_a_pattern_is_itself(tree: Path) -> None:
    (tree / "photo[1].jpg").touch()
    assert names(tree, "photo[1].jpg") == ["photo[1].jpg"]


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_links_to_folders_are_not_followed(tree: Path) -> None:
    (tree / "a" / "loop").symlink_to(tree, target_is_directory=True)
    (tree / "a" / "link.jpg").symlink_to(tree / "b.jpg")
    assert names(tree, "a") == ["a/link.jpg", "a/y.webp", "a/z.PNG"]


@pytest.mark.skipif(sys.platform == "win32", reason="links and pipes are others there")
def test_links_in_circles_are_given_and_pipes_are_not(tree: Path) -> None:
    (tree / "circle.jpg").symlink_to("circle.jpg")
    (tree / "nowhere.jpg").symlink_to("gone.jpg")
    os.mkfifo(tree / "pipe.jpg")
    for source in (str(tree), f"{tree}/*.jpg"):
        names = {Path(name).name for name in iter_pictures(source)}
        assert {"circle.jpg", "nowhere.jpg"} <= names
    assert "pipe.jpg" not in {Path(name).name for name in iter_pictures(str(tree))}
    assert list(iter_pictures(f"{tree}/circle*/*.jpg")) == []


def test_no_standard_input_is_said_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(ImageError, match="no standard input"):
        open_picture("-")


def test_names_come_one_folder_at_a_time(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    scan = os.scandir

    def watched(path: str) -> Iterator[os.DirEntry[str]]:
        opened.append(path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", watched)
    next(iter_pictures(tree))
    assert [Path(path).name for path in opened] == [tree.name, "a"]


def test_a_half_imported_pillow_disturbs_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """While another thread imports it, the module is there without its classes."""
    monkeypatch.setitem(sys.modules, "PIL.Image", ModuleType("PIL.Image"))
    with pytest.raises(InputError, match="cannot be made from object"):
        open_picture(object())
