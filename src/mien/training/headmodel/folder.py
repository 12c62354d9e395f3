"""A folder of registered shapes → arrays: the same triangles in every file, another person in each."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError, ThinData
from mien.core.mesh import Mesh
from mien.face3d.export.read import checked, read_mesh
from mien.face3d.model.arkit import ARKIT
from mien.training.headmodel.topology import REGIONS

Singles = NDArray[np.float32]
Ints = NDArray[np.int64]

ENDINGS = (".obj", ".ply", ".glb", ".npz")
FEWEST = 8
MOST_NUMBERS = 500_000_000
"""Numbers held at once (heads x vertices x 3): 2 GB."""


@dataclass(frozen=True, slots=True, eq=False)
class RegisteredHeads:
    """heads: (N, V, 3) float32 mm.    names: (N,) file names.    sha256: of every file, by name.

    uv, uv_triangles: texture coordinates of the first shape that has some, or None.
    """

    heads: Singles
    names: tuple[str, ...]
    triangles: Ints
    uv: NDArray[np.floating] | None
    uv_triangles: Ints | None
    sha256: dict[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class Indices:
    """What is known of the vertices, from a JSON file; everything is optional.

    regions: name → vertex numbers (names of `topology.REGIONS`; what no region claims is face).
    landmarks68: 68 vertex numbers in iBUG order.    mirror: (V,) vertex on the other side, -1 for none.
    """

    regions: dict[str, Ints] = field(default_factory=dict)
    landmarks68: Ints | None = None
    mirror: Ints | None = None


def read_heads(folder: Path, factor: float = 1.0) -> RegisteredHeads:
    """Read every .obj, .ply, .glb and .npz of a folder, in the order of their names, times ``factor``.

    An .npz holds ``vertices`` (V, 3) or ``shapes`` (N, V, 3), and ``triangles`` (T, 3).
    raises: `InputError` with the file that does not fit the first, `ThinData` for fewer than 8 heads.
    """
    paths = _paths(folder)
    first: Mesh | None = None
    heads: list[Singles] = []
    names: list[str] = []
    hashes: dict[str, str] = {}
    for path in paths:
        meshes = _read(path)
        hashes[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
        for number, mesh in enumerate(meshes):
            name = path.name if len(meshes) == 1 else f"{path.name}#{number}"
            checked(mesh, name)
            first = first or mesh
            _same_topology(mesh, first, name, names[0] if names else name)
            heads.append(np.asarray(mesh.vertices * factor, np.float32))
            names.append(name)
            if len(heads) * heads[0].size > MOST_NUMBERS:
                raise InputError(
                    f"{len(heads)} heads of {len(heads[0]):,} vertices are too much; thin them out"
                )
    if first is None or len(heads) < FEWEST:
        raise ThinData(
            f"{len(heads)} heads do not make a head model; give at least {FEWEST}, better hundreds"
        )
    uv_triangles = None if first.uv_triangles is None else np.asarray(first.uv_triangles, np.int64)
    triangles = np.asarray(first.triangles, np.int64)
    return RegisteredHeads(np.stack(heads), tuple(names), triangles, first.uv, uv_triangles, hashes)


def read_expressions(folder: Path, heads: RegisteredHeads, neutral: Singles, factor: float = 1.0) -> Singles:
    """Displacements (52, V, 3) mm of the movements in a folder: one file each, named as ARKIT names it.

    A file shows the movement done fully on the head ``neutral.*`` of the same folder; without one, on the
    mean head, ``neutral`` (V, 3).  What has no file does not move.
    raises: `InputError` for another name or topology.
    """
    found: dict[str, Mesh] = {}
    for path in _paths(folder):
        (mesh, *more) = _read(path)
        if path.stem not in (*ARKIT, "neutral") or more:
            raise InputError(
                f"{path.name} is no movement; name files as ARKit does: jawOpen, mouthSmileLeft …"
            )
        checked(mesh, path.name)
        if mesh.triangles.shape != heads.triangles.shape or (mesh.triangles != heads.triangles).any():
            raise InputError(f"{path.name} has other triangles than {heads.names[0]}; register it first")
        found[path.stem] = mesh
    base = np.asarray(found["neutral"].vertices * factor) if "neutral" in found else neutral
    result = np.zeros((len(ARKIT), *neutral.shape), np.float32)
    for name, mesh in found.items():
        if name != "neutral":
            result[ARKIT.index(name)] = mesh.vertices * factor - base
    return result


def read_indices(path: Path, vertices: int) -> Indices:
    """Read a JSON of ``regions``, ``landmarks68`` and ``mirror``; raises `InputError` with the wrong one."""
    if not path.is_file():
        raise InputError(f"no index file at {path}; check the path")
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        regions = {str(k): np.asarray(v, np.int64).ravel() for k, v in content.get("regions", {}).items()}
        rows = {k: np.asarray(content[k], np.int64) for k in ("landmarks68", "mirror") if k in content}
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise InputError(f"{path.name} is no index file ({error}); give lists of vertex numbers") from error
    unknown = (content.keys() - {"regions", "landmarks68", "mirror"}) | (regions.keys() - set(REGIONS))
    if unknown:
        raise InputError(f"{path.name} names {sorted(unknown)[0]!r}; regions are {', '.join(REGIONS)}")
    for name, wanted in (("landmarks68", 68), ("mirror", vertices)):
        if name in rows and rows[name].shape != (wanted,):
            raise InputError(f"{name} in {path.name} must be {wanted} vertex numbers, not {rows[name].shape}")
    for name, numbers in (*regions.items(), *rows.items()):
        low = -1 if name == "mirror" else 0
        if len(numbers) and not low <= numbers.min() <= numbers.max() < vertices:
            raise InputError(f"{name} in {path.name} names a vertex beyond 0..{vertices - 1}; correct it")
    return Indices(regions, rows.get("landmarks68"), rows.get("mirror"))


def _paths(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise InputError(f"no folder {folder}; give one with registered shapes ({', '.join(ENDINGS)})")
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in ENDINGS)
    if not paths:
        raise InputError(f"{folder} holds no registered shapes; give a folder of {', '.join(ENDINGS)}")
    return paths


def _read(path: Path) -> list[Mesh]:
    if path.suffix.lower() != ".npz":
        return [read_mesh(path)]
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as packed:
            triangles = packed["triangles"]
            shapes = packed["shapes"] if "shapes" in packed.files else packed["vertices"][None]
            return [Mesh(shape, triangles.astype(np.int64)) for shape in shapes]
    except (ValueError, OSError, KeyError, EOFError, IndexError) as error:
        raise InputError(f"{path.name} holds no shape ({error}); store vertices and triangles") from error


def _same_topology(mesh: Mesh, first: Mesh, name: str, first_name: str) -> None:
    if mesh.vertices.shape != first.vertices.shape:
        counts = f"{len(mesh.vertices):,} vertices, {first_name} {len(first.vertices):,}"
        raise InputError(f"{name} has {counts}; register the shapes to one mesh first")
    if mesh.triangles.shape != first.triangles.shape or (mesh.triangles != first.triangles).any():
        raise InputError(
            f"{name} has other triangles than {first_name}; register the shapes to one mesh first"
        )
