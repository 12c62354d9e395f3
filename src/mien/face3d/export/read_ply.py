"""PLY → mesh: ASCII, little and big endian; triangles and polygons; other properties are skipped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError
from mien.core.mesh import Mesh

_TYPES = {
    "char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4", "float": "f4",
    "double": "f8", "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4",
    "float32": "f4", "float64": "f8",
}  # fmt: skip
_ORDERS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}

Elements = list[tuple[str, int, list[tuple[str, ...]]]]
"""Name, count and properties of each element, as the header lists them."""


def read_ply(path: Path) -> Mesh:
    """Read vertices and faces of a PLY; a point cloud becomes a mesh without triangles.

    raises: `InputError` where the file is absent, not a PLY, or stops early.
    """
    if not path.is_file():
        raise InputError(f"no such file: {path}; check the path")
    data = path.read_bytes()
    end = data.find(b"end_header")
    if not data.startswith(b"ply") or end < 0:
        raise InputError(f"{path.name} is not a PLY file; give a PLY, OBJ or GLB")
    try:
        body = data[data.index(b"\n", end) + 1 :]
        elements, order = _header(data[:end].decode("ascii", "replace"))
        if order:
            return _binary(body, elements, order)
        return _ascii(body.decode("ascii", "replace").splitlines(), elements)
    except (ValueError, IndexError, KeyError) as error:
        raise InputError(f"{path.name} is not a whole PLY ({error}); export it again") from error


def _header(text: str) -> tuple[Elements, str]:
    """Elements and the byte order ("" for ASCII)."""
    elements: Elements = []
    order = ""
    for words in (line.split() for line in text.splitlines()):
        if words[:1] == ["format"]:
            order = _ORDERS[words[1]]
        elif words[:1] == ["element"]:
            elements.append((words[1], int(words[2]), []))
        elif words[:1] == ["property"]:
            elements[-1][2].append(tuple(words[1:]))
    return elements, order


def _fan(polygon: list[int]) -> list[tuple[int, int, int]]:
    return [(polygon[0], polygon[i], polygon[i + 1]) for i in range(1, len(polygon) - 1)]


def _ascii(lines: list[str], elements: Elements) -> Mesh:
    vertices, triangles = np.zeros((0, 3)), np.zeros((0, 3), np.int64)
    at = 0
    for name, count, properties in elements:
        rows = [line.split() for line in lines[at : at + count]]
        if len(rows) < count:
            raise ValueError(f"{len(rows)} of {count} rows of {name} are there")
        at += count
        if name == "vertex":
            columns = [[p[-1] for p in properties].index(axis) for axis in "xyz"]
            vertices = np.array([[float(row[c]) for c in columns] for row in rows]).reshape(-1, 3)
        elif name == "face":
            polygons = [[int(x) for x in row[1 : 1 + int(row[0])]] for row in rows]
            fans = [corners for polygon in polygons for corners in _fan(polygon)]
            triangles = np.array(fans, np.int64).reshape(-1, 3)
    return Mesh(vertices, triangles)


def _binary(body: bytes, elements: Elements, order: str) -> Mesh:
    vertices, triangles = np.zeros((0, 3)), np.zeros((0, 3), np.int64)
    at = 0
    for name, count, properties in elements:
        if any(p[0] == "list" for p in properties):
            found, at = _faces(body, at, count, properties, order)
            triangles = found if name == "face" else triangles
            continue
        row = np.dtype([(p[1], order + _TYPES[p[0]]) for p in properties])
        table = np.frombuffer(body, row, count, at)
        at += row.itemsize * count
        if name == "vertex":
            vertices = np.stack([table[axis] for axis in "xyz"], axis=1).astype(np.float64)
    return Mesh(vertices, triangles)


def _faces(
    body: bytes, at: int, count: int, properties: list[tuple[str, ...]], order: str
) -> tuple[NDArray[np.int64], int]:
    """Triangles (T, 3) and where the next element starts; at once if all rows are alike, else row by row."""
    corners = next(p[-1] for p in properties if p[0] == "list")
    fields: list[tuple[str, str] | tuple[str, str, tuple[int]]] = []
    for p in properties:
        if p[0] == "list":
            fields += [(f"{p[-1]} count", order + _TYPES[p[1]]), (p[-1], order + _TYPES[p[2]], (3,))]
        else:
            fields.append((p[1], order + _TYPES[p[0]]))
    row = np.dtype(fields)
    if at + row.itemsize * count <= len(body):
        table = np.frombuffer(body, row, count, at)
        lists = [p[-1] for p in properties if p[0] == "list"]
        if all((table[f"{name} count"] == 3).all() for name in lists):
            return table[corners].astype(np.int64), at + row.itemsize * count
    fans: list[tuple[int, int, int]] = []
    for _ in range(count):
        for p in properties:
            size = np.dtype(order + _TYPES[p[1] if p[0] == "list" else p[0]])
            first = np.frombuffer(body, size, 1, at)
            at += size.itemsize
            if p[0] == "list":
                item = np.dtype(order + _TYPES[p[2]])
                values = np.frombuffer(body, item, int(first[0]), at).astype(int).tolist()
                at += item.itemsize * len(values)
                fans += _fan(values) if p[-1] == corners else []
    return np.array(fans, np.int64).reshape(-1, 3), at
