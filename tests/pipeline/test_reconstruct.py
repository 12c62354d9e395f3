"""A head from a photo: every intermediate in the open, and where its millimetres are from."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from PIL import Image as Pictures

import mien
from mien.core.errors import InputError
from mien.core.mesh import Camera, Coefficients, Placement
from mien.core.types import HeadPose, Image, Landmarks
from mien.face3d.export.read import read_mesh
from mien.face3d.model.arkit import ARKIT
from mien.face3d.model.basis import Embedding, HeadModel, load_head_model
from mien.face3d.model.shape import eye_centres_of, vertices_of
from mien.face3d.render.shade import render_clay
from mien.geometry.projection import place, project
from mien.geometry.rotation import HEAD_TO_CAMERA, rotation_from_pose
from mien.geometry.triangles import interpolate
from mien.pipeline.analyze import Analyzer
from mien.pipeline.reconstruct import Reconstruction, head_from_landmarks, reconstruct
from mien.training.headmodel.population import cylinder

CAMERA = Camera(900.0, 900.0, 191.5, 191.5)
SIDE = 384


def placed(yaw: float) -> Placement:
    return Placement(rotation_from_pose(HeadPose(yaw, 0, 0)) @ HEAD_TO_CAMERA, np.array([0.0, 10.0, 800.0]))


def seen(
    model: HeadModel, yaw: float = 0.25, size: float = 1.0, irises: bool = True
) -> tuple[Image, Landmarks]:
    """A clay picture of a known head, ``size`` times as large as the model has it, and its exact landmarks.

    A larger head further away looks the same; only its irises, 11.7 mm in everybody, then look smaller.
    """
    truth = Coefficients(np.array([0.8, -0.6, 0.4]), np.zeros(len(model.names)))
    vertices = vertices_of(model, truth)
    placement = placed(yaw)
    points = place(interpolate(vertices, model.mesh468.corners, model.mesh468.weights), placement)
    flat = project(points, CAMERA)
    landmarks = np.concatenate([flat, points[:, 2:] - 800], axis=1)
    rings = None
    if irises:
        centres = place(eye_centres_of(model, truth.identity), placement)
        centres[:, 2] -= 12.5  # the iris lies in front of the eyeball's centre
        ring = 5.85 / size * np.array([[0, 0, 0], [1, 0, 0], [0, -1, 0], [-1, 0, 0], [0, 1, 0]])
        # in the order of the picture: its left eye is the person's right
        rings = np.stack([project(centre + ring, CAMERA) for centre in centres[::-1]])
    picture = Image(render_clay(model.mesh(vertices), placement, CAMERA, SIDE, SIDE, background=90))
    return picture, Landmarks("mesh468", landmarks, 1.0, rings)


@pytest.fixture(scope="module")
def head() -> Reconstruction:
    picture, landmarks = seen(load_head_model())
    return head_from_landmarks(picture, landmarks, CAMERA, "clay.png", texture_size=256)


def test_landmarks_are_projected_back_onto_the_measured_ones(head: Reconstruction) -> None:
    gap = np.linalg.norm(head.fit.landmarks - head.landmarks.points[:, :2], axis=1)
    assert head.fit.landmarks.shape == (468, 2)
    assert np.median(gap) < 1
    assert head.fit.residual < 1


def test_coefficients_come_with_their_uncertainty_camera_and_pose(head: Reconstruction) -> None:
    fit = head.fit
    assert fit.identity_sd.shape == fit.coefficients.identity.shape
    assert ((fit.identity_sd > 0) & (fit.identity_sd <= 1.001)).all()  # never less sure than the population
    assert set(head.expression) == set(ARKIT)
    assert fit.camera == CAMERA
    assert head.pose.yaw == pytest.approx(0.25, abs=0.03)
    assert abs(head.pose.roll) < 0.03


def test_the_depth_map_is_the_known_head(head: Reconstruction) -> None:
    depth = head.depth()
    truth = np.where((head.image.pixels != 90).any(axis=2), 0, np.inf)
    assert depth.shape == (SIDE, SIDE)
    assert (np.isfinite(depth) == np.isfinite(truth)).mean() > 0.97
    nose = np.round(head.landmarks.points[1, :2]).astype(int)
    tip = place(head.mesh.vertices, head.placement)[:, 2].min()
    assert depth[nose[1], nose[0]] == pytest.approx(tip, abs=4)


def test_normals_are_unit_and_face_the_camera(head: Reconstruction) -> None:
    normals, depth = head.normals(), head.depth()
    length = np.linalg.norm(normals, axis=2)
    np.testing.assert_allclose(length[np.isfinite(depth)], 1, atol=1e-3)
    assert length[~np.isfinite(depth)].max() == 0
    assert normals[np.isfinite(depth)][:, 2].mean() < -0.5


def test_visibility_knows_the_far_side(head: Reconstruction) -> None:
    visible = head.visibility()
    assert visible.shape == (len(head.model.mean),)
    assert visible[head.model.points68[30]]
    back = np.argmin(head.model.mean[:, 2])
    assert not visible[back]
    inside = head.model.rows("tongue", "gums")
    assert visible[inside].mean() < 0.1


def test_the_overlay_changes_the_head_and_nothing_else(head: Reconstruction) -> None:
    overlay = head.overlay().pixels
    beside = ~np.isfinite(head.depth())
    assert (overlay[beside] == head.image.pixels[beside]).all()
    # a clay head drawn over its own clay picture looks about the same
    assert np.abs(overlay[~beside].astype(int) - head.image.pixels[~beside]).mean() < 30


def test_the_texture_says_what_it_saw(head: Reconstruction) -> None:
    assert head.texture is not None
    assert head.texture.pixels.shape == (256, 256, 3)
    assert head.texture.seen.max() == 1
    assert head.texture.seen.min() == 0
    assert {"geometry", "texture"} <= set(head.seconds)


def test_views_from_all_sides_differ(head: Reconstruction) -> None:
    front, side = (head.view(yaw=yaw, size=96).pixels.astype(int) for yaw in (0.0, 1.5))
    assert np.abs(front - side).mean() > 5


@pytest.mark.parametrize("size", [0.92, 1.0, 1.08])
def test_size_comes_from_the_irises(size: float) -> None:
    picture, landmarks = seen(load_head_model(), yaw=0.0, size=size)
    found = head_from_landmarks(picture, landmarks, CAMERA, texture_size=0)
    assert found.size.source == "iris"
    again = head_from_landmarks(*seen(load_head_model(), yaw=0.0), CAMERA, texture_size=0)
    assert found.size.factor / again.size.factor == pytest.approx(size, rel=0.02)
    np.testing.assert_allclose(
        found.mesh.vertices / again.mesh.vertices.std(),
        again.mesh.vertices * size / again.mesh.vertices.std(),
        atol=0.08,
    )


def test_size_comes_from_the_users_pupil_distance() -> None:
    model = load_head_model()
    picture, landmarks = seen(model)
    found = head_from_landmarks(picture, landmarks, CAMERA, ipd=66.0, texture_size=0)
    assert found.size.source == "ipd"
    centres = eye_centres_of(model, found.fit.coefficients.identity) * found.size.factor
    assert np.linalg.norm(centres[0] - centres[1]) == pytest.approx(66.0)
    assert found.rigged().eyes[0].centre[0] - found.rigged().eyes[1].centre[0] == pytest.approx(66.0, abs=0.5)
    with pytest.raises(InputError, match="40 to 85"):
        head_from_landmarks(picture, landmarks, CAMERA, ipd=6.6, texture_size=0)


def test_an_unknown_size_is_said_and_the_mean_used() -> None:
    picture, landmarks = seen(load_head_model(), irises=False)
    found = head_from_landmarks(picture, landmarks, CAMERA, texture_size=0)
    assert (found.size.source, found.size.factor) == ("unknown", 1.0)
    assert any("scale unknown" in note for note in found.fit.notes)
    assert found.to_dict()["size"] == {"source": "unknown", "factor": 1.0}


def test_neutral_removes_the_expression_and_keeps_the_person(head: Reconstruction) -> None:
    neutral = head.rigged(neutral=True)
    assert np.abs(neutral.weights).max() == 0
    np.testing.assert_allclose(neutral.body.vertices, head.rigged().body.vertices, atol=1e-5)


def bare(model: HeadModel) -> HeadModel:
    """The model as a user might have it: skin only, unfolded around a cylinder, no movements, no eyeballs."""
    triangles = model.skin_triangles()
    uv, uv_triangles = cylinder(model.mean.astype(float), triangles)
    return replace(
        model,
        levels=((triangles, uv_triangles),),
        level_sizes=(len(model.mean),),
        uv=uv.astype(np.float32),
        region=np.zeros_like(model.region),
        expression=np.zeros_like(model.expression),
    )


def test_a_model_of_ones_own_gives_its_mesh_and_the_photos_skin(tmp_path: Path) -> None:
    own = load_head_model()
    picture, landmarks = seen(own)
    found = head_from_landmarks(picture, landmarks, CAMERA, "clay.png", texture_size=128, model=bare(own))
    assert found.texture is not None
    assert found.to_dict()["blendshapes"] == 0
    assert any("head model of your own" in note for note in found.fit.notes)
    rigged = found.rigged()
    assert rigged.eyes == ()
    assert rigged.names == ()
    for name in ("head.glb", "head.obj", "head.ply", "head.html"):
        found.save(tmp_path / name)
    mesh = read_mesh(tmp_path / "head.glb")
    assert len(mesh.triangles) == len(bare(own).levels[0][0])
    as_before = head_from_landmarks(picture, landmarks, CAMERA, texture_size=0)
    gap = np.linalg.norm(found.mesh.vertices - as_before.mesh.vertices, axis=1)
    assert np.median(gap[own.rows("face")]) < 2
    with pytest.raises(InputError, match="level of detail"):
        found.save(tmp_path / "coarse.glb", level=1)


def test_a_model_without_landmarks_says_how_to_get_them() -> None:
    own = load_head_model()
    picture, landmarks = seen(own)
    none = Embedding(np.zeros((0, 3), np.int64), np.zeros((0, 3)), np.zeros(0))
    with pytest.raises(InputError, match="--no-landmarks"):
        head_from_landmarks(picture, landmarks, CAMERA, texture_size=0, model=replace(own, mesh468=none))


def test_an_unknown_refinement_names_those_there_are() -> None:
    with pytest.raises(InputError, match="photometric"):
        reconstruct(cast(Analyzer, None), "photo.jpg", refine="wishful")


@pytest.mark.weights
def test_the_focal_length_of_the_file_is_the_cameras(
    analyzer: Analyzer, astronaut: Image, tmp_path: Path
) -> None:
    tags = Pictures.Exif()
    tags.get_ifd(0x8769)[0xA405] = 85
    stream = io.BytesIO()
    Pictures.fromarray(astronaut.pixels).save(stream, "JPEG", quality=92, exif=tags)
    (tmp_path / "photo.jpg").write_bytes(stream.getvalue())
    diagonal = np.hypot(astronaut.width, astronaut.height)
    known = reconstruct(analyzer, tmp_path / "photo.jpg", texture=False)
    assert known.fit.camera.fx == pytest.approx(85 * diagonal / np.hypot(36, 24), rel=1e-3)
    told = reconstruct(analyzer, tmp_path / "photo.jpg", texture=False, focal_35mm=50.0)
    assert told.fit.camera.fx == pytest.approx(50 * diagonal / np.hypot(36, 24), rel=1e-3)
    unknown = reconstruct(analyzer, astronaut.pixels, texture=False)
    assert unknown.fit.camera.fx == pytest.approx(diagonal / 2 / np.tan(np.radians(35) / 2), rel=1e-3)


@pytest.mark.weights
def test_the_front_view_looks_like_the_photo(analyzer: Analyzer, astronaut: Image) -> None:
    found = reconstruct(analyzer, astronaut.pixels)
    assert found.texture is not None
    from mien.face3d.render.shade import render_textured

    size = astronaut.width, astronaut.height
    drawn = render_textured(found.mesh, found.texture, found.placement, found.fit.camera, *size, background=0)
    marks = found.landmarks.points[:, :2]
    low, high = marks.min(axis=0).astype(int), marks.max(axis=0).astype(int)
    inner = np.s_[low[1] + 10 : high[1] - 10, low[0] + 15 : high[0] - 15]
    ours, theirs = drawn[inner].astype(float), astronaut.pixels[inner].astype(float)
    assert np.corrcoef(ours.mean(axis=2).ravel(), theirs.mean(axis=2).ravel())[0, 1] > 0.85
    assert mien.verify(astronaut.pixels, _on_grey(drawn)).same


def _on_grey(drawn: np.ndarray) -> np.ndarray:
    return np.where(drawn.any(axis=2, keepdims=True), drawn, 128).astype(np.uint8)
