"""Every format: write, read again, compare; and the structure other programs rely on."""

import json
import re
import struct
from pathlib import Path

import numpy as np
import pytest

from mien.core.errors import InputError
from mien.core.mesh import Coefficients, Mesh, Placement, TextureMap
from mien.face3d.export.glb import glb_bytes, write_glb
from mien.face3d.export.html import viewer_page
from mien.face3d.export.obj import write_obj
from mien.face3d.export.ply import write_ply
from mien.face3d.export.read_obj import read_obj
from mien.face3d.export.read_ply import read_ply
from mien.face3d.model.arkit import ARKIT
from mien.face3d.model.basis import load_head_model
from mien.face3d.model.shape import vertices_of
from mien.face3d.rig.head import RiggedHead, moved_mesh, rig
from mien.geometry.rotation import HEAD_TO_CAMERA


@pytest.fixture(scope="module")
def coefficients() -> Coefficients:
    expression = np.array([0.5 if name in ("jawOpen", "eyeLookOutLeft") else 0.0 for name in ARKIT])
    return Coefficients(np.array([1.0, -0.5]), expression)


@pytest.fixture(scope="module")
def head(coefficients: Coefficients) -> RiggedHead:
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    texture = TextureMap(pixels, np.ones((64, 64), np.float32))
    return rig(load_head_model(), coefficients, texture, level=2)


def test_the_posed_head_is_the_model_at_these_coefficients(
    coefficients: Coefficients, head: RiggedHead
) -> None:
    vertices = vertices_of(load_head_model(), coefficients)
    body = head.posed().vertices[: len(head.rows)]
    np.testing.assert_allclose(body, vertices[head.rows], atol=1e-3)
    for eye, name in zip(head.eyes, ("eye_left", "eye_right"), strict=True):
        mine = eye.vertices @ eye.rotation.T + eye.centre
        np.testing.assert_allclose(mine, vertices[load_head_model().rows(name)], atol=1e-3)


def test_a_level_of_detail_that_does_not_exist_is_named(coefficients: Coefficients) -> None:
    with pytest.raises(InputError, match="0 to 2"):
        rig(load_head_model(), coefficients, level=3)


def test_obj_comes_back_as_it_was(tmp_path: Path, head: RiggedHead) -> None:
    mesh = head.posed()
    files = write_obj(tmp_path / "h.obj", mesh, head.texture)
    assert {file.suffix for file in files} == {".obj", ".mtl", ".png"}
    again = read_obj(files[0])
    np.testing.assert_allclose(again.vertices, mesh.vertices, atol=1e-4)
    assert (again.triangles == mesh.triangles).all()
    assert again.uv is not None
    assert mesh.uv is not None
    np.testing.assert_allclose(again.uv, mesh.uv, atol=1e-6)


def test_obj_polygons_and_numbers_from_the_end_are_read(tmp_path: Path) -> None:
    path = tmp_path / "q.obj"
    path.write_text("v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nf -4 -3 -2 -1\n")
    assert read_obj(path).triangles.tolist() == [[0, 1, 2], [0, 2, 3]]


def test_ply_comes_back_as_it_was(tmp_path: Path, head: RiggedHead) -> None:
    mesh = head.posed()
    write_ply(tmp_path / "h.ply", mesh, head.texture)
    again = read_ply(tmp_path / "h.ply")
    np.testing.assert_allclose(again.vertices, mesh.vertices, atol=1e-4)
    assert (again.triangles == mesh.triangles).all()


def test_ascii_ply_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.ply"
    path.write_text(
        "ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nproperty float y\nproperty float z\n"
        "element face 1\nproperty list uchar int vertex_indices\nend_header\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n"
    )
    assert read_ply(path).triangles.tolist() == [[0, 1, 2]]


def test_what_is_no_ply_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.ply").write_bytes(b"hello")
    with pytest.raises(InputError, match="not a PLY"):
        read_ply(tmp_path / "x.ply")


