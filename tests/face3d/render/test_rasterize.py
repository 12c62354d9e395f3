"""The rasteriser against answers that can be written down."""

import numpy as np
import pytest

from mien.core.mesh import Camera, Mesh, Placement, TextureMap
from mien.face3d.render.light import fit_light, harmonics
from mien.face3d.render.rasterize import rasterize, rasterize_plane
from mien.face3d.render.shade import depth_map, normal_map, render_clay, render_textured, sample
from mien.face3d.render.visibility import facing_cosine, visible
from mien.geometry.projection import project
from mien.geometry.rotation import HEAD_TO_CAMERA

CAMERA = Camera(100.0, 100.0, 32.0, 24.0)
FACING = np.array([[0, 2, 1], [0, 3, 2]])  # seen from a camera that looks along +z


def square(z: float, half: float = 10.0) -> np.ndarray:
    return np.array([[-half, -half, z], [half, -half, z], [half, half, z], [-half, half, z]])


def sphere(radius: float, rings: int = 24) -> Mesh:
    polar, azimuth = np.meshgrid(
        np.linspace(0, np.pi, rings), np.linspace(0, 2 * np.pi, 2 * rings), indexing="ij"
    )
    points = np.stack(
        [np.sin(polar) * np.cos(azimuth), np.sin(polar) * np.sin(azimuth), np.cos(polar)], axis=2
    ).reshape(-1, 3)
    row = 2 * rings
    first = np.array([[i * row + j for j in range(row - 1)] for i in range(rings - 1)]).ravel()
    triangles = np.concatenate(
        [np.stack([first, first + row, first + 1], 1), np.stack([first + 1, first + row, first + row + 1], 1)]
    )
    return Mesh(points * radius, triangles)


def test_a_square_covers_exactly_its_pixels() -> None:
    fragments = rasterize(square(100.0), FACING, CAMERA, 64, 48)
    expected = np.zeros((48, 64), bool)
    expected[14:35, 22:43] = True
    assert (fragments.covered == expected).all()
    assert fragments.depth[24, 32] == pytest.approx(100)


def test_the_nearer_surface_hides_the_other_whatever_the_order() -> None:
    points = np.concatenate([square(200.0, 30.0), square(100.0, 5.0)])
    for triangles in (np.concatenate([FACING, FACING + 4]), np.concatenate([FACING + 4, FACING])):
        depth = rasterize(points, triangles, CAMERA, 64, 48).depth
        assert depth[24, 32] == pytest.approx(100)
        assert depth[24, 20] == pytest.approx(200)


def test_back_faces_are_not_seen() -> None:
    assert not rasterize(square(100.0), FACING[:, ::-1], CAMERA, 64, 48).covered.any()


def test_what_reaches_behind_the_camera_is_left_out() -> None:
    assert not rasterize(square(-5.0), FACING, CAMERA, 64, 48).covered.any()


def test_weights_are_perspective_correct() -> None:
    tilted = np.array([[-20.0, -10, 100], [20, -10, 300], [20, 10, 300], [-20, 10, 100]])
    fragments = rasterize(tilted, FACING, CAMERA, 64, 48)
    at = fragments.interpolate(tilted, FACING)
    rows, columns = np.nonzero(fragments.covered)
    np.testing.assert_allclose(project(at, CAMERA), np.stack([columns, rows], 1), atol=1e-3)
    np.testing.assert_allclose(at[:, 2], fragments.depth[fragments.covered], rtol=1e-5)


def test_a_sphere_has_the_depth_of_a_sphere() -> None:
    ball, placement = sphere(50.0, 60), Placement(HEAD_TO_CAMERA, np.array([0.0, 0.0, 400.0]))
    camera = Camera(400.0, 400.0, 64.0, 64.0)
    depth = depth_map(ball, placement, camera, 129, 129)
    assert depth[64, 64] == pytest.approx(350, abs=0.2)
    normals = normal_map(ball, placement, camera, 129, 129)
    np.testing.assert_allclose(normals[64, 64], [0, 0, -1], atol=0.04)
    assert np.isinf(depth[0, 0])
    assert (normals[0, 0] == 0).all()


