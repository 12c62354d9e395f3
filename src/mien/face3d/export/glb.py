"""glTF 2.0 binary: skin with 52 morph targets by their ARKit names, and two eyeballs as nodes that turn.

Vertices are in millimetres, as everywhere in mien; glTF viewers that expect metres show the head a thousand
times too large unless told otherwise, so the unit also stands in ``asset.extras``.
"""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError
from mien.core.mesh import Mesh, Placement
from mien.face3d.rig.head import Eyeball, RiggedHead
from mien.geometry.rotation import quaternion_from_rotation
from mien.geometry.triangles import vertex_normals

_FLOAT, _UINT32 = 5126, 5125
_VERTICES, _INDICES = 34962, 34963
_JSON, _BIN = 0x4E4F534A, 0x004E4942


class _Buffer:
    """Collects the binary part and the tables that describe it."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []

    def view(self, raw: bytes, target: int | None = None) -> int:
        self.data += b"\0" * (-len(self.data) % 4)
        entry: dict[str, Any] = {"buffer": 0, "byteOffset": len(self.data), "byteLength": len(raw)}
        if target is not None:
            entry["target"] = target
        self.data += raw
        self.views.append(entry)
        return len(self.views) - 1

    def floats(self, values: NDArray[np.floating], bounds: bool = False) -> int:
        table = np.ascontiguousarray(values, "<f4")
        entry: dict[str, Any] = {
            "bufferView": self.view(table.tobytes(), _VERTICES),
            "componentType": _FLOAT,
            "count": len(table),
            "type": f"VEC{table.shape[1]}",
        }
        if bounds:
            entry |= {"min": table.min(axis=0).tolist(), "max": table.max(axis=0).tolist()}
        self.accessors.append(entry)
        return len(self.accessors) - 1

    def indices(self, triangles: NDArray[np.integer]) -> int:
        flat = np.ascontiguousarray(triangles, "<u4").ravel()
        entry = {
            "bufferView": self.view(flat.tobytes(), _INDICES),
            "componentType": _UINT32,
            "count": len(flat),
            "type": "SCALAR",
        }
        self.accessors.append(entry)
        return len(self.accessors) - 1


def write_glb(path: Path, head: RiggedHead, placement: Placement | None = None) -> tuple[Path, ...]:
    """Write a head; with ``placement`` its root node stands as posed in the camera frame."""
    path.write_bytes(glb_bytes(head, placement))
    return (path,)


def glb_bytes(head: RiggedHead, placement: Placement | None = None) -> bytes:
    """The file as bytes."""
    buffer = _Buffer()
    meshes: list[dict[str, Any]] = [_skin(buffer, head)]
    children = list(range(1, 2 + len(head.eyes)))
    nodes: list[dict[str, Any]] = [{"name": "head", "children": children}, {"name": "skin", "mesh": 0}]
    for eye in head.eyes:
        nodes.append(_eye_node(eye, len(meshes)))
        meshes.append({"name": eye.name, "primitives": [_primitive(buffer, _mesh_of(eye))]})
    if placement is not None:
        nodes[0]["rotation"] = _gltf_quaternion(placement.rotation)
        nodes[0]["translation"] = placement.translation.tolist()
    document: dict[str, Any] = {
        "asset": {"version": "2.0", "generator": "mien", "extras": {"unit": "millimetre"}},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": nodes,
        "meshes": meshes,
    }
    tables: dict[str, Any] = {}
    document["materials"] = [_material(buffer, head, tables)]
    document |= tables
    document |= {"bufferViews": buffer.views, "accessors": buffer.accessors}
    document["buffers"] = [{"byteLength": len(buffer.data)}]
    return _pack(document, bytes(buffer.data))


def _skin(buffer: _Buffer, head: RiggedHead) -> dict[str, Any]:
    primitive = _primitive(buffer, head.body)
    if not len(head.moves):  # glTF knows no empty list of targets
        return {"name": "skin", "primitives": [primitive]}
    primitive["targets"] = [{"POSITION": buffer.floats(move, bounds=True)} for move in head.moves]
    return {
        "name": "skin",
        "primitives": [primitive],
        "weights": [float(w) for w in head.weights],
        "extras": {"targetNames": list(head.names)},
    }


def _primitive(buffer: _Buffer, mesh: Mesh) -> dict[str, Any]:
    if mesh.uv is None:
        raise InputError(
            "a mesh without texture coordinates cannot become a GLB; build it from the head model"
        )
    attributes = {
        "POSITION": buffer.floats(mesh.vertices, bounds=True),
        "NORMAL": buffer.floats(_unit_normals(mesh)),
        "TEXCOORD_0": buffer.floats(mesh.uv),
    }
    return {"attributes": attributes, "indices": buffer.indices(mesh.triangles), "material": 0}


def _unit_normals(mesh: Mesh) -> NDArray[np.float64]:
    """Normals that are smooth across texture seams; unit even for a degenerate vertex."""
    _, same = np.unique(np.round(mesh.vertices, 4), axis=0, return_inverse=True)
    same = same.reshape(-1)
    welded = np.zeros((int(same.max()) + 1, 3))
    welded[same] = mesh.vertices
    normals = vertex_normals(welded, same[mesh.triangles])[same]
    return np.asarray(
        np.where(np.linalg.norm(normals, axis=1, keepdims=True) > 0.5, normals, [0.0, 0.0, 1.0])
    )


def _mesh_of(eye: Eyeball) -> Mesh:
    return Mesh(eye.vertices, eye.triangles, eye.uv, eye.triangles)


def _eye_node(eye: Eyeball, mesh: int) -> dict[str, Any]:
    return {
        "name": eye.name,
        "mesh": mesh,
        "translation": eye.centre.tolist(),
        "rotation": _gltf_quaternion(eye.rotation),
    }


def _gltf_quaternion(rotation: NDArray[np.float64]) -> list[float]:
    w, x, y, z = (float(v) for v in quaternion_from_rotation(rotation))
    return [x, y, z, w]


def _material(buffer: _Buffer, head: RiggedHead, tables: dict[str, Any]) -> dict[str, Any]:
    surface: dict[str, Any] = {"metallicFactor": 0.0, "roughnessFactor": 0.75}
    if head.texture is not None:
        from PIL import Image

        stream = io.BytesIO()
        Image.fromarray(head.texture.pixels).save(stream, "JPEG", quality=93, subsampling=0)
        tables["images"] = [{"bufferView": buffer.view(stream.getvalue()), "mimeType": "image/jpeg"}]
        tables["samplers"] = [{"magFilter": 9729, "minFilter": 9987, "wrapS": 33071, "wrapT": 33071}]
        tables["textures"] = [{"source": 0, "sampler": 0}]
        surface["baseColorTexture"] = {"index": 0}
    else:
        surface["baseColorFactor"] = [0.6, 0.5, 0.45, 1.0]
    return {"name": "skin", "pbrMetallicRoughness": surface}


def _pack(document: dict[str, Any], binary: bytes) -> bytes:
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    binary += b"\0" * (-len(binary) % 4)
    length = 12 + 8 + len(text) + 8 + len(binary)
    return b"".join(
        [
            struct.pack("<4sII", b"glTF", 2, length),
            struct.pack("<II", len(text), _JSON),
            text,
            struct.pack("<II", len(binary), _BIN),
            binary,
        ]
    )
