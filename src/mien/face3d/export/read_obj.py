"""Wavefront OBJ → mesh."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mien.core.errors import InputError
from mien.core.mesh import Mesh


def read_obj(path: Path) -> Mesh:
    """Read vertices, texture coordinates and faces of an OBJ; polygons become fans of triangles.

    raises: `InputError` where the file is absent or not an OBJ.
    """
    if not path.is_file():
        raise InputError(f"no such file: {path}; check the path")
    try:
        return _parse(path.read_text(encoding="utf-8", errors="replace"))
    except (ValueError, IndexError) as error:
        raise InputError(f"{path.name} is not a whole Wavefront OBJ ({error}); export it again") from error


def _parse(text: str) -> Mesh:
    vertices: list[list[float]] = []
    uv: list[list[float]] = []
    faces: list[list[tuple[int, int]]] = []
    for line in text.splitlines():
        kind, _, rest = line.strip().partition(" ")
        if kind == "v":
            x, y, z = rest.split()[:3]
            vertices.append([float(x), float(y), float(z)])
        elif kind == "vt":
            u, v = rest.split()[:2]
            uv.append([float(u), 1 - float(v)])
        elif kind == "f":
            faces.append([_corner(part, len(vertices), len(uv)) for part in rest.split()])
    if not vertices:
        raise ValueError("it holds no vertices")
    fans = [(face[0], face[i], face[i + 1]) for face in faces for i in range(1, len(face) - 1)]
    corners = np.array(fans, np.int64).reshape(-1, 3, 2)
    if not uv or (corners[..., 1] < 0).any():
        return Mesh(np.array(vertices), corners[..., 0])
    return Mesh(np.array(vertices), corners[..., 0], np.array(uv), corners[..., 1])


def _corner(part: str, vertices: int, textures: int) -> tuple[int, int]:
    fields = part.split("/")
    vertex = int(fields[0])
    texture = int(fields[1]) if len(fields) > 1 and fields[1] else 0
    # negative numbers count from the end
    vertex = vertex - 1 if vertex > 0 else vertices + vertex
    return vertex, (texture - 1 if texture > 0 else textures + texture if texture < 0 else -1)
