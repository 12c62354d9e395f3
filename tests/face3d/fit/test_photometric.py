"""Brightness: derivatives agree with differences; a head of known light is recovered better than without."""

import numpy as np
import pytest

from mien.core.mesh import Camera, Coefficients, Placement
from mien.core.types import HeadPose
from mien.evaluation.metrics.mesh import align
from mien.face3d.fit.head import FitSettings, fit_landmarks
from mien.face3d.fit.photometric import (
    PhotometricSettings,
    bright_picture,
    brightness_and_jacobian,
    explained,
    patch_of,
)
from mien.face3d.fit.solve import State
from mien.face3d.model.basis import HeadModel, load_head_model
from mien.face3d.model.shape import vertices_of
from mien.face3d.render.light import harmonics, harmonics_slope
from mien.face3d.render.rasterize import rasterize
from mien.geometry.projection import place, project
from mien.geometry.rotation import HEAD_TO_CAMERA, rotation_from_pose, rotation_from_vector
from mien.geometry.triangles import interpolate, vertex_normals

CAMERA, SIDE = Camera(700.0, 700.0, 191.5, 191.5), 384
LIGHT = np.array([0.62, -0.36, -0.34, 0.30, 0.05, 0.04, 0.02, -0.05, 0.03])
"""From above, the front and a little from the side; up is -y, towards the camera is -z."""


@pytest.fixture(scope="module")
def model() -> HeadModel:
    return load_head_model()


def standing(yaw: float = 0.1) -> Placement:
    rotation = rotation_from_pose(HeadPose(yaw, 0.03, 0.0)) @ HEAD_TO_CAMERA
    return Placement(rotation, np.array([0.0, 0.0, 620.0]))


def lit(model: HeadModel, truth: Coefficients, placement: Placement) -> np.ndarray:
    """A photo of skin of one colour, darker towards the beard, under `LIGHT`."""
    points = place(vertices_of(model, truth), placement)
    triangles = model.levels[0][0]
    fragments = rasterize(points, triangles, CAMERA, SIDE, SIDE)
    normals = fragments.interpolate(vertex_normals(points, triangles), triangles)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    height = fragments.interpolate(model.mean[:, 1:2].astype(float), triangles)[:, 0]
    albedo = 0.55 - 0.12 / (1 + np.exp((height + 30) / 8))
    linear = np.zeros((SIDE, SIDE))
    linear[fragments.covered] = np.clip(albedo * (harmonics(normals) @ LIGHT), 0, 1)
    return np.repeat((255 * linear[..., None] ** (1 / 2.2)).round().astype(np.uint8), 3, axis=2)


def test_the_slope_of_harmonics_agrees_with_finite_differences() -> None:
    normals = np.random.default_rng(0).standard_normal((20, 3))
    slope, step = harmonics_slope(normals), 1e-6
    for axis in range(3):
        ahead, behind = normals.copy(), normals.copy()
        ahead[:, axis] += step
        behind[:, axis] -= step
        numeric = (harmonics(ahead) - harmonics(behind)) / (2 * step)
        np.testing.assert_allclose(slope[:, :, axis], numeric, atol=1e-6)


def test_the_jacobian_agrees_with_finite_differences(model: HeadModel) -> None:
    patch = patch_of(model, 12, 15.0)
    state = State(np.concatenate([np.random.default_rng(1).standard_normal(12), np.zeros(52)]), standing())
    truth = Coefficients(np.zeros(12), np.zeros(52))
    settings = PhotometricSettings()
    picture = bright_picture(model, state, lit(model, truth, standing()), CAMERA, 6.0, 12)
    shading = explained(patch, state, picture, settings)
    _, jacobian = brightness_and_jacobian(patch, state, picture, shading)
    for column, step in (
        (0, 1e-3),
        (5, 1e-3),
        (11, 1e-3),
        (40, 1e-3),
        (64, 1e-4),
        (65, 1e-4),
        (66, 1e-4),
        (67, 0.02),
        (69, 0.02),
    ):
        ends = []
        for sign in (1, -1):
            move = np.zeros(70)
            move[column] = sign * step
            turn = rotation_from_vector(move[64:67])
            there = Placement(turn @ state.placement.rotation, state.placement.translation + move[67:])
            ends.append(
                brightness_and_jacobian(
                    patch, State(state.coefficients + move[:64], there), picture, shading
                )[0]
            )
        numeric = (ends[0] - ends[1]) / (2 * step)
        wrong = np.abs(jacobian[:, column] - numeric)
        # a picture's slope is that between pixels: where two meet it is neither's
        assert np.median(wrong) < 0.03 * np.abs(numeric).max()


@pytest.mark.parametrize("yaw", [0.1, 0.5])
def test_where_landmarks_are_trusted_little_known_light_finds_the_head_better(
    model: HeadModel, yaw: float
) -> None:
    rng = np.random.default_rng(3)
    gain = []
    for _ in range(3):
        truth = Coefficients(rng.standard_normal(100), np.zeros(52), np.zeros((2, 2)))
        placement, vertices = standing(yaw), vertices_of(model, truth)
        marks = interpolate(vertices, model.mesh468.corners, model.mesh468.weights)
        pixels = project(place(marks, placement), CAMERA) + rng.normal(0, 2.0, (468, 2))
        photo = lit(model, truth, placement)
        errors = []
        for photometric in (None, PhotometricSettings()):
            settings = FitSettings(scatter=10.0, contour=None, photometric=photometric)
            found = vertices_of(
                model, fit_landmarks(model, pixels, CAMERA, settings, picture=photo).coefficients
            )
            size, rotation, shift = align(found, vertices, scale=True)
            gaps = np.linalg.norm(size * found @ rotation.T + shift - vertices, axis=1)
            errors.append(np.median(gaps[model.rows("face")]))
        gain.append(errors[0] - errors[1])
    assert np.mean(gain) > 0.1


def test_a_picture_of_one_brightness_makes_no_monster(model: HeadModel) -> None:
    pixels = project(
        place(interpolate(model.mean, model.mesh468.corners, model.mesh468.weights), standing()), CAMERA
    )
    plain = np.full((SIDE, SIDE, 3), 128, np.uint8)
    fit = fit_landmarks(model, pixels, CAMERA, FitSettings(photometric=PhotometricSettings()), picture=plain)
    assert np.abs(fit.coefficients.identity).max() < 3
