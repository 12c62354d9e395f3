from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.imaging.bombs import BOMBS, bombs
from tests.imaging.pictures import encode, exif, plain

from mien.core.errors import ImageError
from mien.imaging.decode import decode
from mien.imaging.header import ISOLATED_FORMATS

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 2.0  # of processor time; the aim is 1 s, the rest is for slow machines
MEGABYTES = 300.0


def endure(*arguments: str) -> dict[str, Any]:
    """Run the hostile files in a fresh process, so that its peak memory is theirs."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT)))}
    done = subprocess.run(
        [sys.executable, "-m", "tests.imaging.endure", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def assert_harmless(report: dict[str, Any]) -> None:
    assert report["untyped"] == []
    assert report["warnings"] == []
    assert report["slowest_seconds"] < SECONDS, report["slowest"]
    assert report["rise_megabytes"] < MEGABYTES


def test_5000_mutants_are_read_or_refused_quickly_and_by_name() -> None:
    report = endure("5000", "1")
    assert_harmless(report)
    assert sum(report["counts"].values()) == 5_000
    assert report["counts"]["read"] > 500  # the damage is not so crude that nothing is reached


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 12))
def test_200000_mutants_are_read_or_refused_quickly_and_by_name(seed: int) -> None:
    assert_harmless(endure("20000", str(seed)))


def test_bombs_are_read_or_refused_quickly_and_by_name(tmp_path: Path) -> None:
    for name, data in bombs():
        (tmp_path / re.sub("[^a-z0-9]+", "-", name.lower())).write_bytes(data)
    report = endure(str(tmp_path))
    assert_harmless(report)
    assert sum(report["counts"].values()) == len(BOMBS) >= 40


@pytest.mark.parametrize(
    "name",
    ["gif of 65,535 x 65,535 pixels", "tiff of 60,000 x 60,000 pixels", "bmp of 30,000 x 30,000 pixels"],
)
def test_bombs_of_other_formats_are_refused_in_the_limited_process(name: str) -> None:
    with pytest.raises(ImageError) as caught:
        decode(BOMBS[name](), formats=ISOLATED_FORMATS)
    assert caught.value.reason in ("too_large", "damaged")


def files() -> dict[str, bytes]:
    frames: dict[str, Any] = {"save_all": True, "append_images": [plain().rotate(90)], "duration": 40}
    return {
        "jpeg": encode(plain(), "JPEG", subsampling=2, exif=exif(6)),
        "progressive jpeg": encode(plain(), "JPEG", progressive=True),
        "grey jpeg": encode(plain().convert("L"), "JPEG"),
        "cmyk jpeg": encode(plain().convert("CMYK"), "JPEG"),
        "flat jpeg": encode(Image.new("RGB", (96, 72)), "JPEG"),
        "png": encode(plain(), "PNG"),
        "flat png": encode(Image.new("RGB", (96, 72)), "PNG"),
        "animated png": encode(plain(), "PNG", **frames),
        "webp": encode(plain(), "WEBP", lossless=False),
        "webp with exif": encode(plain(), "WEBP", lossless=False, exif=exif(6)),
        "lossless webp": encode(plain(), "WEBP"),
        "animated webp": encode(plain(), "WEBP", **frames),
    }


@pytest.mark.parametrize("name", files())
def test_a_cut_file_never_gives_a_picture(name: str) -> None:
    data = files()[name]
    decode(data)
    percents = {len(data) * percent // 100 for percent in range(100)}
    for length in sorted(percents | {len(data) - few for few in range(1, 40)}):
        with pytest.raises(ImageError):
            decode(data[:length])


@pytest.mark.parametrize("name", ["tiff", "bmp", "gif", "avif"])
def test_a_cut_file_of_another_format_never_gives_a_picture(name: str) -> None:
    data = encode(plain(), name.upper())
    for percent in range(0, 100, 9):
        with pytest.raises(ImageError):
            decode(data[: len(data) * percent // 100], formats={name})
