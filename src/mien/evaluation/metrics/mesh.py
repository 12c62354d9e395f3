"""Distance between a predicted head and a scan: the protocol of the NoW benchmark (Sanyal et al. 2019).

The prediction is aligned on seven landmarks, then by iterated closest points, and the distance from every
scan point inside the face region to the predicted surface is reported.  Rigid only ("rigid") says how good
the millimetres are; with a scale ("rigid+scale") how good the shape is.  On other heads than NoW's own the
numbers are not NoW numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import ShapeError, ThinData
from mien.geometry.nearest import nearest_on_mesh

Floats = NDArray[np.floating]
Array = NDArray[np.float64]
Alignment = Literal["rigid", "rigid+scale"]


@dataclass(frozen=True, slots=True, eq=False)
class SurfaceError:
    """Distances in mm from scan points to the predicted surface after alignment."""

    distances: Array
    aligned: Alignment

    @property
    def median(self) -> float:
        return float(np.median(self.distances))

    @property
    def mean(self) -> float:
        return float(self.distances.mean())

    @property
    def std(self) -> float:
        return float(self.distances.std())

    def to_dict(self) -> dict[str, float | int | str]:
        return {
            "median_mm": self.median,
            "mean_mm": self.mean,
            "std_mm": self.std,
            "points": len(self.distances),
            "aligned": self.aligned,
        }


def align(source: Floats, target: Floats, scale: bool) -> tuple[float, Array, Array]:
    """Find scale, rotation (3, 3) and shift (3,) with ``s * source @ R.T + t`` nearest to target (Umeyama
    1991).

    source, target: (N, 3).  The scale is 1 unless asked for; a reflection is never returned.
    """
    if source.shape != target.shape or source.ndim != 2 or source.shape[1] != 3:
        raise ShapeError("source and target", "(N, 3)", (*source.shape, *target.shape))
    a, b = source - source.mean(axis=0), target - target.mean(axis=0)
    u, d, vt = np.linalg.svd(b.T @ a)
    flip = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = (u * flip) @ vt
    size = float((d * flip).sum() / (a**2).sum()) if scale else 1.0
    return size, np.asarray(rotation, np.float64), target.mean(axis=0) - size * rotation @ source.mean(axis=0)


def face_region(points: Floats, landmarks: Floats) -> NDArray[np.bool_]:
    """Which scan points (N, 3) lie in the face region, from NoW's seven landmarks (7, 3).

    NoW's rule (``compute_mask`` of its published evaluation): the nose goes from its bottom to the middle of
    the inner eye corners; a ball around the point at 0.3 of it, of radius 0.7 times (distance of the outer
    eye corners + length of the nose).
    """
    if landmarks.shape != (7, 3):
        raise ShapeError("landmarks", "(7, 3)", landmarks.shape)
    nose = (landmarks[1] + landmarks[2]) / 2 - landmarks[4]
    radius = 0.7 * (np.linalg.norm(landmarks[3] - landmarks[0]) + np.linalg.norm(nose))
    distance = np.linalg.norm(points - (landmarks[4] + 0.3 * nose), axis=1)
    return np.asarray(distance <= radius)


def surface_error(
    vertices: Floats,
    triangles: NDArray[np.integer],
    vertex_landmarks: Floats,
    scan: Floats,
    scan_landmarks: Floats,
    aligned: Alignment = "rigid+scale",
    rounds: int = 24,
    sample: int = 2500,
) -> SurfaceError:
    """Measure a predicted mesh (V, 3), mm, against scan points (N, 3) with seven landmarks each, (7, 3).

    ``rounds`` of closest points use ``sample`` scan points, the nearest 95 % of them; all points are
    measured.
    """
    if len(scan) < 100:
        raise ThinData(f"{len(scan)} scan points are too few to measure a surface; give some thousands")
    scaled = aligned == "rigid+scale"
    size, rotation, shift = align(vertex_landmarks, scan_landmarks, scaled)
    moved = size * vertices @ rotation.T + shift
    chosen = scan[np.random.default_rng(0).choice(len(scan), min(sample, len(scan)), replace=False)]
    last = np.inf
    for _ in range(rounds):
        found, _, _ = nearest_on_mesh(chosen, moved, triangles, candidates=2)
        distance = np.linalg.norm(found - chosen, axis=1)
        near = distance <= np.quantile(distance, 0.95)
        size, rotation, shift = align(found[near], chosen[near], scaled)
        moved = size * moved @ rotation.T + shift
        value = float(distance[near].mean())
        if last - value < 1e-4:
            break
        last = value
    found, _, _ = nearest_on_mesh(scan, moved, triangles, exact=True)
    return SurfaceError(np.linalg.norm(found - scan, axis=1), aligned)
