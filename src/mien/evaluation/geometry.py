"""One predicted head against one scan, by the protocol of the NoW benchmark."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError
from mien.core.mesh import Camera, Mesh, Placement
from mien.core.types import HeadPose
from mien.evaluation.metrics.mesh import Alignment, SurfaceError, face_region, surface_error
from mien.evaluation.seven import Seven, find_landmarks, landmarks_of_own_head, read_landmarks
from mien.face3d.export.read import read_mesh
from mien.face3d.fit.scan import LANDMARKS7
from mien.face3d.model.basis import load_head_model
from mien.face3d.render.rasterize import rasterize
from mien.face3d.render.visibility import visible
from mien.geometry.projection import place
from mien.geometry.rotation import HEAD_TO_CAMERA, rotation_from_pose
from mien.pipeline.analyze import Analyzer

Array = NDArray[np.float64]

UNITS = {"mm": 1.0, "cm": 10.0, "m": 1000.0}
_VIEWS = ((0.0, 0.0), (0.5, 0.0), (-0.5, 0.0), (1.1, 0.0), (-1.1, 0.0), (0.0, 0.5), (0.0, -0.5))
_EYES = (60.0, 130.0)
"""mm between the outer eye corners of a human head, with room to spare."""


@dataclass(frozen=True, slots=True, eq=False)
class GeometryReport:
    """How far a predicted head lies from a scan.

    errors: by alignment, "rigid" and "rigid+scale".    scan, prediction: the landmarks used, in mm.
    region: how many scan points lie in the face region; so many or fewer were measured.
    points: (N, 3) mm, the scan points measured.    mean_head: errors of the mean head on the same points.
    """

    errors: dict[Alignment, SurfaceError]
    scan: Seven
    prediction: Seven
    region: int
    points: Array
    mean_head: dict[Alignment, SurfaceError]

    def to_dict(self, aligned: Alignment = "rigid") -> dict[str, Any]:
        """The answer as docs/evaluation.md describes it, with ``aligned`` in front."""
        every = {name: _figures(error) for name, error in self.errors.items()}
        marks = {"scan": self.scan.source, "prediction": self.prediction.source}
        mean = {name: _figures(error) for name, error in self.mean_head.items()}
        return {
            **every[aligned],
            "all": every,
            "mean_head": mean,
            "landmarks": marks,
            "region_points": self.region,
        }


def _figures(error: SurfaceError) -> dict[str, Any]:
    return {
        "median_mm": error.median,
        "mean_mm": error.mean,
        "std_mm": error.std,
        "vertices": len(error.distances),
        "aligned": error.aligned,
    }


def evaluate_geometry(
    prediction: str | Path,
    scan: str | Path,
    landmarks: str | Path | None = None,
    *,
    unit: str = "mm",
    scan_unit: str = "mm",
    outer: bool = True,
    most: int = 20_000,
    analyzer: Analyzer | None = None,
) -> GeometryReport:
    """Measure a head (OBJ, PLY, GLB) against a scan.

    landmarks: file with the seven of the scan, perhaps of the prediction too (`seven.read_landmarks`); what
        is missing is taken from the head model, or looked for on a render with ``analyzer``.
    outer: leave out scan points that no outside view sees (mouth and eye sockets).
    most: scan points measured, drawn evenly; 0 means all.
    raises: `InputError`, `NoFaceFound`, `ThinData`.
    """
    head = _in_mm(read_mesh(prediction), unit)
    truth = _in_mm(read_mesh(scan, points_only=True), scan_unit)
    given = {} if landmarks is None else read_landmarks(Path(landmarks))
    marks = _seven(head, given.get("prediction"), UNITS[unit], "the prediction", analyzer)
    scan_marks = _seven(truth, given.get("scan"), UNITS[scan_unit], "the scan", analyzer)
    _plausible(scan_marks.points, "the scan", "--scan-unit")
    _plausible(marks.points, "the prediction", "--unit")
    points = _measured_points(truth, scan_marks.points, outer)
    chosen = points
    if 0 < most < len(points):
        chosen = points[np.random.default_rng(0).choice(len(points), most, replace=False)]
    vertices, triangles = _welded(head)
    errors = {
        name: surface_error(vertices, triangles, marks.points, chosen, scan_marks.points, name)
        for name in _ALIGNMENTS
    }
    return GeometryReport(
        errors, scan_marks, marks, len(points), chosen, _mean_head_errors(chosen, scan_marks.points)
    )


def _mean_head_errors(points: Array, marks: Array) -> dict[Alignment, SurfaceError]:
    """What a head of no person in particular gets: the figure that any reconstruction has to beat.

    Its whole mesh is measured, eyeballs and mouth too, as the prediction's is.
    """
    model = load_head_model()
    triangles = model.levels[0][0]
    mean = model.mean.astype(np.float64)
    ours = mean[model.points68[list(LANDMARKS7)]]
    return {name: surface_error(mean, triangles, ours, points, marks, name) for name in _ALIGNMENTS}


_ALIGNMENTS: tuple[Alignment, ...] = ("rigid", "rigid+scale")


def _in_mm(mesh: Mesh, unit: str) -> Mesh:
    if unit not in UNITS:
        raise InputError(f"a mesh is in mm, cm or m, not in {unit}")
    return replace(mesh, vertices=np.asarray(mesh.vertices, np.float64) * UNITS[unit])


def _welded(mesh: Mesh) -> tuple[Array, NDArray[np.int64]]:
    """Vertices at one place as one vertex: the nearest triangle is looked for around the nearest vertices."""
    vertices, same = np.unique(mesh.vertices, axis=0, return_inverse=True)
    triangles = same.reshape(-1)[mesh.triangles]
    a, b, c = triangles.T
    return np.asarray(vertices, np.float64), np.asarray(triangles[(a != b) & (b != c) & (c != a)], np.int64)


def _seven(mesh: Mesh, given: Array | None, factor: float, name: str, analyzer: Analyzer | None) -> Seven:
    if given is not None:
        return Seven(given * factor, "file")
    own = landmarks_of_own_head(mesh)
    if own is not None:
        return Seven(own, "head model")
    if analyzer is None or not len(mesh.triangles):
        raise InputError(f"{name} has no known landmarks; give them with --landmarks")
    return Seven(find_landmarks(analyzer, mesh, name), "found on a render")


def _plausible(marks: Array, name: str, option: str) -> None:
    eyes = float(np.linalg.norm(marks[0] - marks[3]))
    if not _EYES[0] <= eyes <= _EYES[1]:
        raise InputError(
            f"the outer eye corners of {name} are {eyes:.3g} mm apart, a head's 60 to 130; "
            f"check the landmarks, or name the unit with {option} cm or m"
        )


def _measured_points(scan: Mesh, marks: Array, outer: bool) -> Array:
    inside = face_region(scan.vertices, marks)
    if outer and len(scan.triangles):
        inside &= seen_from_outside(scan, marks)
    return np.asarray(scan.vertices[inside], np.float64)


def face_axes(marks: Array) -> Array:
    """The face's own axes, rows of (3, 3): to the person's left, up, out of the face; from the seven."""
    across = marks[3] - marks[0]
    down = marks[5:].mean(axis=0) - marks[:4].mean(axis=0)
    out = np.cross(down, across)
    x, z = across / np.linalg.norm(across), out / np.linalg.norm(out)
    return np.stack([x, np.cross(z, x), z])


def seen_from_outside(mesh: Mesh, marks: Array, side: int = 512) -> NDArray[np.bool_]:
    """Which vertices (V,) some of seven views in front of the face see; marks (7, 3) say where its front is.

    Both sides of a triangle count as surface: scans come with either winding.
    """
    frame = face_axes(marks)
    vertices = (np.asarray(mesh.vertices) - marks[4]) @ frame.T
    close = np.linalg.norm(vertices, axis=1) < 200
    kept = close[mesh.triangles].all(axis=1)
    both = np.concatenate([mesh.triangles[kept], mesh.triangles[kept][:, ::-1]])
    camera = Camera(4.0 * side, 4.0 * side, (side - 1) / 2, (side - 1) / 2)
    result = np.zeros(len(vertices), bool)
    for yaw, pitch in _VIEWS:
        placement = Placement(
            rotation_from_pose(HeadPose(yaw, pitch, 0.0)) @ HEAD_TO_CAMERA, np.array([0.0, 0.0, 1200.0])
        )
        points = place(vertices, placement)
        result |= visible(points, camera, rasterize(points, both, camera, side, side), tolerance=2.0)
    return np.asarray(result & close)
