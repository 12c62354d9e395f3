"""One library over a list of photos: what `benchmarks.peers` starts, each in its own process.

PYTHON benchmarks/peer_runs.py LIBRARY < {"photos": […], "yunet": FILE, "sface": FILE}

Prints {"seconds", "boxes": a list of [x1, y1, x2, y2] a photo, "embeddings", "peak_mb", "versions"}. The time
is that of the whole list, reading the files included; models are loaded and warmed up before. Imports mien
only when LIBRARY says so, since the others live in an environment of their own.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

Faces = tuple[list[list[float]], int]  # boxes x1, y1, x2, y2 and the number of embeddings
Library = Callable[[Sequence[str]], Iterable[Faces]]
SCORE = 0.6  # what mien trusts; OpenCV's own default, 0.9, finds fewer faces


def opencv(models: dict[str, str], workers: int | None) -> Library:
    """FaceDetectorYN at the photo's own size, then alignCrop and feature of FaceRecognizerSF.

    workers: None leaves threading to OpenCV; else photos side by side, each on one thread with own networks.
    """
    import threading

    import cv2

    own = threading.local()
    if workers:
        cv2.setNumThreads(1)

    def one(path: str) -> Faces:
        if not hasattr(own, "detector"):
            own.detector = cv2.FaceDetectorYN.create(models["yunet"], "", (320, 320), SCORE, 0.3, 5000)
            own.recognizer = cv2.FaceRecognizerSF.create(models["sface"], "")
        picture = cv2.imread(path)
        own.detector.setInputSize((picture.shape[1], picture.shape[0]))
        _, rows = own.detector.detect(picture)
        if rows is None:
            return [], 0
        vectors = [own.recognizer.feature(own.recognizer.alignCrop(picture, row)) for row in rows]
        return [[float(x), float(y), float(x + w), float(y + h)] for x, y, w, h in rows[:, :4]], len(vectors)

    if not workers:
        return lambda paths: map(one, paths)
    pool = ThreadPoolExecutor(workers)
    return lambda paths: pool.map(one, paths)


def deepface(models: dict[str, str], workers: int | None) -> Library:
    """`DeepFace.represent` with its yunet and SFace, aligned; everything else as it comes."""
    home = Path(tempfile.mkdtemp())
    weights = home / ".deepface" / "weights"
    weights.mkdir(parents=True)
    for name in ("yunet", "sface"):  # under the publishers' names, where DeepFace looks before downloading
        shutil.copy(models[name], weights / models[f"{name}_name"])
    os.environ["DEEPFACE_HOME"] = str(home)
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    from deepface import DeepFace

    def one(path: str) -> Faces:
        try:
            found = DeepFace.represent(path, model_name="SFace", detector_backend="yunet")
        except ValueError:  # its word for "no face"
            return [], 0
        areas = [face["facial_area"] for face in found]
        return [[a["x"], a["y"], a["x"] + a["w"], a["y"] + a["h"]] for a in areas], len(found)

    return lambda paths: map(one, paths)


def face_recognition(models: dict[str, str], workers: int | None) -> Library:
    """`face_locations` (HOG) and `face_encodings`, as its documentation shows."""
    import face_recognition as library

    def one(path: str) -> Faces:
        picture = library.load_image_file(path)
        places = library.face_locations(picture)
        vectors = library.face_encodings(picture, places)
        return [[left, top, right, bottom] for top, right, bottom, left in places], len(vectors)

    return lambda paths: map(one, paths)


def mien(profile: str) -> Library:
    from mien.pipeline.analyze import Analyzer
    from mien.pipeline.config import configure

    analyzer = Analyzer(configure(profile))

    def run(paths: Sequence[str]) -> Iterable[Faces]:
        for report in analyzer.analyze_many(paths, ("box", "keypoints", "embedding")):
            yield [list(map(float, face.detection.box)) for face in report.faces], len(report.faces)

    return run


def library(name: str, models: dict[str, str]) -> tuple[Library, dict[str, str]]:
    match name.split(":"):
        case ["mien", profile]:
            return mien(profile), {name: version("openvino") for name in ("openvino",)}
        case ["opencv"]:
            return opencv(models, None), {"opencv": _opencv_version()}
        case ["opencv", workers]:
            return opencv(models, int(workers)), {"opencv": _opencv_version()}
        case ["deepface"]:
            found = {n: version(n) for n in ("deepface", "tensorflow")}
            return deepface(models, None), {**found, "opencv": _opencv_version()}
        case ["face_recognition"]:
            return face_recognition(models, None), {n: version(n) for n in ("face-recognition", "dlib-bin")}
    raise SystemExit(f"no library is called {name}")


def _opencv_version() -> str:
    import cv2

    return str(cv2.__version__)


def main() -> None:
    order: dict[str, Any] = json.load(sys.stdin)
    out, sys.stdout = sys.stdout, sys.stderr  # libraries print
    run, versions = library(sys.argv[1], order)
    for _ in run(order["photos"][:3]):
        pass
    start = time.perf_counter()
    found = list(run(order["photos"]))
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 2**20)
    boxes = [places for places, _ in found]
    answer = {"seconds": seconds, "boxes": boxes, "embeddings": sum(n for _, n in found), "peak_mb": peak}
    json.dump({**answer, "versions": versions}, out)


if __name__ == "__main__":
    main()
