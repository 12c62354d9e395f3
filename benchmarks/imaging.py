"""Time the pixel floor: decode, warp, fit; beside Pillow and, where installed, OpenCV. Prints JSON.

python benchmarks/imaging.py [PHOTO...]     without photos: a synthetic one, 480 x 360 and 4000 x 3000
Milliseconds, lowest and median of repeated calls on one thread; run it on a quiet machine.
"""

from __future__ import annotations

import io
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from mien.imaging.decode import decode
from mien.imaging.letterbox import letterbox
from mien.imaging.rotate import rotate
from mien.imaging.warp import warp_affine

try:
    import cv2
except ImportError:
    cv2 = None
else:
    cv2.setNumThreads(1)


def synthetic(width: int, height: int, kind: str, **parameters: object) -> bytes:
    dice = np.random.default_rng(0)
    coarse = dice.integers(0, 256, (height // 16, width // 16, 3), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)).astype(int)
    grain = dice.integers(-12, 13, smooth.shape)
    stream = io.BytesIO()
    Image.fromarray((smooth + grain).clip(0, 255).astype(np.uint8)).save(stream, kind, **parameters)
    return stream.getvalue()


def milliseconds(call: Callable[[], object], seconds: float = 1.0) -> dict[str, float]:
    call()
    times: list[float] = []
    while sum(times) < seconds or len(times) < 5:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return {"lowest": round(min(times) * 1e3, 3), "median": round(statistics.median(times) * 1e3, 3)}


def with_pillow(data: bytes) -> object:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def decoding(files: dict[str, bytes]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, data in files.items():
        found[name] = {
            "bytes": len(data),
            "mien": milliseconds(lambda data=data: decode(data)),
            "mien, max_side=640": milliseconds(lambda data=data: decode(data, max_side=640)),
            "pillow": milliseconds(lambda data=data: with_pillow(data)),
        }
        if cv2 is not None:
            raw = np.frombuffer(data, np.uint8)
            found[name]["opencv"] = milliseconds(lambda raw=raw: cv2.imdecode(raw, cv2.IMREAD_COLOR))
    return found


def geometry(pixels: np.ndarray) -> dict[str, object]:
    matrix = np.array([[0.59, -0.12, -94.0], [0.12, 0.59, -110.0]])
    found: dict[str, object] = {
        "crop 112 x 112": milliseconds(lambda: warp_affine(pixels, matrix, (112, 112))),
        "crop 112 x 112, antialias": milliseconds(
            lambda: warp_affine(pixels, matrix, (112, 112), antialias=True)
        ),
        "letterbox to 640 x 640": milliseconds(lambda: letterbox(pixels, 640, 640)),
        "letterbox to 320 x 320": milliseconds(lambda: letterbox(pixels, 320, 320)),
        "turn by 30 degrees": milliseconds(lambda: rotate(pixels, 0.52)),
    }
    if cv2 is not None:
        found["opencv crop 112 x 112"] = milliseconds(lambda: cv2.warpAffine(pixels, matrix, (112, 112)))
    return found


def main(paths: list[str]) -> None:
    files = {Path(path).name: Path(path).read_bytes() for path in paths} or {
        "jpeg 480 x 360": synthetic(480, 360, "JPEG", quality=90),
        "jpeg 4000 x 3000": synthetic(4000, 3000, "JPEG", quality=90),
        "png 480 x 360": synthetic(480, 360, "PNG"),
        "webp 480 x 360": synthetic(480, 360, "WEBP"),
    }
    pixels = decode(synthetic(640, 480, "JPEG")).image.pixels
    print(json.dumps({"decode": decoding(files), "640 x 480": geometry(pixels)}, indent=1))


if __name__ == "__main__":
    main(sys.argv[1:])
