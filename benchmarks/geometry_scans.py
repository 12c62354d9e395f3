"""Read the development scans with their textures and render them as photos of known geometry (needs
trimesh, scipy)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pictures

from mien.core.mesh import Camera, Placement
from mien.core.types import HeadPose, Image
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


def render(scan: Scan, yaw: float) -> Image:
    """A 768-pixel picture of the scan, 600 mm away, on grey."""
    rotation = rotation_from_pose(HeadPose(yaw, 0.0, 0.0)) @ HEAD_TO_CAMERA
    centre = scan.landmarks.mean(axis=0) + np.array([0.0, 0.0, -40.0])
    placement = Placement(rotation, np.array([0.0, 0.0, DISTANCE]) - rotation @ centre)
    fragments = rasterize(place(scan.vertices, placement), scan.triangles, CAMERA, SIZE, SIZE)
    height, width = scan.texture.shape[:2]
    uv = fragments.interpolate(scan.uv, scan.uv_triangles)
    pixels = np.full((SIZE, SIZE, 3), 120, np.uint8)
    pixels[fragments.covered] = sample(scan.texture, uv * (width, height) - 0.5)
    return Image(pixels)


def lee(folder: Path) -> Scan:
    """Lee Perry-Smith (Infinite-Realities, CC BY 3.0); texture coordinates from the GLB, matched by
    position."""
    import trimesh
    from scipy.spatial import cKDTree

    truth = np.load(folder / "gt" / "gt_lee.npz")
    source = folder / "lee_perry_smith"
    scene = trimesh.load(source / "LeePerrySmith.glb", process=False)
    mesh = next(iter(scene.geometry.values()))
    vertices, triangles = truth["V"].astype(float), truth["F"].astype(np.int64)
    used = vertices[triangles].reshape(-1, 3)
    low, high = used.min(axis=0), used.max(axis=0)
    scale = float(((high - low) / np.ptp(mesh.bounds, axis=0)).mean())
    moved = (mesh.vertices - mesh.bounds.mean(axis=0)) * scale + (low + high) / 2
    _, same = cKDTree(moved[mesh.faces].mean(axis=1)).query(vertices[triangles].mean(axis=1))
    faces = mesh.faces[same]
    corner = np.linalg.norm(vertices[triangles][:, :, None] - moved[faces][:, None], axis=3).argmin(axis=2)
    uv = np.asarray(mesh.visual.uv)[np.take_along_axis(faces, corner, axis=1)].reshape(-1, 2)
    texture = np.asarray(Pictures.open(source / "Map-COL.jpg").convert("RGB"))
    rows = np.arange(3 * len(triangles)).reshape(-1, 3)
    return Scan("lee", vertices, triangles, uv, rows, texture, truth["points"], truth["lm7"])


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