def test_the_far_side_of_a_ball_is_not_visible() -> None:
    ball = sphere(50.0, 40)
    points = ball.vertices @ HEAD_TO_CAMERA.T + (0, 0, 400)
    camera = Camera(400.0, 400.0, 64.0, 64.0)
    seen = visible(points, camera, rasterize(points, ball.triangles, camera, 129, 129))
    cosine = facing_cosine(points, ball.triangles)
    assert seen[cosine > 0.3].all()
    assert not seen[cosine < -0.3].any()


def test_clay_is_bright_towards_the_light() -> None:
    placement = Placement(HEAD_TO_CAMERA, np.array([0.0, 0.0, 400.0]))
    picture = render_clay(sphere(50.0, 40), placement, Camera(400.0, 400.0, 64.0, 64.0), 129, 129)
    assert picture[40, 45].sum() > picture[95, 90].sum() + 100
    assert (picture[0, 0] == 255).all()


def test_a_texture_lands_where_its_coordinates_say() -> None:
    uv = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    mesh = Mesh(
        square(0.0) * (1, -1, 1), np.array([[0, 2, 1], [0, 3, 2]]), uv, np.array([[0, 2, 1], [0, 3, 2]])
    )
    pixels = np.zeros((2, 2, 3), np.uint8)
    pixels[0, 0] = (255, 0, 0)
    texture = TextureMap(pixels, np.ones((2, 2), np.float32))
    placement = Placement(HEAD_TO_CAMERA, np.array([0.0, 0.0, 100.0]))
    picture = render_textured(mesh, texture, placement, CAMERA, 64, 48)
    assert picture[15, 23, 0] > 240
    assert picture[33, 41, 0] < 10


def test_a_finer_look_stays_in_place_and_softens_outlines_only() -> None:
    placement = Placement(HEAD_TO_CAMERA, np.array([0.0, 0.0, 400.0]))
    ball = sphere(50.0, 40)
    uv = np.full((len(ball.vertices), 2), 0.5)
    mesh = Mesh(ball.vertices, ball.triangles, uv, ball.triangles)
    texture = TextureMap(np.full((4, 4, 3), 100, np.uint8), np.ones((4, 4), np.float32))
    view = Camera(400.0, 400.0, 64.0, 64.0)
    plain = render_textured(mesh, texture, placement, view, 129, 129).astype(float)
    finer = render_textured(mesh, texture, placement, view, 129, 129, finer=2).astype(float)
    assert set(np.unique(plain)) == {100.0, 255.0}
    between = (finer[..., 0] > 100) & (finer[..., 0] < 255)
    assert 50 < between.sum() < 500
    np.testing.assert_array_equal(finer[~between], plain[~between])
    rows, columns = np.nonzero(finer[..., 0] < 255)
    np.testing.assert_allclose([rows.mean(), columns.mean()], 64, atol=0.1)


def test_sampling_between_two_pixels_is_their_mean() -> None:
    pixels = np.array([[[0.0], [10.0]], [[20.0], [30.0]]], np.float32)
    np.testing.assert_allclose(sample(pixels, np.array([[0.5, 0.5], [-9.0, 9.0]]))[:, 0], [15, 20])


def test_atlas_triangles_fill_their_area_either_way_round() -> None:
    points = np.array([[2.0, 2.0], [30.0, 2.0], [2.0, 30.0]])
    for triangle in ([0, 1, 2], [0, 2, 1]):
        covered = rasterize_plane(points, np.array([triangle]), 40, 40).covered.sum()
        assert covered == 29 * 30 // 2


def test_a_known_light_is_recovered_from_the_colours_it_makes() -> None:
    rng = np.random.default_rng(0)
    normals = rng.normal(size=(500, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    light, albedo = rng.normal(size=(9, 3)), rng.uniform(0.2, 0.9, (500, 3))
    found = fit_light(normals, harmonics(normals) @ light * albedo, albedo, ridge=0.0)
    np.testing.assert_allclose(found, light, atol=1e-9)


def test_constant_light_is_constant() -> None:
    normals = np.eye(3)
    np.testing.assert_allclose(harmonics(normals)[:, 0] * np.sqrt(4 * np.pi), np.pi, rtol=1e-5)
