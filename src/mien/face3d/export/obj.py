"""Wavefront OBJ with its material file and picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mien.core.errors import InputError
from mien.core.mesh import Mesh, TextureMap


def write_obj(path: Path, mesh: Mesh, texture: TextureMap | None = None) -> tuple[Path, ...]:
    """Write ``path`` and, with a texture, ``.mtl`` and ``.png`` beside it; returns the files written."""
    lines = ["# millimetres, y up, facing +z"]
    textured = texture is not None and mesh.uv is not None and mesh.uv_triangles is not None
    if textured:
        lines.append(f"mtllib {path.with_suffix('.mtl').name}")
    lines += [f"v {x:.4f} {y:.4f} {z:.4f}" for x, y, z in mesh.vertices.tolist()]
    if textured and mesh.uv is not None and mesh.uv_triangles is not None:
        lines += [f"vt {u:.6f} {1 - v:.6f}" for u, v in mesh.uv.tolist()]
        lines.append("usemtl skin")
        both = np.stack([mesh.triangles, mesh.uv_triangles], axis=2) + 1
        lines += [f"f {a}/{p} {b}/{q} {c}/{r}" for (a, p), (b, q), (c, r) in both.tolist()]
    else:
        lines += [f"f {a} {b} {c}" for a, b, c in (np.asarray(mesh.triangles) + 1).tolist()]
    path.write_text("\n".join(lines) + "\n", encoding="ascii")
    if not textured or texture is None:
        return (path,)
    return (path, *_write_material(path, texture))


def _write_material(path: Path, texture: TextureMap) -> tuple[Path, Path]:
    from PIL import Image

    picture, material = path.with_suffix(".png"), path.with_suffix(".mtl")
    Image.fromarray(texture.pixels).save(picture)
    material.write_text(
        f"newmtl skin\nKa 0 0 0\nKd 1 1 1\nKs 0 0 0\nillum 1\nmap_Kd {picture.name}\n", encoding="ascii"
    )
    return material, picture


def read_obj(path: Path) -> Mesh:
    """Read vertices, texture coordinates and faces of an OBJ; polygons become fans of triangles."""
    if not path.is_file():
        raise InputError(f"no such file: {path}; check the path")
    vertices: list[list[float]] = []
    uv: list[list[float]] = []
    faces: list[list[tuple[int, int]]] = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "v":
            vertices.append([float(x) for x in rest.split()[:3]])
        elif kind == "vt":
            u, v = (float(x) for x in rest.split()[:2])
            uv.append([u, 1 - v])
        elif kind == "f":
            faces.append([_corner(part, len(vertices), len(uv)) for part in rest.split()])
    if not vertices:
        raise InputError(f"{path.name} holds no vertices; is it a Wavefront OBJ?")
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
