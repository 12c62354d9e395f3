"""NoW's seven landmarks of a surface: from a file, from a head whose mesh we know, or looked for.

Order: right outer eye corner, right inner, left inner, left outer, nose bottom, right and left mouth corner
(the person's right and left).
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError, NoFaceFound
from mien.core.mesh import Camera, Coefficients, Mesh, Placement
from mien.core.types import HeadPose, Image, LocatedFace
from mien.face3d.fit.scan import LANDMARKS7
from mien.face3d.model.basis import load_head_model
from mien.face3d.render.rasterize import rasterize
from mien.face3d.render.shade import render_clay
from mien.face3d.rig.head import rig
from mien.geometry.nearest import nearest_on_mesh
from mien.geometry.projection import place, unproject
from mien.geometry.rotation import HEAD_TO_CAMERA, rotation_from_pose
from mien.geometry.triangles import interpolate
from mien.pipeline.analyze import Analyzer

Array = NDArray[np.float64]

OF_MESH468 = (33, 133, 362, 263, 2, 61, 291)
"""The seven among the points of the landmark network."""
NAMES = ("scan", "prediction")
_FACING = {
    "+z, y up": np.eye(3),
    "-z, y down (a camera frame)": HEAD_TO_CAMERA,
    "-y, z up": np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]),
    "+x, y up": np.array([[0.0, 0, -1], [0, 1, 0], [1, 0, 0]]),
    "-z, y up": np.diag([-1.0, 1.0, -1.0]),
}
"""Ways a head may stand in its file, and the turn that makes it face +z."""


@dataclass(frozen=True, slots=True, eq=False)
class Seven:
    """points: (7, 3) in the unit of the mesh.    source: "file", "head model" or "found on a render"."""

    points: Array
    source: str


def read_landmarks(path: Path) -> dict[str, Array]:
    """Read the landmarks of the scan, and of the prediction where the file has them, (7, 3) each.

    JSON or .npz with the names ``scan`` and ``prediction`` (or one plain list); text, CSV or .npy with 7 rows
    (scan) or 14 (scan, then prediction); MeshLab's picked points (.pp).  Coordinates in the meshes' own
    units.
    """
    if not path.is_file():
        raise InputError(f"no landmarks at {path}; check the path")
    try:
        found = _parse(path)
    except (ValueError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise InputError(f"{path.name} holds no landmarks ({error}); give 7 rows of x y z") from error
    for name, points in found.items():
        if points.shape != (7, 3) or not np.isfinite(points).all():
            what = f"{name}: {points.shape[0] if points.ndim else 0} points"
            raise InputError(f"{path.name} must hold 7 finite points of x, y, z for each mesh, not {what}")
    if "scan" not in found:
        raise InputError(f"{path.name} does not name the scan's landmarks; call them scan")
    return found


def _parse(path: Path) -> dict[str, Array]:
    kind = path.suffix.lower()
    if kind in (".npz", ".npy"):
        loaded = np.load(io.BytesIO(path.read_bytes()), allow_pickle=False)
        return _named({k: loaded[k] for k in loaded.files} if kind == ".npz" else loaded)
    text = path.read_text(encoding="utf-8")
    if kind == ".json":
        return _named(json.loads(text))
    if kind == ".pp":
        rows = [
            [float(re.search(rf'\b{axis}="([^"]*)"', tag)[1]) for axis in "xyz"]  # type: ignore[index]  # a missing axis is a TypeError, told above
            for tag in re.findall(r"<point\b[^>]*>", text)
        ]
        return _named(rows)
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    table = list(csv.reader([re.sub(r"[\s;,]+", ",", line.strip()) for line in lines]))
    return _named([[float(cell) for cell in row[-3:]] for row in table])


def _named(content: Any) -> dict[str, Array]:
    if isinstance(content, dict):
        synonyms = {"lm7": "scan", "landmarks": "scan"}
        named = {synonyms.get(name, name): value for name, value in content.items()}
        return {name: np.asarray(named[name], np.float64) for name in NAMES if name in named}
    points = np.asarray(content, np.float64)
    if len(points) == 14:
        return {"scan": points[:7], "prediction": points[7:]}
    return {"scan": points}


def landmarks_of_own_head(mesh: Mesh) -> Array | None:
    """The seven of a head that mien wrote, (7, 3), at any level of detail; None for any other mesh."""
    model = load_head_model()
    still = Coefficients(np.zeros(0), np.zeros(len(model.names)))
    wanted = model.mean[model.points68[list(LANDMARKS7)]].astype(np.float64)
    for level in range(len(model.levels)):
        plain = model.mesh(level=level)
        for rest in (rig(model, still, None, level).posed(), plain):
            if rest.triangles.shape == mesh.triangles.shape and (rest.triangles == mesh.triangles).all():
                _, chosen, weights = nearest_on_mesh(
                    wanted, np.asarray(rest.vertices, np.float64), rest.triangles, 6
                )
                return interpolate(mesh.vertices, rest.triangles[chosen], weights)
    return None


def find_landmarks(analyzer: Analyzer, mesh: Mesh, name: str, which: Sequence[int] = OF_MESH468) -> Array:
    """Look for the seven (or others of the network's 468) on a clay picture of the front of a head, (N, 3).

    The head may face +z, a camera, or stand in one of the other usual ways.
    raises: `NoFaceFound` where no way shows a face.
    """
    for turn in _FACING.values():
        found = _look(analyzer, mesh, turn, which)
        if found is not None:
            return found
    raise NoFaceFound(f"no face was found on {name}; give its seven landmarks with --landmarks")


def _look(analyzer: Analyzer, mesh: Mesh, turn: Array, which: Sequence[int], side: int = 768) -> Array | None:
    vertices = np.asarray(mesh.vertices, np.float64) @ turn.T
    # around the median: loose scraps of a scan must not shrink the head
    middle, reach = (
        np.median(vertices, axis=0),
        1.5 * float(np.ptp(np.quantile(vertices, (0.02, 0.98), axis=0)[:, 1])),
    )
    if reach <= 0:
        return None
    scale = 300.0 / reach  # as if in millimetres: the rasteriser's near plane is
    rotation = rotation_from_pose(HeadPose(0.0, 0.0, 0.0)) @ HEAD_TO_CAMERA
    placement = Placement(rotation, np.array([0.0, 0.0, 1200.0]))
    moved = Mesh((vertices - middle) * scale, mesh.triangles)
    camera = Camera(2600.0, 2600.0, (side - 1) / 2, (side - 1) / 2)
    picture = Image(render_clay(moved, placement, camera, side, side, background=120))
    faces = analyzer.find(analyzer.open(picture.pixels))
    if not faces:
        return None
    marks = analyzer.landmarker.locate(LocatedFace(picture, faces[0]))
    pixels = marks.points[list(which), :2]
    depth = rasterize(place(moved.vertices, placement), mesh.triangles, camera, side, side).depth
    column, row = np.clip(np.round(pixels).astype(int), 0, side - 1).T
    at = depth[row, column].astype(np.float64)
    beside = ~np.isfinite(at)
    if beside.mean() > 0.1:
        return None
    at[beside] = np.median(at[~beside])  # an outline point may miss the outline by a pixel
    points = (unproject(pixels, at, camera) - placement.translation) @ placement.rotation
    return np.asarray((points / scale + middle) @ turn, np.float64)
