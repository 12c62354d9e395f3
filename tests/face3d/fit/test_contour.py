"""The outline: edges are found where they are, a turned head is recovered better with it than without."""

import numpy as np
import pytest

from mien.core.mesh import Camera, Coefficients, Placement
from mien.core.types import HeadPose
from mien.face3d.fit.contour import (
    ContourSettings,
    Rim,
    edges_beside,
    follow_outline,
    outline_of,
    rim_of,
    soft_picture,
)
from mien.face3d.fit.evidence import joined, mesh468_points
from mien.face3d.fit.head import FitSettings, fit_landmarks
from mien.face3d.fit.soft import SoftPicture
from mien.face3d.fit.solve import Bounds, Priors, Problem, State, residuals_and_jacobian
from mien.face3d.model.basis import HeadModel, load_head_model
from mien.face3d.model.shape import vertices_of
from mien.face3d.render.shade import render_clay
from mien.geometry.projection import place, project
from mien.geometry.rotation import HEAD_TO_CAMERA, rotation_from_pose, rotation_from_vector
from mien.geometry.triangles import interpolate

CAMERA = Camera(700.0, 700.0, 191.5, 191.5)
SIDE = 384


@pytest.fixture(scope="module")
def model() -> HeadModel:
    return load_head_model()


def standing(yaw: float) -> Placement:
    rotation = rotation_from_pose(HeadPose(yaw, 0.05, -0.02)) @ HEAD_TO_CAMERA
    return Placement(rotation, np.array([0.0, 0.0, 620.0]))


def state_of(identity: np.ndarray, yaw: float) -> State:
    return State(np.concatenate([identity, np.zeros(52)]), standing(yaw))


def photo(model: HeadModel, truth: Coefficients, yaw: float) -> np.ndarray:
    mesh = model.mesh(vertices_of(model, truth))
    return render_clay(mesh, standing(yaw), CAMERA, SIDE, SIDE, background=70)


@pytest.mark.parametrize("yaw", [0.6, -0.6])
def test_the_rim_lies_on_the_side_turned_away_and_is_seen_edge_on(model: HeadModel, yaw: float) -> None:
    outline = outline_of(model, 20)
    rim = rim_of(outline, state_of(np.zeros(20), yaw), CAMERA, yaw)
    assert len(rim.first) > 30
    towards = rim.places / np.linalg.norm(rim.places, axis=1, keepdims=True)
    assert np.abs((rim.normals * towards).sum(axis=1)).max() < 0.05
    assert (outline.side[rim.first] * yaw > 0).all()


def test_the_rims_points_move_as_the_surface_does(model: HeadModel) -> None:
    state = state_of(np.random.default_rng(0).standard_normal(20), 0.6)
    outline = outline_of(model, 20)
    rim = rim_of(outline, state, CAMERA, 0.6)
    np.testing.assert_allclose(
        place(rim.points(outline).at(state.coefficients), state.placement), rim.places, atol=1e-6
    )


def test_the_jacobian_of_the_rim_agrees_with_finite_differences(model: HeadModel) -> None:
    state = state_of(np.zeros(8), 0.6)
    outline = outline_of(model, 8)
    points = rim_of(outline, state, CAMERA, 0.6).points(outline)
    pixels = np.zeros((len(points.mean), 2))
    _, jacobian = residuals_and_jacobian(points, pixels, CAMERA, state)
    step = 1e-4
    for column in (0, 7, 30, 60, 61, 65):
        ends = []
        for sign in (1, -1):
            moved = np.zeros(66)
            moved[column] = sign * step
            turn = rotation_from_vector(moved[60:63])
            there = Placement(turn @ state.placement.rotation, state.placement.translation + moved[63:])
            ends.append(
                residuals_and_jacobian(points, pixels, CAMERA, State(state.coefficients + moved[:60], there))[
                    0
                ]
            )
        numeric = (ends[0] - ends[1]) / (2 * step)
        np.testing.assert_allclose(jacobian[:, :, column], numeric, atol=1e-3 + 1e-5 * np.abs(numeric).max())


