"""How good the 3D heads are: scans, a scanned woman's photos, known heads, 102 people in two moods; how fast.

python -m benchmarks.geometry --json benchmarks/results/geometry.json
(MIEN_SHARED, model files as `mien models pull` leaves them; `--only scans heads london cctwelve speed`)
The protocol is NoW's, the heads are not: these are no NoW numbers.  Development scans only.
"""

from __future__ import annotations

import functools
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.geometry_eos import eos_heads, eos_version
from benchmarks.geometry_heads import synthetic, trusting
from benchmarks.geometry_photos import DATA, cctwelve, locate, london
from benchmarks.geometry_scans import (
    CAMERA,
    SIZE,
    Errors,
    Scan,
    errors_of,
    fran,
    lee,
    placement_of,
    render,
    surface_errors,
    sven,
)
from benchmarks.measuring import arguments, report
from mien.core.mesh import Coefficients
from mien.face3d.fit.evidence import mesh468_points
from mien.face3d.fit.head import FitSettings, fit_landmarks
from mien.face3d.fit.photometric import PhotometricSettings
from mien.face3d.fit.scan import ScanFit, fit_scan
from mien.face3d.model.basis import HeadModel, load_head_model
from mien.face3d.model.shape import vertices_of
from mien.geometry.projection import place, project
from mien.pipeline.analyze import Analyzer
from mien.pipeline.reconstruct import head_from_landmarks, photo_camera

YAWS = {"frontal": 0.0, "17 degrees": 0.3, "-17 degrees": -0.3, "35 degrees": 0.61, "-35 degrees": -0.61}
CANONICAL7 = (33, 133, 362, 263, 2, 61, 291)
"""NoW's seven landmarks among the 468."""
NOISE, DRAWS = 2.0, 3  # pixels, on landmarks that are otherwise true; how often they are drawn
MEDIAPIPE = "MediaPipe is here as its canonical mesh and as the network's own 3-D points"
Array = NDArray[np.float64]
Triangles = NDArray[np.int64]


