"""Wavefront OBJ with its material file and picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np

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
