"""Binary PLY with a colour per vertex."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mien.core.errors import InputError
from mien.core.mesh import Mesh, TextureMap
from mien.face3d.render.shade import sample

_TYPES = {
    "char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4", "float": "f4",
    "double": "f8", "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4",
    "float32": "f4", "float64": "f8",
}  # fmt: skip


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


def read_ply(path: Path) -> Mesh:
    """Read vertices and faces of a PLY, ASCII or little endian; other properties are skipped."""
    if not path.is_file():
        raise InputError(f"no such file: {path}; check the path")
    data = path.read_bytes()
    end = data.find(b"end_header")
    if not data.startswith(b"ply") or end < 0:
        raise InputError(f"{path.name} is not a PLY file; give a PLY, OBJ or GLB")
    body = data[data.index(b"\n", end) + 1 :]
    elements, ascii_format = _header(data[:end].decode("ascii", "replace"))
    return _ascii(body, elements) if ascii_format else _binary(body, elements)


Elements = list[tuple[str, int, list[tuple[str, ...]]]]


def _header(text: str) -> tuple[Elements, bool]:
    elements: Elements = []
    ascii_format = False
    for words in (line.split() for line in text.splitlines()):
        if words[:1] == ["format"]:
            if words[1] == "binary_big_endian":
                raise InputError("big-endian PLY is not read; save it as little endian or ASCII")
            ascii_format = words[1] == "ascii"
        elif words[:1] == ["element"]:
            elements.append((words[1], int(words[2]), []))
        elif words[:1] == ["property"]:
            elements[-1][2].append(tuple(words[1:]))
    return elements, ascii_format


def _ascii(body: bytes, elements: Elements) -> Mesh:
    lines = iter(body.decode("ascii", "replace").splitlines())
    vertices, triangles = np.zeros((0, 3)), np.zeros((0, 3), np.int64)
    for name, count, properties in elements:
        rows = [next(lines).split() for _ in range(count)]
        if name == "vertex":
            columns = [[p[-1] for p in properties].index(axis) for axis in "xyz"]
            vertices = np.array([[float(row[c]) for c in columns] for row in rows]).reshape(-1, 3)
        elif name == "face":
            polygons = [[int(x) for x in row[1 : 1 + int(row[0])]] for row in rows]
            fans = [(p[0], p[i], p[i + 1]) for p in polygons for i in range(1, len(p) - 1)]
            triangles = np.array(fans, np.int64).reshape(-1, 3)
    return Mesh(vertices, triangles)


def _binary(body: bytes, elements: Elements) -> Mesh:
    vertices, triangles = np.zeros((0, 3)), np.zeros((0, 3), np.int64)
    at = 0
    for name, count, properties in elements:
        if any(p[0] == "list" for p in properties):
            if len(properties) != 1:
                raise InputError("this PLY mixes lists with other face properties; save it as OBJ")
            _, size, item, _ = properties[0]
            row = np.dtype([("n", "<" + _TYPES[size]), ("v", "<" + _TYPES[item], (3,))])
            table = np.frombuffer(body, row, count, at)
            if (table["n"] != 3).any():
                raise InputError("this PLY holds polygons; triangulate it or save it as OBJ")
            triangles, at = table["v"].astype(np.int64), at + row.itemsize * count
            continue
        row = np.dtype([(p[1], "<" + _TYPES[p[0]]) for p in properties])
        table = np.frombuffer(body, row, count, at)
        at += row.itemsize * count
        if name == "vertex":
            vertices = np.stack([table[axis] for axis in "xyz"], axis=1).astype(np.float64)
    return Mesh(vertices, triangles)