def main() -> None:
    parser = arguments("geometry", __doc__)
    parser.add_argument("--only", nargs="*", default=["scans", "heads", "london", "cctwelve", "speed"])
    given = parser.parse_args()
    model, analyzer = load_head_model(), Analyzer()
    parts: dict[str, Callable[[], Any]] = {
        "speed": lambda: speed(model, analyzer),
        "scans": lambda: scans(model, analyzer),
        "heads": lambda: synthetic(model),
        "london": lambda: london(model, analyzer),
        "cctwelve": lambda: _plain(cctwelve(model, analyzer)),
    }
    figures = {name: part() for name, part in parts.items() if name in given.only}
    figures["peak_memory_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    report("geometry", figures | {"peers": _peers()}, given.json)


def _peers() -> str:
    version = eos_version()
    if version is None:
        return f"eos was not run: it is not installed (pip install mien[peers]); {MEDIAPIPE}"
    return f"eos {version} runs on our head model, its own is for non-commercial research; {MEDIAPIPE}"


def scans(model: HeadModel, analyzer: Analyzer) -> dict[str, Any]:
    """Errors of each development scan per view, side by side, and their means over the scans."""
    rows: dict[str, Any] = {}
    canonical, triangles = canonical_mesh()
    for scan in (load(DATA / "scans") for load in (lee, sven, fran)):
        registered = fit_scan(model, scan.points, scan.landmarks)
        row: dict[str, Any] = {
            "model fitted to the scan": round(float(np.median(registered.distances)), 3),
            "mean head": errors_of(model, model.mean.astype(float), scan.points, scan.landmarks),
            "mediapipe canonical": _of468(canonical, triangles, scan),
        }
        for view, yaw in YAWS.items():
            picture = render(scan, yaw).pixels
            points = locate(analyzer, picture).points
            fit = fit_landmarks(model, points, CAMERA, picture=picture)
            alone = fit_landmarks(model, points, CAMERA)
            bright = fit_landmarks(
                model, points, CAMERA, FitSettings(photometric=PhotometricSettings()), picture=picture
            )
            true = [_true_landmarks(model, registered, scan, yaw, seed) for seed in range(DRAWS)]
            best = [fit_landmarks(model, points, CAMERA, trusting(NOISE)).coefficients for points in true]
            row[view] = {
                "ours": _errors(model, fit.coefficients, scan),
                "ours, landmarks alone": _errors(model, alone.coefficients, scan),
                "ours, with brightness": _errors(model, bright.coefficients, scan),
                **{
                    name: errors_of(model, vertices, scan.points, scan.landmarks)
                    for name, vertices in eos_heads(model, points, SIZE, SIZE).items()
                },
                "mediapipe points": _of468(points * (1.0, -1.0, -1.0), triangles, scan),
                "ours, true landmarks": _typical([_errors(model, each, scan) for each in best]),
            }
        rows[scan.name] = row
    plain: dict[str, Any] = _plain(rows)
    return plain | {"means": _means(plain)}


def _means(rows: dict[str, Any]) -> dict[str, Any]:
    """Mean over the heads of the median errors with a free scale; turns to both sides together."""
    found: dict[str, Any] = {
        name: _mean([row[name]["scaled"] for row in rows.values()])
        for name in ("mean head", "mediapipe canonical")
    }
    pairs = {"17 degrees": ["17 degrees", "-17 degrees"], "35 degrees": ["35 degrees", "-35 degrees"]}
    for label, views in ({"frontal": ["frontal"]} | pairs).items():
        for who in next(iter(rows.values()))[views[0]]:
            found[f"{label}: {who}"] = _mean([r[v][who]["scaled"] for r in rows.values() for v in views])
    return found


def _mean(values: list[float]) -> float:
    return round(statistics.fmean(values), 3)


def _errors(model: HeadModel, coefficients: Coefficients, scan: Scan) -> Errors:
    return errors_of(model, vertices_of(model, coefficients), scan.points, scan.landmarks)


def _typical(draws: list[Errors]) -> Errors:
    return Errors(*(_mean([getattr(draw, name) for draw in draws]) for name in ("scaled", "rigid", "mean")))


def _true_landmarks(model: HeadModel, registered: ScanFit, scan: Scan, yaw: float, seed: int) -> Array:
    """The landmarks of the registered model in a render of its scan, (468, 2), with `NOISE`."""
    found = registered.coefficients
    values = np.concatenate([found.identity, found.expression])
    on_scan = place(mesh468_points(model, len(found.identity)).at(values), registered.placement)
    pixels = project(place(on_scan, placement_of(scan, yaw)), CAMERA)
    return pixels + np.random.default_rng(seed).normal(0, NOISE, pixels.shape)


def canonical_mesh() -> tuple[Array, Triangles]:
    """MediaPipe's canonical face: (468, 3) mm and its triangles."""
    vertices, triangles = [], []
    for line in (DATA / "head3d" / "mediapipe_canonical_face_model.obj").read_text().splitlines():
        kind, *rest = line.split() or [""]
        if kind == "v":
            vertices.append([10 * float(x) for x in rest])
        elif kind == "f":
            triangles.append([int(corner.split("/")[0]) - 1 for corner in rest])
    return np.array(vertices), np.array(triangles)


def _of468(points: Array, triangles: Triangles, scan: Scan) -> Errors:
    """A mesh of the 468 points; in pixels it has no size, and seven landmarks give it the scan's."""
    marks = points[list(CANONICAL7)]
    size = np.linalg.norm(scan.landmarks[3] - scan.landmarks[0]) / np.linalg.norm(marks[3] - marks[0])
    return surface_errors(size * points, triangles, size * marks, scan.points, scan.landmarks)


def speed(model: HeadModel, analyzer: Analyzer, rounds: int = 30) -> dict[str, Any]:
    """Milliseconds of the geometry from landmarks that are there, and as ratios to one bare network run.

    From the front and turned, where the outline is followed as well.  What landmarks cost: `head_texture`.
    """
    photos = {
        "frontal": sorted((DATA / "london" / "neutral_front").glob("*.jpg"))[0],
        "turned": DATA / "cctwelve" / "female" / "0001" / "pouting" / "texture" / "left.jpg",
    }
    network = analyzer.landmarker.network
    side = network.card.preprocess.side
    crop = np.zeros((1, side, side, 3), np.uint8)
    bare = _milliseconds(lambda: network.run(crop), rounds)
    figures: dict[str, Any] = {"landmark_network_ms": bare}
    for name, path in photos.items():
        picture, landmarks = analyzer.open(path), locate(analyzer, path)
        camera = photo_camera(picture, None)
        taken = _milliseconds(
            functools.partial(head_from_landmarks, picture.image, landmarks, camera, texture_size=0), rounds
        )
        figures |= {f"geometry_{name}_ms": taken, f"geometry_{name}_ratio": round(taken / bare, 1)}
    started = time.perf_counter()
    load_head_model.__wrapped__()
    loaded = 1000 * (time.perf_counter() - started)
    memory = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    return figures | {"model_load_ms": round(loaded, 1), "peak_memory_mb": memory}


def _milliseconds(call: Callable[[], object], rounds: int) -> float:
    call()
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        call()
        times.append(1000 * (time.perf_counter() - started))
    return round(statistics.median(times), 2)


def _plain(value: Any) -> Any:
    """Results as JSON has them."""
    if isinstance(value, Errors):
        return asdict(value)
    return {key: _plain(each) for key, each in value.items()} if isinstance(value, dict) else value


if __name__ == "__main__":
    main()
