"""Any mesh file → mesh, checked: what is empty, broken or too large is refused with the reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mien.core.errors import InputError
from mien.core.mesh import Mesh
from mien.face3d.export.read_glb import read_glb
from mien.face3d.export.read_obj import read_obj
from mien.face3d.export.read_ply import read_ply

READERS = {".obj": read_obj, ".ply": read_ply, ".glb": read_glb}
MOST_BYTES = 1 << 30
MOST_VERTICES = 5_000_000


def read_mesh(path: str | Path, *, points_only: bool = False) -> Mesh:
    """Read an OBJ, PLY or GLB and check it; numbers stay in the unit of the file.

    points_only: a cloud without triangles is fine.
    raises: `InputError`: no such file, another format, empty, not finite, faces that name no vertex, too
    large.
    """
    source = Path(path)
    reader = READERS.get(source.suffix.lower())
    if reader is None:
        kind = source.suffix or "a file without ending"
        raise InputError(f"{kind} is not read as a mesh; give {', '.join(READERS)}: {source}")
    if source.is_file() and source.stat().st_size > MOST_BYTES:
        size = source.stat().st_size >> 20
        raise InputError(
            f"{source.name} has {size:,} MB, above {MOST_BYTES >> 20:,}; decimate the mesh first"
        )
    mesh = reader(source)
    checked(mesh, source.name, points_only)
    return mesh


def checked(mesh: Mesh, name: str, points_only: bool = False) -> None:
    """Refuse a mesh that cannot be measured; ``name`` is what the message calls it."""
    count = len(mesh.vertices)
    if not count:
        raise InputError(f"{name} holds no vertices; export the mesh again")
    if count > MOST_VERTICES:
        raise InputError(f"{name} has {count:,} vertices, above {MOST_VERTICES:,}; decimate the mesh first")
    if not np.isfinite(mesh.vertices).all():
        raise InputError(f"{name} has vertices that are not numbers (NaN or infinite); clean the mesh first")
    if not len(mesh.triangles):
        if not points_only:
            raise InputError(f"{name} is a point cloud without faces; give a mesh with a surface")
        return
    low, high = int(mesh.triangles.min()), int(mesh.triangles.max())
    if low < 0 or high >= count:
        wrong = low if low < 0 else high
        raise InputError(f"{name} has a face with vertex {wrong} of {count}; export the mesh again")
