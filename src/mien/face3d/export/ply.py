"""Binary PLY with a colour per vertex."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mien.core.errors import InputError
from mien.core.mesh import Mesh, TextureMap
from mien.face3d.render.shade import sample


def write_ply(path: Path, mesh: Mesh, texture: TextureMap | None = None) -> tuple[Path, ...]:
    """Write vertices (with colours where there is a texture) and faces, little endian."""
    fields = [("x", "<f4"), ("y", "<f4"), ("z", "<f4")]
    coloured = texture is not None and mesh.uv is not None and mesh.uv_triangles is not None
    if coloured:
        fields += [("red", "u1"), ("green", "u1"), ("blue", "u1")]
    rows = np.zeros(len(mesh.vertices), np.dtype(fields))
    for i, name in enumerate("xyz"):
        rows[name] = mesh.vertices[:, i]
    if coloured and texture is not None:
        colours = _vertex_colours(mesh, texture)
        for i, name in enumerate(("red", "green", "blue")):
            rows[name] = colours[:, i]
    faces = np.zeros(len(mesh.triangles), np.dtype([("count", "u1"), ("corners", "<i4", (3,))]))
    faces["count"], faces["corners"] = 3, mesh.triangles
    words = {"<f4": "float", "u1": "uchar"}
    header = ["ply", "format binary_little_endian 1.0", "comment millimetres, y up, facing +z"]
    header += [f"element vertex {len(rows)}", *(f"property {words[kind]} {name}" for name, kind in fields)]
    header += [f"element face {len(faces)}", "property list uchar int vertex_indices", "end_header", ""]
    path.write_bytes("\n".join(header).encode("ascii") + rows.tobytes() + faces.tobytes())
    return (path,)


def _vertex_colours(mesh: Mesh, texture: TextureMap) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    if mesh.uv is None or mesh.uv_triangles is None:
        raise InputError("this mesh has no texture coordinates; build it from the head model")
    uv = np.zeros((len(mesh.vertices), 2))
    uv[np.asarray(mesh.triangles).ravel()] = mesh.uv[np.asarray(mesh.uv_triangles).ravel()]
    size = texture.pixels.shape[0]
    return np.asarray(np.round(sample(texture.pixels, uv * size - 0.5)), np.uint8)
