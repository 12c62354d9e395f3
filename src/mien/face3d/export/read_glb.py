"""GLB → mesh: every triangle of the scene in one mesh, nodes placed and movements applied as stored."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError
from mien.core.mesh import Mesh

Array = NDArray[np.float64]

_JSON, _BIN = 0x4E4F534A, 0x004E4942
_KINDS = {5120: "i1", 5121: "u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}
_TRIANGLES = 4
_DEPTH = 64  # nodes within nodes; a file that goes deeper runs in a circle


def read_glb(path: Path) -> Mesh:
    """Read the triangles of a binary glTF 2.0, in the units of the file.

    raises: `InputError` where the file is absent, not a GLB, stops early, or is compressed.
    """
    if not path.is_file():
        raise InputError(f"no such file: {path}; check the path")
    data = path.read_bytes()
    if data[:4] != b"glTF" or len(data) < 20:
        raise InputError(f"{path.name} is not a GLB file; give a PLY, OBJ or GLB")
    try:
        tree, binary = _chunks(data)
        return _Scene(tree, binary).mesh()
    except (ValueError, IndexError, KeyError, TypeError, struct.error, RecursionError) as error:
        raise InputError(f"{path.name} is not a GLB that we read ({error}); export it again") from error


def _chunks(data: bytes) -> tuple[dict[str, Any], bytes]:
    length, kind = struct.unpack("<II", data[12:20])
    if kind != _JSON or 20 + length > len(data):
        raise ValueError("the scene description stops early")
    tree = json.loads(data[20 : 20 + length])
    rest = data[20 + length :]
    if len(rest) < 8:
        return tree, b""
    length, kind = struct.unpack("<II", rest[:8])
    if kind != _BIN or 8 + length > len(rest):
        raise ValueError("the binary part stops early")
    return tree, rest[8 : 8 + length]


class _Scene:
    """Walks the nodes of one file and collects what they draw."""

    def __init__(self, tree: dict[str, Any], binary: bytes) -> None:
        self.tree, self.binary = tree, binary
        self.vertices: list[Array] = []
        self.triangles: list[NDArray[np.int64]] = []
        self.uv: list[NDArray[np.float64] | None] = []
        self.count = 0

    def mesh(self) -> Mesh:
        scenes = self.tree.get("scenes", [{}])
        roots = scenes[self.tree.get("scene", 0)].get("nodes", range(len(self.tree.get("nodes", []))))
        for root in roots:
            self._visit(root, np.eye(4), 0)
        if not self.vertices:
            raise ValueError("it draws no triangles")
        triangles = np.concatenate(self.triangles)
        uv = (
            None
            if any(part is None for part in self.uv)
            else np.concatenate([p for p in self.uv if p is not None])
        )
        return Mesh(np.concatenate(self.vertices), triangles, uv, None if uv is None else triangles)

    def _visit(self, number: int, parent: Array, depth: int) -> None:
        if depth > _DEPTH:
            raise ValueError("its nodes run in a circle")
        node = self.tree["nodes"][number]
        here = parent @ _matrix(node)
        if "mesh" in node:
            mesh = self.tree["meshes"][node["mesh"]]
            weights = node.get("weights", mesh.get("weights", []))
            for primitive in mesh["primitives"]:
                self._add(primitive, weights, here)
        for child in node.get("children", []):
            self._visit(child, here, depth + 1)

    def _add(self, primitive: dict[str, Any], weights: list[float], here: Array) -> None:
        if primitive.get("mode", _TRIANGLES) != _TRIANGLES:
            return
        points = self._values(primitive["attributes"]["POSITION"])
        for weight, target in zip(weights, primitive.get("targets", []), strict=False):
            if weight and "POSITION" in target:
                points = points + weight * self._values(target["POSITION"])
        flat = primitive.get("indices")
        corners = np.arange(len(points)) if flat is None else self._values(flat)[:, 0].astype(np.int64)
        uv = primitive["attributes"].get("TEXCOORD_0")
        self.vertices.append(points @ here[:3, :3].T + here[:3, 3])
        self.triangles.append(corners.reshape(-1, 3) + self.count)
        self.uv.append(None if uv is None else self._values(uv))
        self.count += len(points)

    def _values(self, number: int) -> Array:
        """An accessor's numbers, (count, width)."""
        accessor = self.tree["accessors"][number]
        if "bufferView" not in accessor or "sparse" in accessor:
            raise ValueError("compressed or sparse meshes are not read")
        view = self.tree["bufferViews"][accessor["bufferView"]]
        kind, width = np.dtype(_KINDS[accessor["componentType"]]), _WIDTHS[accessor["type"]]
        count, row = int(accessor["count"]), width * kind.itemsize
        step = int(view.get("byteStride", row))
        start = int(view.get("byteOffset", 0)) + int(accessor.get("byteOffset", 0))
        if count < 1 or start < 0 or start + step * (count - 1) + row > len(self.binary):
            raise ValueError("an accessor reaches beyond the file")
        table = np.ndarray((count, width), kind, self.binary, start, (step, kind.itemsize))
        return np.asarray(table, np.float64)


def _matrix(node: dict[str, Any]) -> Array:
    """The node's own 4 x 4 transform: its matrix (stored by columns), or translation, rotation, scale."""
    if "matrix" in node:
        return np.array(node["matrix"], np.float64).reshape(4, 4).T
    x, y, z, w = node.get("rotation", (0.0, 0.0, 0.0, 1.0))
    rotation = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    result = np.eye(4)
    result[:3, :3] = rotation * np.array(node.get("scale", (1.0, 1.0, 1.0)), np.float64)
    result[:3, 3] = node.get("translation", (0.0, 0.0, 0.0))
    return result
