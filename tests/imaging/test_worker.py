from __future__ import annotations

import subprocess
import sys
import threading
from typing import NoReturn

import numpy as np
import pytest
from tests.imaging.pictures import difference, encode, exif, plain

from mien.core.errors import DependencyMissing, ImageError
from mien.imaging import worker as worker_module
from mien.imaging import worker_main
from mien.imaging.decode import decode
from mien.imaging.limits import Limits
from mien.imaging.worker import DecodeWorker

ALL = {"jpeg", "png", "webp", "gif", "tiff", "bmp", "avif"}


def test_reads_the_formats_that_are_off_by_default() -> None:
    for kind, bound in (("TIFF", 0.0), ("BMP", 0.0), ("GIF", 20.0), ("AVIF", 6.0)):
        assert difference(decode(encode(plain(), kind), formats=ALL).image.pixels, plain()) <= bound


def test_turns_a_tiff_upright() -> None:
    found = decode(encode(plain(), "TIFF", exif=exif(6)), formats=ALL)
    assert difference(found.image.pixels, plain().rotate(-90, expand=True)) == 0
    assert (found.width, found.height) == plain().size[::-1]


def test_turns_an_avif_upright() -> None:
    found = decode(encode(plain(), "AVIF", exif=exif(6)), formats=ALL)
    assert difference(found.image.pixels, plain().rotate(-90, expand=True)) < 6


def test_reads_heic_where_its_library_is_installed() -> None:
    pytest.importorskip("pillow_heif")
    code = "import pillow_heif, sys, PIL.Image as I; pillow_heif.register_heif_opener()"
    code += "; I.new('RGB', (64, 48), 'red')"
    done = subprocess.run(
        [sys.executable, "-c", code + ".save(sys.stdout.buffer, 'HEIF')"], capture_output=True, check=True
    )
    pixels = decode(done.stdout, formats={"heic"}).image.pixels
    assert pixels.shape == (48, 64, 3)
    assert np.abs(pixels.astype(int) - (255, 0, 0)).max() < 8


def test_an_isolated_jpeg_has_the_same_pixels() -> None:
    data = encode(plain(400, 300), "JPEG", exif=exif(8))
    here, there = decode(data, max_side=150), decode(data, max_side=150, isolated=True)
    assert (here.image.pixels == there.image.pixels).all()
    assert (here.scale, here.width, here.height) == (there.scale, there.width, there.height)


def test_errors_come_back_with_reason_and_sentence() -> None:
    with pytest.raises(ImageError, match="copy it again") as caught:
        decode(encode(plain(), "TIFF")[:900], formats=ALL)
    assert caught.value.reason == "damaged"
    with pytest.raises(ImageError) as caught:
        decode(encode(plain(), "BMP"), Limits(max_side=50), ALL)
    assert caught.value.reason == "too_large"
    with pytest.raises(ImageError) as caught:
        decode(encode(plain(), "PNG"), Limits(max_pixels=50), isolated=True)
    assert caught.value.reason == "too_large"


def test_a_picture_that_takes_too_long_is_a_timeout_and_the_next_one_is_read() -> None:
    worker = DecodeWorker(seconds=0.001)
    with pytest.raises(ImageError) as caught:
        worker.decode(encode(plain(), "BMP"), "bmp")
    assert caught.value.reason == "timeout"
    worker.close()
    patient = DecodeWorker(seconds=60)
    assert patient.decode(encode(plain(), "BMP"), "bmp").width == plain().width
    patient.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds the address space reliably")
def test_a_picture_that_needs_too_much_memory_is_an_error_and_the_next_one_is_read() -> None:
    worker = DecodeWorker(seconds=60, memory=250_000_000)
    generous = Limits(max_pixels=10**9, max_memory=10**12, max_side=60_000)
    with pytest.raises(ImageError) as caught:
        worker.decode(
            encode(plain(12_000, 9_000).convert("L"), "TIFF", compression="tiff_lzw"), "tiff", generous
        )
    assert caught.value.reason == "damaged"
    assert worker.decode(encode(plain(), "BMP"), "bmp").width == plain().width
    worker.close()


def test_a_killed_process_is_replaced() -> None:
    worker = DecodeWorker(seconds=60)
    data = encode(plain(), "BMP")
    worker.decode(data, "bmp")
    assert worker._process is not None
    worker._process.kill()
    worker._process.wait()
    assert worker.decode(data, "bmp").width == plain().width
    worker.close()


def test_threads_take_turns() -> None:
    found: list[int] = []
    data = encode(plain(), "BMP")
    threads = [
        threading.Thread(target=lambda: found.append(decode(data, formats=ALL).width)) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [plain().width] * 6


def test_says_what_to_install_for_heic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(DependencyMissing, match="pip install pillow-heif"):
        worker_main._register_heif()


def test_a_picture_that_was_given_up_never_answers_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = DecodeWorker()
    real = worker_module._exchange

    def interrupted(
        process: subprocess.Popen[bytes], request: bytes, data: bytes, limits: Limits
    ) -> NoReturn:
        assert process.stdin is not None
        process.stdin.write(request + data)
        process.stdin.flush()
        raise KeyboardInterrupt

    monkeypatch.setattr(worker_module, "_exchange", interrupted)
    with pytest.raises(KeyboardInterrupt):
        worker.decode(encode(plain(40, 30), "BMP"), "bmp")
    monkeypatch.setattr(worker_module, "_exchange", real)
    found = worker.decode(encode(plain(64, 48), "BMP"), "bmp")
    worker.close()
    assert (found.width, found.height) == (64, 48)