@pytest.mark.parametrize("shift", [-3.0, 0.0, 2.5])
def test_an_edge_is_found_where_it_is(shift: float) -> None:
    colours = np.zeros((80, 120, 3), np.float32)
    colours[:, 60:] = 150
    camera = Camera(1000.0, 1000.0, 59.5, 40.0)  # two pixels a mm at 500 mm
    heights = np.linspace(-10, 10, 9)
    places = np.stack([np.full(9, -shift), heights, np.full(9, 500.0)], axis=1)
    rim = Rim(np.arange(9), np.arange(9), np.ones(9), places, np.tile([1.0, 0.0, 0.0], (9, 1)))
    offsets, strength = edges_beside(SoftPicture(colours, camera), rim, reach=6.0, believed=4.0)
    np.testing.assert_allclose(offsets, shift, atol=0.3)
    assert (strength > 100).all()


def test_a_soft_picture_shows_the_same_places() -> None:
    pixels = np.zeros((400, 400, 3), np.uint8)
    pixels[:, 200:] = 200  # an edge through pixel 199.5
    camera = Camera(2000.0, 2000.0, 199.5, 199.5)
    places = np.array([[0.0, -20.0, 500.0], [0.0, 20.0, 500.0]])  # four pixels a mm: half are left out
    picture = soft_picture(pixels, camera, places)
    x, y = project(places, picture.camera).mean(axis=0)
    left, right = np.floor(x), np.floor(x) + 1
    row = picture.colours[round(y), :, 0]
    middle = row[int(left)] + (x - left) * (row[int(right)] - row[int(left)])
    assert middle == pytest.approx(100, abs=8)


@pytest.mark.parametrize("yaw", [0.6, -0.5])
def test_a_turned_head_is_found_better_with_its_outline(model: HeadModel, yaw: float) -> None:
    rng = np.random.default_rng(4)
    gain = []
    for _ in range(3):
        truth = Coefficients(rng.standard_normal(100), np.zeros(52), np.zeros((2, 2)))
        vertices = vertices_of(model, truth)
        marks = interpolate(vertices, model.mesh468.corners, model.mesh468.weights)
        pixels = project(place(marks, standing(yaw)), CAMERA) + rng.normal(0, 2.0, (468, 2))
        errors = []
        for picture in (None, photo(model, truth, yaw)):
            fit = fit_landmarks(model, pixels, CAMERA, picture=picture)
            gap = _aligned(vertices_of(model, fit.coefficients), vertices)[model.rows("face")]
            errors.append(np.median(gap))
        gain.append(errors[0] - errors[1])
    assert np.mean(gain) > 0.1


def _aligned(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    from mien.evaluation.metrics.mesh import align

    size, rotation, shift = align(found, truth, scale=True)
    return np.asarray(np.linalg.norm(size * found @ rotation.T + shift - truth, axis=1))


def test_a_face_from_the_front_has_no_outline_to_follow(model: HeadModel) -> None:
    state, truth = state_of(np.zeros(20), 0.05), Coefficients(np.zeros(20), np.zeros(52))
    points = mesh468_points(model, 20)
    pixels = project(place(points.mean, standing(0.05)), CAMERA)
    bounds = Bounds(np.full(72, -4.0), np.full(72, 4.0))
    problem = Problem(points, pixels, np.ones(468), CAMERA, bounds, Priors())
    known, led = follow_outline(model, problem, photo(model, truth, 0.05), state, ContourSettings())
    assert known is problem
    assert led is state


def test_a_picture_without_edges_changes_nothing(model: HeadModel) -> None:
    pixels = project(place(mesh468_points(model, 20).mean, standing(0.6)), CAMERA)
    plain = np.full((SIDE, SIDE, 3), 128, np.uint8)
    with_it = fit_landmarks(model, pixels, CAMERA, picture=plain)
    without = fit_landmarks(model, pixels, CAMERA, FitSettings(contour=None), picture=plain)
    np.testing.assert_array_equal(with_it.coefficients.identity, without.coefficients.identity)


def test_joined_points_keep_their_order(model: HeadModel) -> None:
    marks = mesh468_points(model, 10)
    both = joined(marks, marks)
    np.testing.assert_array_equal(both.at(np.zeros(62)), np.concatenate([marks.mean, marks.mean]))
