"""Heads of known coefficients: how much the solver loses when the landmarks are right."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.geometry_scans import CAMERA
from mien.core.mesh import Coefficients, Placement
from mien.core.types import HeadPose
from mien.evaluation.metrics.mesh import align
from mien.face3d.fit.head import FitSettings, fit_landmarks
from mien.face3d.fit.solve import Priors
from mien.face3d.model.basis import HeadModel
from mien.face3d.model.shape import vertices_of
from mien.geometry.projection import place, project
from mien.geometry.rotation import HEAD_TO_CAMERA, rotation_from_pose
from mien.geometry.triangles import interpolate

YAWS = (0.0, 0.3, -0.3, 0.6)
NOISE = (4.0, 2.0, 1.0, 0.5)
POINTS = (60, 120, 240, 468)
Array = NDArray[np.float64]


def trusting(noise: float) -> FitSettings:
    """Settings for landmarks whose only error is independent noise of so many pixels."""
    return FitSettings(
        scatter=0.01, pixel=noise, oval=1.0, opening=0.01, turned=0.0, facing=0.0, priors=Priors(outlier=1e3)
    )


def synthetic(model: HeadModel, heads: int = 200) -> dict[str, Any]:
    """Median vertex error over the face, mm, corresponding vertices after shift, turn and scale; no ICP."""
    rng = np.random.default_rng(1)
    face = model.rows("face")
    by_noise: dict[float, list[float]] = {noise: [] for noise in NOISE}
    by_points: dict[int, list[float]] = {count: [] for count in POINTS}
    shipped, baseline = [], []
    order = rng.permutation(468)
    for number in range(heads):
        vertices = _head(model, rng)
        marks = interpolate(vertices, model.mesh468.corners, model.mesh468.weights)
        baseline.append(vertex_error(model.mean[face].astype(float), vertices[face]))
        for yaw in YAWS:
            exact = project(place(marks, _standing(yaw)), CAMERA)
            grain = rng.normal(0, 1, (468, 2))
            for noise in NOISE if number % 8 == 0 else (1.0,):
                by_noise[noise].append(_error(model, exact + noise * grain, trusting(noise), vertices[face]))
            if number % 8 == 0:
                shipped.append(_error(model, exact + grain, FitSettings(), vertices[face]))
                for count in POINTS:
                    weights = np.isin(np.arange(468), order[:count]).astype(float)
                    by_points[count].append(
                        _error(model, exact + grain, trusting(1.0), vertices[face], weights)
                    )
    return {
        "heads": heads,
        "views": len(YAWS),
        "mean_head_mm": _median(baseline),
        "one_pixel_noise_mm": _median(by_noise[1.0]),
        "one_pixel_noise_settings_for_photos_mm": _median(shipped),
        "noise_px": {str(noise): _median(found) for noise, found in by_noise.items()},
        "points": {str(count): _median(found) for count, found in by_points.items()},
        "more_evidence_never_worse": _falling(by_noise.values()) and _falling(by_points.values()),
    }


def _head(model: HeadModel, rng: np.random.Generator) -> Array:
    truth = Coefficients(rng.standard_normal(100), np.zeros(len(model.names)), np.zeros((2, 2)))
    return vertices_of(model, truth)


def _standing(yaw: float) -> Placement:
    rotation = rotation_from_pose(HeadPose(yaw, 0.0, 0.0)) @ HEAD_TO_CAMERA
    return Placement(rotation, np.array([0.0, 0.0, 600.0]))


def _error(
    model: HeadModel, pixels: Array, settings: FitSettings, truth: Array, weights: Array | None = None
) -> float:
    fit = fit_landmarks(model, pixels, CAMERA, settings, weights)
    return vertex_error(vertices_of(model, fit.coefficients)[model.rows("face")], truth)


def vertex_error(found: Array, truth: Array) -> float:
    """Median distance of corresponding vertices after a similarity: what one picture can know."""
    size, rotation, shift = align(found, truth, scale=True)
    return float(np.median(np.linalg.norm(size * found @ rotation.T + shift - truth, axis=1)))


def _median(values: list[float]) -> float:
    return round(float(np.median(values)), 3)


def _falling(groups: Any) -> bool:
    medians = [float(np.median(group)) for group in groups]
    return all(later <= earlier for earlier, later in pairwise(medians))
