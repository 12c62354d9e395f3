"""Heads from real photos: the London set (two moods, hand-placed points), one scanned woman of cctwelve."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.geometry_eos import eos_heads
from benchmarks.geometry_scans import Errors, errors_of
from mien.core.mesh import Camera
from mien.core.types import Landmarks, LocatedFace
from mien.evaluation.metrics.mesh import align, face_region
from mien.face3d.fit.head import FitSettings, HeadFit, fit_landmarks
from mien.face3d.fit.likeness import frontal_offsets
from mien.face3d.fit.photometric import PhotometricSettings
from mien.face3d.fit.scan import LANDMARKS7
from mien.face3d.model.basis import HeadModel
from mien.face3d.model.shape import vertices_of
from mien.geometry.projection import place, project
from mien.geometry.schemes import scheme
from mien.geometry.triangles import face_crosses
from mien.pipeline.analyze import Analyzer
from mien.pipeline.reconstruct import photo_camera
from mien.training.headmodel.likeness import learn_likeness

DATA = Path(os.environ.get("MIEN_SHARED", "../shared")) / "data"
PORTRAIT = Camera(2400.0, 2400.0, 399.5, 399.5)
MOODS = ("neutral", "smiling")
JAW = slice(125, 134)
"""The points of the London template that lie on the outline of the jaw."""
FOLDS = 6
OTHER_WAYS = {
    "landmarks alone": FitSettings(contour=None),
    "with brightness": FitSettings(photometric=PhotometricSettings()),
}
Array = NDArray[np.float64]


def locate(analyzer: Analyzer, source: Any) -> Landmarks:
    picture = analyzer.open(source)
    found = analyzer.find(picture)
    return analyzer.landmarker.steady(LocatedFace(picture.image, found[0]))


def london_landmarks(analyzer: Analyzer) -> dict[str, dict[str, Array]]:
    """Mood → person → landmarks (468, 3), of the people who have both."""
    found = {
        mood: {
            path.name[:3]: locate(analyzer, path).points
            for path in sorted((DATA / "london" / f"{mood}_front").glob("*.jpg"))
        }
        for mood in MOODS
    }
    both = found["neutral"].keys() & found["smiling"].keys()
    return {mood: {name: found[mood][name] for name in sorted(both)} for mood in MOODS}


def london_offsets(model: HeadModel, analyzer: Analyzer) -> dict[str, list[Array]]:
    """Mood → offsets (936,) of each person, in the same order."""
    found = london_landmarks(analyzer)
    return {
        mood: [frontal_offsets(model, points, PORTRAIT) for points in found[mood].values()] for mood in MOODS
    }


def london(model: HeadModel, analyzer: Analyzer) -> dict[str, Any]:
    """Reprojection, hand-placed points and jaw outline, and whether a smile changes who it is."""
    found = london_landmarks(analyzer)
    fits = {
        mood: {name: fit_landmarks(model, points, PORTRAIT) for name, points in people.items()}
        for mood, people in found.items()
    }
    missed, placed, jaws = [], [], []
    for name, fit in fits["neutral"].items():
        points = found["neutral"][name]
        eyes = float(np.linalg.norm(points[263, :2] - points[33, :2]))
        path = next((DATA / "london" / "neutral_front").glob(f"{name}*.points.json"))
        outline = np.array(json.loads(path.read_text()))
        missed.append(100 * fit.residual / eyes)
        twins = scheme("frl189").mesh468
        by_hand, ours = outline[list(twins)], fit.landmarks[list(twins.values())]
        placed.append(100 * np.median(np.linalg.norm(ours - by_hand, axis=1)) / eyes)
        jaws.append(100 * np.median(_from_outline(model, fit, outline[JAW])) / eyes)
    offsets = {
        mood: np.array([frontal_offsets(model, points, PORTRAIT) for points in found[mood].values()])
        for mood in MOODS
    }
    return {
        "people": len(missed),
        "reprojection_percent_of_eye_distance": round(float(np.median(missed)), 3),
        "hand_placed_points_percent_of_eye_distance": round(float(np.median(placed)), 3),
        "jaw_outline_percent_of_eye_distance": round(float(np.median(jaws)), 3),
        "smiling_nearest_to_own_neutral_percent": _moods_apart(model, fits, offsets),
    }


def _from_outline(model: HeadModel, fit: HeadFit, points: Array) -> Array:
    """Distance (N,) px of points from the nearest edge where the fitted skin turns away from the camera."""
    triangles = model.skin_triangles()
    stand = place(vertices_of(model, fit.coefficients), fit.placement)
    front = (face_crosses(stand, triangles) * stand[triangles[:, 0]]).sum(axis=1) < 0
    edges = np.sort(np.concatenate([triangles[:, pair] for pair in ([0, 1], [1, 2], [2, 0])]), axis=1)
    unique, place_of = np.unique(edges, axis=0, return_inverse=True)
    seen = np.bincount(place_of.ravel(), np.tile(front, 3).astype(float), len(unique))
    rim = project(stand, fit.camera)[unique[seen == 1]]
    along = np.linspace(0, 1, 5)[:, None, None]
    samples = (rim[:, 0] * (1 - along) + rim[:, 1] * along).reshape(-1, 2)
    return np.asarray(np.linalg.norm(points[:, None] - samples, axis=2).min(axis=1))


def _moods_apart(
    model: HeadModel, fits: dict[str, dict[str, HeadFit]], offsets: dict[str, Array]
) -> dict[str, float]:
    """Share of smiling photos whose own neutral photo is the most alike of all, by each way to compare."""
    neutral, smiling = (np.array([f.coefficients.identity for f in fits[m].values()]) for m in MOODS)
    everybody = np.arange(len(neutral))
    distance = -np.linalg.norm(smiling[:, None] - neutral, axis=2)
    unit = [z / np.linalg.norm(z, axis=1, keepdims=True) for z in (neutral, smiling)]
    order = np.random.default_rng(0).permutation(len(neutral))
    unseen = []
    for fold in range(FOLDS):
        judged = order[fold::FOLDS]
        taught = np.setdiff1d(order, judged)
        unseen.append(_own_first(offsets, taught, judged) * len(judged) / len(order))
    return {
        "coefficients, distance": _percent(distance, everybody),
        "coefficients, cosine": _percent(unit[1] @ unit[0].T, everybody),
        f"likeness, learned on other people ({FOLDS} folds)": round(float(np.sum(unseen)), 1),
        "likeness, as shipped (learned on these people)": round(_own_first(offsets, everybody, everybody), 1),
    }


def _own_first(offsets: dict[str, Array], taught: NDArray[np.int64], judged: NDArray[np.int64]) -> float:
    learned = learn_likeness(offsets["neutral"][taught], offsets["smiling"][taught])
    neutral, smiling = ((offsets[m] - learned.mean) @ learned.read for m in MOODS)
    return _percent(learned.compare(smiling[judged], neutral), judged)


def _percent(alike: Array, own: NDArray[np.int64]) -> float:
    return round(100 * float((alike.argmax(axis=1) == own).mean()), 1)


def cctwelve(model: HeadModel, analyzer: Analyzer) -> dict[str, Any]:
    """Photos of one scanned woman: surface error where scan points exist, expert landmarks in eight moods."""
    root = DATA / "cctwelve" / "female" / "0001"
    result: dict[str, Any] = {}
    mean = model.mean.astype(np.float64)
    for folder in sorted(root.iterdir()):
        expert = np.loadtxt(folder / "points" / f"{folder.name}_landmarks.txt")
        scan = folder / "points" / f"{folder.name}_points.asc"
        points = np.loadtxt(scan, comments="#")[:, :3] if scan.is_file() else None
        rows = {"mean head": _against(model, mean, expert, points)}
        for view in ("front", "left", "right"):
            picture = analyzer.open(folder / "texture" / f"{view}.jpg")
            found = analyzer.find(picture)
            landmarks = analyzer.landmarker.steady(LocatedFace(picture.image, found[0]))
            camera, pixels = photo_camera(picture, None), picture.image.pixels
            fit = fit_landmarks(model, landmarks.points, camera, picture=pixels)
            rows[view] = _against(model, vertices_of(model, fit.coefficients), expert, points)
            if points is not None:
                for name, settings in OTHER_WAYS.items():
                    other = fit_landmarks(model, landmarks.points, camera, settings, picture=pixels)
                    vertices = vertices_of(model, other.coefficients)
                    rows[f"{view}, {name}"] = _against(model, vertices, expert, points)
                size = picture.image.width, picture.image.height
                for name, vertices in eos_heads(model, landmarks.points, *size).items():
                    rows[f"{view}, {name}"] = _against(model, vertices, expert, points)
        result[folder.name] = rows
    return result


def _against(
    model: HeadModel, vertices: Array, expert: Array, points: Array | None
) -> dict[str, float | Errors]:
    """Median distance of the 51 inner landmarks after alignment, mm, and the surface errors."""
    inner = np.arange(17, 68)
    ours = vertices[model.points68[inner]]
    size, rotation, shift = align(ours, expert[inner], scale=True)
    gaps = np.linalg.norm(size * ours @ rotation.T + shift - expert[inner], axis=1)
    row: dict[str, float | Errors] = {"landmarks": round(float(np.median(gaps)), 3)}
    if points is not None:
        marks = expert[list(LANDMARKS7)]
        row["surface"] = errors_of(model, vertices, points[face_region(points, marks)], marks)
    return row