def document(data: bytes) -> tuple[dict[str, object], bytes]:
    magic, version, length = struct.unpack("<4sII", data[:12])
    assert (magic, version, length) == (b"glTF", 2, len(data))
    size, _ = struct.unpack("<II", data[12:20])
    return json.loads(data[20 : 20 + size]), data[28 + size :]


def test_glb_has_the_52_targets_by_name_and_two_eye_nodes(tmp_path: Path, head: RiggedHead) -> None:
    write_glb(tmp_path / "h.glb", head)
    tree, _ = document((tmp_path / "h.glb").read_bytes())
    skin = tree["meshes"][0]  # type: ignore[index]  # JSON
    assert skin["extras"]["targetNames"] == list(ARKIT)
    assert len(skin["primitives"][0]["targets"]) == 52
    assert skin["weights"][ARKIT.index("jawOpen")] == 0.5
    names = [node["name"] for node in tree["nodes"]]  # type: ignore[attr-defined]  # JSON
    assert names == ["head", "skin", "eye_left", "eye_right"]
    assert tree["nodes"][2]["rotation"] != [0, 0, 0, 1]  # type: ignore[index]  # JSON


def test_glb_numbers_come_back(head: RiggedHead) -> None:
    tree, binary = document(glb_bytes(head))
    accessors, views = tree["accessors"], tree["bufferViews"]
    primitive = tree["meshes"][0]["primitives"][0]  # type: ignore[index]  # JSON

    def read(number: int, kind: str) -> np.ndarray:
        view = views[accessors[number]["bufferView"]]  # type: ignore[index]  # JSON
        return np.frombuffer(binary, kind, view["byteLength"] // 4, view["byteOffset"])

    positions = read(primitive["attributes"]["POSITION"], "<f4").reshape(-1, 3)
    np.testing.assert_allclose(positions, head.body.vertices, atol=1e-4)
    normals = read(primitive["attributes"]["NORMAL"], "<f4").reshape(-1, 3)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-5)
    jaw = read(primitive["targets"][ARKIT.index("jawOpen")]["POSITION"], "<f4").reshape(-1, 3)
    np.testing.assert_allclose(jaw, head.moves[ARKIT.index("jawOpen")], atol=1e-5)
    assert (read(primitive["indices"], "<u4").reshape(-1, 3) == head.body.triangles).all()


def test_camera_space_stands_in_the_root_node(head: RiggedHead) -> None:
    placement = Placement(HEAD_TO_CAMERA, np.array([1.0, 2.0, 600.0]))
    tree, _ = document(glb_bytes(head, placement))
    assert tree["nodes"][0]["translation"] == [1.0, 2.0, 600.0]  # type: ignore[index]  # JSON
    assert np.abs(tree["nodes"][0]["rotation"]).round(6).tolist() == [1, 0, 0, 0]  # type: ignore[index]  # JSON


def test_a_moved_mesh_is_moved() -> None:
    mesh = Mesh(np.eye(3), np.array([[0, 1, 2]]))
    moved = moved_mesh(mesh, Placement(HEAD_TO_CAMERA, np.array([0.0, 0.0, 10.0])))
    np.testing.assert_allclose(moved.vertices, [[1, 0, 10], [0, -1, 10], [0, 0, 9]])


def test_the_viewer_page_is_whole_and_asks_no_network(head: RiggedHead) -> None:
    page = viewer_page(head, "<me>", "a & b")
    assert "&lt;me&gt;" in page
    assert "a &amp; b" in page
    assert not re.search(r"https?://", page)
    data = json.loads(page.split('type="application/json">')[1].split("</script>")[0])
    assert data["names"] == list(ARKIT)
    assert sum(data["counts"]) * 3 * 2 == len(__import__("base64").b64decode(data["moves"]))
    assert data["eyes"][0]["centre"][0] > 0
    assert "$data" not in page
