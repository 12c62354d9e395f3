"""Mesh files of other programs: read as trimesh reads them, and refused with the reason where broken."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest

from mien.core.errors import InputError
from mien.face3d.export import read
from mien.face3d.export.read import read_mesh

trimesh = pytest.importorskip("trimesh")

CLOUD = (
    b"ply\nformat ascii 1.0\nelement vertex 2\nproperty float x\nproperty float y\nproperty float z\n"
    b"end_header\n0 0 0\n1 2 3\n"
)


@pytest.mark.parametrize("kind", ["obj", "ply", "glb"])
def test_a_mesh_of_another_program_is_read_as_it_was(tmp_path: Path, kind: str) -> None:
    ball = trimesh.creation.icosphere(2, 50.0)
    ball.export(tmp_path / f"ball.{kind}")
    mesh = read_mesh(tmp_path / f"ball.{kind}")
    ours, theirs = mesh.vertices[mesh.triangles], ball.vertices[ball.faces]
    np.testing.assert_allclose(ours, theirs, atol=1e-3)


def test_nodes_of_a_scene_are_placed(tmp_path: Path) -> None:
    scene = trimesh.Scene()
    turn = trimesh.transformations.rotation_matrix(0.7, [0, 1, 0], [3, 0, 0])
    scene.add_geometry(trimesh.creation.box((1, 2, 3)), transform=turn, node_name="a")
    scene.add_geometry(trimesh.creation.box((2, 2, 2)), node_name="b", parent_node_name="a", transform=turn)
    scene.export(tmp_path / "boxes.glb")
    mesh = read_mesh(tmp_path / "boxes.glb")
    wanted = trimesh.load(tmp_path / "boxes.glb").to_geometry()
    ours, theirs = mesh.vertices[mesh.triangles].mean(axis=1), wanted.triangles.mean(axis=1)
    np.testing.assert_allclose(
        ours[np.lexsort(ours.round(3).T)], theirs[np.lexsort(theirs.round(3).T)], atol=1e-5
    )


@pytest.mark.parametrize("order", ["<", ">"])
def test_polygons_and_both_byte_orders_of_ply_are_read(tmp_path: Path, order: str) -> None:
    name = "little" if order == "<" else "big"
    header = (
        f"ply\nformat binary_{name}_endian 1.0\nelement vertex 4\nproperty float x\nproperty float y\n"
        "property float z\nproperty uchar red\nelement face 2\nproperty uchar flags\n"
        "property list uchar int vertex_indices\nend_header\n"
    )
    square = [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)]
    body = b"".join(struct.pack(f"{order}fffB", *point, 9) for point in square)
    body += struct.pack(f"{order}BB4i", 0, 4, 0, 1, 2, 3) + struct.pack(f"{order}BB3i", 0, 3, 0, 1, 2)
    (tmp_path / "q.ply").write_bytes(header.encode() + body)
    mesh = read_mesh(tmp_path / "q.ply")
    assert mesh.triangles.tolist() == [[0, 1, 2], [0, 2, 3], [0, 1, 2]]
    np.testing.assert_array_equal(mesh.vertices, square)


def test_a_point_cloud_is_fine_only_where_points_are_wanted(tmp_path: Path) -> None:
    (tmp_path / "cloud.ply").write_bytes(CLOUD)
    assert len(read_mesh(tmp_path / "cloud.ply", points_only=True).vertices) == 2
    with pytest.raises(InputError, match="without faces"):
        read_mesh(tmp_path / "cloud.ply")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.obj", b"", "no vertices"),
        ("a.obj", b"v 0 0 0\nv 1 0\n", "not a whole"),
        ("a.obj", b"v 0 0 0\nv 1 0 0\nv nan 1 0\nf 1 2 3\n", "not numbers"),
        ("a.obj", b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 9\n", "vertex 8 of 3"),
        ("a.obj", b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 two 3\n", "not a whole"),
        ("a.ply", b"hello", "not a PLY"),
        ("a.ply", CLOUD[:-6], "1 of 2 rows"),
        ("a.ply", CLOUD.replace(b"ascii", b"binary_little_endian"), "not a whole"),
        ("a.glb", b"glTF", "not a GLB"),
        ("a.glb", struct.pack("<4sIIII", b"glTF", 2, 99, 80, 0x4E4F534A) + b"{}", "stops early"),
        ("a.stl", b"solid", "not read as a mesh"),
    ],
)
def test_a_broken_file_is_refused_with_its_reason(
    tmp_path: Path, name: str, content: bytes, says: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=says):
        read_mesh(tmp_path / name)


@pytest.mark.parametrize(
    ("tree", "says"),
    [
        ({"nodes": [{"children": [0]}]}, "circle"),
        ({"nodes": [{}]}, "no triangles"),
        ({"nodes": [{"mesh": 0}]}, "meshes"),
        (
            {
                "nodes": [{"mesh": 0}],
                "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
                "accessors": [{"bufferView": 0, "componentType": 5126, "count": 9, "type": "VEC3"}],
                "bufferViews": [{"buffer": 0, "byteLength": 12}],
            },
            "beyond the file",
        ),
    ],
)
def test_a_glb_that_contradicts_itself_is_refused(tmp_path: Path, tree: dict[str, object], says: str) -> None:
    text = json.dumps(tree).encode()
    data = struct.pack("<4sIIII", b"glTF", 2, 20 + len(text), len(text), 0x4E4F534A) + text
    (tmp_path / "x.glb").write_bytes(data)
    with pytest.raises(InputError, match=says):
        read_mesh(tmp_path / "x.glb")


def test_what_is_absent_or_too_large_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_mesh(tmp_path / "none.ply")
    (tmp_path / "cloud.ply").write_bytes(CLOUD)
    monkeypatch.setattr(read, "MOST_VERTICES", 1)
    with pytest.raises(InputError, match="2 vertices, above 1"):
        read_mesh(tmp_path / "cloud.ply", points_only=True)
    monkeypatch.setattr(read, "MOST_BYTES", 10)
    with pytest.raises(InputError, match="MB, above"):
        read_mesh(tmp_path / "cloud.ply", points_only=True)
