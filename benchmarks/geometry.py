"""How good the 3D heads are: renders of scans, synthetic heads, reprojection, one person neutral and smiling.

python -m benchmarks.geometry OUT.json     (MIEN_SHARED, model files as `mien models pull` leaves them)
The protocol is NoW's, the heads are not: these are no NoW numbers.  Development scans only.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.geometry_scans import CAMERA, Scan, fran, lee, render
from mien.core.mesh import Camera, Coefficients, Placement
from mien.core.types import HeadPose, Landmarks, LocatedFace
from mien.evaluation.metrics.mesh import surface_error
from mien.face3d.fit.head import fit_landmarks
from mien.face3d.fit.scan import LANDMARKS7
from mien.face3d.model.basis import HeadModel, load_head_model
from mien.face3d.model.shape import vertices_of
from mien.geometry.projection import place, project
from mien.geometry.rotation import HEAD_TO_CAMERA, rotation_from_pose
from mien.geometry.triangles import interpolate
from mien.pipeline.analyze import Analyzer

DATA = Path(os.environ.get("MIEN_SHARED", "../shared")) / "data"
PORTRAIT = Camera(2400.0, 2400.0, 399.5, 399.5)


def main() -> None:
    model, analyzer = load_head_model(), Analyzer()
    result = {
        "scans": scans(model, analyzer),
        "synthetic": synthetic(model),
        "london": london(model, analyzer),
    }
    Path(sys.argv[1]).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def locate(analyzer: Analyzer, source: Any) -> Landmarks:
    picture = analyzer.open(source)
    found = analyzer.find(picture)
    return analyzer.landmarker.locate(LocatedFace(picture.image, found[0]))


def scans(model: HeadModel, analyzer: Analyzer) -> dict[str, Any]:
    """Median error in mm of each development scan, mean head beside it, with and without a free scale."""
    result: dict[str, Any] = {}
    for scan in (lee(DATA / "scans"), fran(DATA / "scans")):
        rows: dict[str, Any] = {"mean head": both(model, model.mean.astype(float), scan)}
        for yaw in (0.0, 0.61, -0.61):
            landmarks = locate(analyzer, render(scan, yaw).pixels)
            fit = fit_landmarks(model, landmarks.points, CAMERA)
            rows[f"yaw {np.degrees(yaw):.0f}"] = both(model, vertices_of(model, fit.coefficients), scan)
        result[scan.name] = rows
    return result


def both(model: HeadModel, vertices: NDArray[np.float64], scan: Scan) -> dict[str, float]:
    triangles = model.levels[0][0]
    triangles = triangles[np.isin(model.region[triangles], (0, 1)).all(axis=1)]
    marks = vertices[model.points68[list(LANDMARKS7)]]
    points = scan.points[np.random.default_rng(0).choice(len(scan.points), 6000, replace=False)]
    scaled = surface_error(vertices, triangles, marks, points, scan.landmarks, "rigid+scale")
    rigid = surface_error(vertices, triangles, marks, points, scan.landmarks, "rigid")
    return {
        "rigid+scale": round(scaled.median, 3),
        "rigid": round(rigid.median, 3),
        "mean": round(scaled.mean, 3),
    }


def synthetic(model: HeadModel, heads: int = 50, noise: float = 1.0) -> dict[str, float]:
    """Heads of known coefficients, four views, landmarks with noise (px): vertex error in mm, no ICP."""
    rng = np.random.default_rng(1)
    errors, baseline = [], []
    face = model.rows("face")
    for _ in range(heads):
        truth = Coefficients(rng.standard_normal(100), np.zeros(52))
        vertices = vertices_of(model, truth)
        marks = interpolate(vertices, model.mesh468.corners, model.mesh468.weights)
        for yaw in (0.0, 0.3, -0.3, 0.6):
            placement = Placement(
                rotation_from_pose(HeadPose(yaw, 0.0, 0.0)) @ HEAD_TO_CAMERA, np.array([0.0, 0.0, 600.0])
            )
            pixels = project(place(marks, placement), CAMERA) + rng.normal(0, noise, (468, 2))
            fit = fit_landmarks(model, pixels, CAMERA)
            errors.append(vertex_error(vertices_of(model, fit.coefficients)[face], vertices[face]))
            baseline.append(vertex_error(model.mean[face].astype(float), vertices[face]))
    return {
        "median_mm": round(float(np.median(errors)), 3),
        "mean_head_mm": round(float(np.median(baseline)), 3),
    }


def vertex_error(found: NDArray[np.float64], truth: NDArray[np.float64]) -> float:
    """Median distance of corresponding vertices after shift and scale: what one picture can know."""
    a, b = found - found.mean(axis=0), truth - truth.mean(axis=0)
    a = a * float((a * b).sum() / (a * a).sum())
    return float(np.median(np.linalg.norm(a - b, axis=1)))


def london(model: HeadModel, analyzer: Analyzer) -> dict[str, float]:
    """Reprojection in percent of the inter-ocular distance, and whether a smile changes who it is."""
    fits: dict[str, dict[str, Any]] = {"neutral": {}, "smiling": {}}
    misses, seconds = [], []
    for mood, found in fits.items():
        for path in sorted((DATA / "london" / f"{mood}_front").glob("*.jpg")):
            landmarks = locate(analyzer, path)
            started = time.perf_counter()
            fit = fit_landmarks(model, landmarks.points, PORTRAIT)
            seconds.append(time.perf_counter() - started)
            eyes = float(np.linalg.norm(landmarks.points[263, :2] - landmarks.points[33, :2]))
            misses.append(100 * fit.residual / eyes)
            found[path.name[:3]] = fit.coefficients.identity
    names = sorted(fits["neutral"].keys() & fits["smiling"].keys())
    neutral = np.array([fits["neutral"][name] for name in names])
    smiling = np.array([fits["smiling"][name] for name in names])
    gaps = np.linalg.norm(smiling[:, None] - neutral, axis=2)
    return {
        "reprojection_percent_median": round(float(np.median(misses)), 3),
        "same_person_nearest_percent": round(
            100 * float((gaps.argmin(axis=1) == np.arange(len(names))).mean()), 1
        ),
        "people": len(names),
        "fit_ms_median": round(1000 * float(np.median(seconds)), 1),
    }


if __name__ == "__main__":
    main()
