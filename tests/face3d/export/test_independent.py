"""What we write, read by other people's libraries: trimesh and pygltflib."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pictures

from mien.face3d.export.glb import write_glb
from mien.face3d.export.obj import write_obj
from mien.face3d.export.ply import write_ply
from mien.face3d.export.read import read_mesh
from mien.face3d.model.arkit import ARKIT
from mien.face3d.rig.head import RiggedHead

trimesh = pytest.importorskip("trimesh")
pygltflib = pytest.importorskip("pygltflib")


def numbers(gltf: object, accessor: int) -> np.ndarray:
    """An accessor's numbers as pygltflib gives its bytes."""
    entry = gltf.accessors[accessor]  # type: ignore[attr-defined]  # pygltflib is untyped
    view = gltf.bufferViews[entry.bufferView]  # type: ignore[attr-defined]  # pygltflib is untyped
    data = gltf.binary_blob()[view.byteOffset : view.byteOffset + view.byteLength]  # type: ignore[attr-defined]  # pygltflib is untyped
    width = {"SCALAR": 1, "VEC2": 2, "VEC3": 3}[entry.type]
    return np.frombuffer(data, "<u4" if entry.componentType == 5125 else "<f4").reshape(-1, width)


def test_pygltflib_reads_vertices_movements_and_their_names(tmp_path: Path, skinned: RiggedHead) -> None:
    write_glb(tmp_path / "head.glb", skinned)
    gltf = pygltflib.GLTF2().load(str(tmp_path / "head.glb"))
    skin = gltf.meshes[0]
    primitive = skin.primitives[0]
    np.testing.assert_allclose(numbers(gltf, primitive.attributes.POSITION), skinned.body.vertices, atol=1e-4)
    assert skinned.body.uv is not None
    np.testing.assert_allclose(numbers(gltf, primitive.attributes.TEXCOORD_0), skinned.body.uv, atol=1e-6)
    assert (numbers(gltf, primitive.indices).reshape(-1, 3) == skinned.body.triangles).all()
    assert skin.extras["targetNames"] == list(ARKIT)
    for target, move in zip(primitive.targets, skinned.moves, strict=True):
        place = target["POSITION"] if isinstance(target, dict) else target.POSITION
        np.testing.assert_allclose(numbers(gltf, place), move, atol=1e-5)


def test_pygltflib_finds_the_eyes_as_nodes_and_the_texture(tmp_path: Path, skinned: RiggedHead) -> None:
    write_glb(tmp_path / "head.glb", skinned)
    gltf = pygltflib.GLTF2().load(str(tmp_path / "head.glb"))
    nodes = {node.name: node for node in gltf.nodes}
    for eye in skinned.eyes:
        np.testing.assert_allclose(nodes[eye.name].translation, eye.centre, atol=1e-4)
        primitive = gltf.meshes[nodes[eye.name].mesh].primitives[0]
        np.testing.assert_allclose(numbers(gltf, primitive.attributes.POSITION), eye.vertices, atol=1e-4)
    assert nodes["eye_left"].rotation != nodes["eye_right"].rotation
    view = gltf.bufferViews[gltf.images[0].bufferView]
    data = gltf.binary_blob()[view.byteOffset : view.byteOffset + view.byteLength]
    with Pictures.open(io.BytesIO(data)) as picture:
        pixels = np.asarray(picture, int)
    assert skinned.texture is not None
    assert np.abs(pixels - skinned.texture.pixels).mean() < 4


def test_trimesh_and_we_read_the_same_head(tmp_path: Path, skinned: RiggedHead) -> None:
    write_glb(tmp_path / "head.glb", skinned)
    scene = trimesh.load(tmp_path / "head.glb", process=False)
    assert {"skin", "eye_left", "eye_right"} <= set(scene.graph.nodes)
    theirs = scene.geometry["skin"]
    np.testing.assert_allclose(theirs.vertices, skinned.body.vertices, atol=1e-4)
    again = read_mesh(tmp_path / "head.glb")
    np.testing.assert_allclose(again.vertices, skinned.posed().vertices, atol=1e-3)
    assert (again.triangles == skinned.posed().triangles).all()


@pytest.mark.parametrize("kind", ["obj", "ply"])
def test_trimesh_reads_our_plain_files(tmp_path: Path, skinned: RiggedHead, kind: str) -> None:
    mesh = skinned.posed()
    (write_obj if kind == "obj" else write_ply)(tmp_path / f"head.{kind}", mesh, skinned.texture)
    theirs = trimesh.load(tmp_path / f"head.{kind}", process=False, maintain_order=True)
    corners = mesh.vertices[mesh.triangles].mean(axis=1)
    np.testing.assert_allclose(theirs.triangles.mean(axis=1), corners, atol=1e-3)
    if kind == "obj":
        assert theirs.visual.material.image.size == (64, 64)
        assert mesh.uv is not None
        ours = mesh.uv[mesh.triangles].mean(axis=1)
        found = np.asarray(theirs.visual.uv)[theirs.faces].mean(axis=1)
        np.testing.assert_allclose(found, ours * (1, -1) + (0, 1), atol=1e-4)
    else:
        colours = np.asarray(theirs.visual.vertex_colors)[:, :3].astype(int)
        assert np.abs(colours - (200, 150, 120)).max() < 8
