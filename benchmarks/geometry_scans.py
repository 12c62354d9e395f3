"""Read the development scans with their textures and render them as photos of known geometry."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pictures

from mien.core.mesh import Camera, Placement
from mien.core.types import HeadPose, Image
from mien.evaluation.metrics.mesh import surface_error
from mien.face3d.fit.scan import LANDMARKS7
from mien.face3d.model.basis import HeadModel
from mien.face3d.render.rasterize import rasterize
from mien.face3d.render.shade import sample
from mien.geometry.projection import place
from mien.geometry.rotation import HEAD_TO_CAMERA, rotation_from_pose

CAMERA, SIZE, DISTANCE = Camera(1400.0, 1400.0, 383.5, 383.5), 768, 600.0
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """vertices, triangles, uv, uv_triangles, texture: what is rendered.    points, landmarks: what is
    measured."""

    name: str
    vertices: Array
    triangles: NDArray[np.int64]
    uv: Array
    uv_triangles: NDArray[np.int64]
    texture: NDArray[np.uint8]
    points: Array
    landmarks: Array


def placement_of(scan: Scan, yaw: float) -> Placement:
    """Where the scan stands in its renders."""
    rotation = rotation_from_pose(HeadPose(yaw, 0.0, 0.0)) @ HEAD_TO_CAMERA
    centre = scan.landmarks.mean(axis=0) + np.array([0.0, 0.0, -40.0])
    return Placement(rotation, np.array([0.0, 0.0, DISTANCE]) - rotation @ centre)


def render(scan: Scan, yaw: float) -> Image:
    """A 768-pixel picture of the scan, 600 mm away, on grey."""
    fragments = rasterize(place(scan.vertices, placement_of(scan, yaw)), scan.triangles, CAMERA, SIZE, SIZE)
    height, width = scan.texture.shape[:2]
    uv = fragments.interpolate(scan.uv, scan.uv_triangles)
    pixels = np.full((SIZE, SIZE, 3), 120, np.uint8)
    pixels[fragments.covered] = sample(scan.texture, uv * (width, height) - 0.5)
    return Image(pixels)


def lee(folder: Path) -> Scan:
    """Lee Perry-Smith (Infinite-Realities, CC BY 3.0), from the OBJ, textured corner by corner."""
    truth = np.load(folder / "gt" / "gt_lee.npz")
    source = folder / "lee_perry_smith"
    vertices, uv, faces = [], [], []
    for line in (source / "LPSHead_faceworks.obj").read_text().splitlines():
        kind, *rest = line.split() or [""]
        if kind == "v":
            vertices.append([10 * float(x) for x in rest[:3]])
        elif kind == "vt":
            uv.append([float(rest[0]), 1 - float(rest[1])])
        elif kind == "f":
            corners = [[int(number) - 1 for number in corner.split("/")[:2]] for corner in rest]
            faces += [(corners[0], corners[k], corners[k + 1]) for k in range(1, len(corners) - 1)]
    index = np.array(faces)
    texture = np.asarray(Pictures.open(source / "Map-COL.jpg").convert("RGB"))
    return Scan(
        "lee",
        np.array(vertices),
        index[:, :, 0],
        np.array(uv),
        index[:, :, 1],
        texture,
        truth["points"].astype(float),
        truth["lm7"].astype(float),
    )


def sven(folder: Path) -> Scan:
    """A mannequin's fused phone scan (StandardCyborg, Apache-2.0): a square per surfel, coloured.

    Rotation and shift lead from the frame of the truth to that of the file; found by closest points.
    """
    truth = np.load(folder / "gt" / "gt_sven.npz")
    text = (folder / "sven" / "Expected.ply").read_text().split("end_header")[1]
    rows = np.array(text.split(), float).reshape(-1, 10)
    rotation = np.array(
        [[-0.40106, 0.00656, -0.91603], [0.00494, 0.99998, 0.005], [0.91604, -0.00252, -0.40109]]
    )
    centres = (1000 * rows[:, :3] - (23.9156, -2.8532, 4.0031)) @ rotation
    normals = rows[:, 3:6] @ rotation
    first = np.cross(normals, (0.0, 1.0, 0.01))
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    second = np.cross(normals, first)
    reach = 1800 * rows[:, 9:]  # surfels overlap, so that no holes are left
    ways = (first, second, -first, -second)
    vertices = np.stack([centres + reach * way for way in ways], axis=1).reshape(-1, 3)
    start = 4 * np.arange(len(rows))[:, None]
    triangles = np.concatenate([start + np.array([0, 1, 2]), start + np.array([0, 2, 3])])
    uv = np.stack(
        [np.repeat((np.arange(len(rows)) + 0.5) / len(rows), 4), np.full(4 * len(rows), 0.5)], axis=1
    )
    colours = rows[None, :, 6:9].astype(np.uint8)
    points, marks = truth["points"].astype(float), truth["lm7"].astype(float)
    return Scan("sven", vertices, triangles, uv, triangles, colours, points, marks)


def fran(folder: Path) -> Scan:
    """The face patch of VTK's test data."""
    truth = np.load(folder / "gt" / "gt_fran.npz")
    text = (folder / "fran_cut" / "fran_cut.vtk").read_text()
    found = re.search(r"TEXTURE_COORDINATES[^\n]*\n", text)
    if found is None:
        raise SystemExit("fran_cut.vtk has no texture coordinates")
    count = len(truth["V"])
    uv = np.array(text[found.end() :].split()[: 2 * count], float).reshape(count, 2)
    triangles = truth["F"].astype(np.int64)[:, ::-1]
    texture = np.asarray(Pictures.open(folder / "fran_cut" / "fran_cut.png").convert("RGB"))
    flipped = np.stack([uv[:, 0], 1 - uv[:, 1]], axis=1)
    return Scan(
        "fran",
        truth["V"].astype(float),
        triangles,
        flipped,
        triangles,
        texture,
        truth["points"],
        truth["lm7"],
    )


@dataclass(frozen=True, slots=True)
class Errors:
    """Distances in mm from scan points to a head: median with a free scale, without, and the mean."""

    scaled: float
    rigid: float
    mean: float


def errors_of(model: HeadModel, vertices: Array, points: Array, marks: Array) -> Errors:
    """Errors of a head on the model's mesh (V, 3): all of it, as `mien evaluate geometry` has it."""
    triangles = model.levels[0][0]
    return surface_errors(vertices, triangles, vertices[model.points68[list(LANDMARKS7)]], points, marks)


def surface_errors(
    vertices: Array, triangles: NDArray[np.int64], ours: Array, points: Array, marks: Array
) -> Errors:
    """Errors of any mesh; ours, marks: NoW's seven landmarks (7, 3) on it and on the scan."""
    chosen = points[np.random.default_rng(0).choice(len(points), min(4000, len(points)), replace=False)]
    scaled = surface_error(vertices, triangles, ours, chosen, marks, "rigid+scale", sample=1500)
    rigid = surface_error(vertices, triangles, ours, chosen, marks, "rigid", sample=1500)
    return Errors(round(scaled.median, 3), round(rigid.median, 3), round(scaled.mean, 3))
