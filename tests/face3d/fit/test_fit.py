"""The fit: known heads are found again, derivatives agree with differences, bad input widens the answer."""

from pathlib import Path

import numpy as np
import pytest

from mien.core.errors import InputError, ShapeError, ThinData
from mien.core.mesh import Camera, Coefficients, Placement
from mien.core.types import HeadPose
from mien.face3d.fit.evidence import mesh468_points, surface_points
from mien.face3d.fit.eyes import IRIS_DIAMETER, gaze_from_irises, scale_from_irises
from mien.face3d.fit.head import FitSettings, fit_landmarks
from mien.face3d.fit.scan import LANDMARKS7, fit_scan
from mien.face3d.fit.solve import Bounds, State, bounded_step, residuals_and_jacobian
from mien.face3d.fit.start import placement_from_points
from mien.face3d.model.arkit import ARKIT
from mien.face3d.model.basis import HeadModel, load_head_model
from mien.face3d.model.shape import eye_rotation, vertices_of
from mien.geometry.projection import place, project
from mien.geometry.rotation import HEAD_TO_CAMERA, rotation_from_pose, rotation_from_vector
from mien.geometry.triangles import interpolate

CAMERA = Camera(1400.0, 1400.0, 383.5, 383.5)


@pytest.fixture(scope="module")
def model() -> HeadModel:
    return load_head_model()


def standing(yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0) -> Placement:
    rotation = rotation_from_pose(HeadPose(yaw, pitch, roll)) @ HEAD_TO_CAMERA
    return Placement(rotation, np.array([10.0, -15.0, 620.0]))


def seen(model: HeadModel, coefficients: Coefficients, placement: Placement) -> np.ndarray:
    vertices = vertices_of(model, coefficients)
    points = interpolate(vertices, model.mesh468.corners, model.mesh468.weights)
    return project(place(points, placement), CAMERA)


def smile() -> np.ndarray:
    moves = {"mouthSmileLeft": 0.7, "mouthSmileRight": 0.6, "jawOpen": 0.4}
    return np.array([moves.get(name, 0.0) for name in ARKIT])


@pytest.mark.parametrize(
    ("yaw", "pitch", "roll"), [(0, 0, 0), (0.6, 0.2, -0.4), (-1.0, -0.3, 0.2), (0.1, 0, 2.9)]
)
def test_posit_finds_a_known_placement(model: HeadModel, yaw: float, pitch: float, roll: float) -> None:
    placement = standing(yaw, pitch, roll)
    points = mesh468_points(model, 10).mean
    found = placement_from_points(points, project(place(points, placement), CAMERA), CAMERA, rounds=12)
    np.testing.assert_allclose(found.rotation, placement.rotation, atol=1e-4)
    np.testing.assert_allclose(found.translation, placement.translation, atol=0.1)


def test_five_points_do_not_fix_a_pose() -> None:
    with pytest.raises(ThinData, match="at least 6"):
        placement_from_points(np.zeros((5, 3)), np.zeros((5, 2)), CAMERA)


def test_the_linear_points_are_the_points_of_the_surface(model: HeadModel) -> None:
    z = np.random.default_rng(0).standard_normal(20)
    linear = mesh468_points(model, 20).at(np.concatenate([z, smile()]))
    vertices = vertices_of(model, Coefficients(z, smile(), np.zeros((2, 2))))
    expected = interpolate(vertices, model.mesh468.corners, model.mesh468.weights)
    np.testing.assert_allclose(linear, expected, atol=1e-3)
    one = surface_points(model, model.mesh468.corners[:3], model.mesh468.weights[:3], 20)
    np.testing.assert_allclose(one.mean, mesh468_points(model, 20).mean[:3])


def test_the_jacobian_agrees_with_finite_differences(model: HeadModel) -> None:
    points = mesh468_points(model, 8)
    rng = np.random.default_rng(1)
    values = np.concatenate([rng.standard_normal(8), rng.uniform(0, 0.5, 52)])
    state = State(values, standing(0.4, -0.2, 0.3))
    pixels = np.zeros((468, 2))
    _, jacobian = residuals_and_jacobian(points, pixels, CAMERA, state)
    step = 1e-4
    for column in (0, 3, 7, 8, 40, 60, 61, 62, 63, 64, 65):
        ends = []
        for sign in (1, -1):
            moved = np.zeros(66)
            moved[column] = sign * step
            turn = rotation_from_vector(moved[60:63])
            placement = Placement(turn @ state.placement.rotation, state.placement.translation + moved[63:])
            ends.append(
                residuals_and_jacobian(points, pixels, CAMERA, State(values + moved[:60], placement))[0]
            )
        numeric = (ends[0] - ends[1]) / (2 * step)
        np.testing.assert_allclose(jacobian[:, :, column], numeric, atol=1e-3 + 1e-5 * np.abs(numeric).max())


@pytest.mark.parametrize("yaw", [0.0, 0.5])
def test_a_known_head_is_found_again(model: HeadModel, yaw: float) -> None:
    z = np.random.default_rng(2).standard_normal(30) * 0.8
    truth = Coefficients(z, smile(), np.zeros((2, 2)))
    placement = standing(yaw, 0.1, 0.05)
    exact = FitSettings(components=30, scatter=0.05, pixel=0.05, iterations=60)
    fit = fit_landmarks(model, seen(model, truth, placement), CAMERA, exact)
    assert fit.residual < 0.1
    gap = place(vertices_of(model, fit.coefficients), fit.placement) - place(
        vertices_of(model, truth), placement
    )
    face = model.rows("face")
    depth_free = gap[face] - gap[face].mean(axis=0)  # one picture does not fix how far away the head is
    assert np.median(np.linalg.norm(depth_free, axis=1)) < 1.0


def test_the_mean_head_stays_the_mean_head(model: HeadModel) -> None:
    fit = fit_landmarks(model, seen(model, Coefficients(np.zeros(0), np.zeros(52)), standing()), CAMERA)
    assert np.abs(fit.coefficients.identity).max() < 0.05
    assert fit.residual < 0.05
    assert fit.notes == ()


def test_expressions_stay_within_their_limits(model: HeadModel) -> None:
    pixels = seen(model, Coefficients(np.zeros(0), smile()), standing())
    pixels[14:18] += (0, 60)
    fit = fit_landmarks(model, pixels, CAMERA)
    weights = dict(zip(model.names, fit.coefficients.expression, strict=True))
    assert min(weights.values()) >= 0
    assert max(weights.values()) <= 1
    assert weights["mouthClose"] <= weights["jawOpen"]
    assert weights["tongueOut"] == 0


def test_without_expression_all_weights_are_zero(model: HeadModel) -> None:
    pixels = seen(model, Coefficients(np.zeros(0), smile()), standing())
    assert not fit_landmarks(model, pixels, CAMERA, expression=False).coefficients.expression.any()


def test_a_far_outlier_hardly_moves_the_head(model: HeadModel) -> None:
    pixels = seen(model, Coefficients(np.zeros(0), np.zeros(52)), standing())
    spoiled = pixels.copy()
    spoiled[1] += (150, 0)
    clean, dirty = fit_landmarks(model, pixels, CAMERA), fit_landmarks(model, spoiled, CAMERA)
    gap = vertices_of(model, clean.coefficients) - vertices_of(model, dirty.coefficients)
    assert np.abs(gap).max() < 1.0


def test_fewer_trusted_points_widen_the_uncertainty(model: HeadModel) -> None:
    pixels = seen(model, Coefficients(np.zeros(0), np.zeros(52)), standing())
    half = (mesh468_points(model, 100).mean[:, 0] > 0).astype(float)
    whole, part = fit_landmarks(model, pixels, CAMERA), fit_landmarks(model, pixels, CAMERA, weights=half)
    assert part.identity_sd[:20].mean() > whole.identity_sd[:20].mean()
    assert (whole.identity_sd <= 1.001).all()


def test_a_tiny_face_is_mostly_the_average_and_says_so(model: HeadModel) -> None:
    truth = Coefficients(np.random.default_rng(5).standard_normal(30), np.zeros(52))
    far = Placement(standing().rotation, np.array([0.0, 0.0, 9000.0]))
    pixels = seen(model, truth, far) + np.random.default_rng(6).normal(0, 0.7, (468, 2))
    fit = fit_landmarks(model, pixels, CAMERA)
    assert any("pixels apart" in note for note in fit.notes)
    assert (
        fit.identity_sd.mean()
        > fit_landmarks(model, seen(model, truth, standing()), CAMERA).identity_sd.mean()
    )
    assert np.abs(fit.coefficients.identity).max() < 3


@pytest.mark.parametrize("yaw", [1.1, -1.1])
def test_a_profile_widens_the_uncertainty_and_says_so(model: HeadModel, yaw: float) -> None:
    truth = Coefficients(np.random.default_rng(8).standard_normal(100), smile())
    noise = np.random.default_rng(9).normal(0, 2.0, (468, 2))
    front = fit_landmarks(model, seen(model, truth, standing()) + noise, CAMERA)
    side = fit_landmarks(model, seen(model, truth, standing(yaw)) + noise, CAMERA)
    assert any("turned by" in note for note in side.notes)
    assert not any("turned by" in note for note in front.notes)
    assert side.identity_sd[:20].mean() > front.identity_sd[:20].mean()
    assert np.abs(side.coefficients.identity).max() < 3


def test_an_extreme_expression_makes_no_monster(model: HeadModel) -> None:
    loud = {
        "jawOpen": 1.0,
        "mouthStretchLeft": 1.0,
        "mouthStretchRight": 1.0,
        "eyeWideLeft": 1.0,
        "browInnerUp": 1.0,
    }
    weights = np.array([loud.get(name, 0.0) for name in ARKIT])
    fit = fit_landmarks(model, seen(model, Coefficients(np.zeros(0), weights), standing()), CAMERA)
    assert np.abs(fit.coefficients.identity).max() < 2
    assert fit.coefficients.expression[model.names.index("jawOpen")] > 0.6


def test_half_a_face_under_a_mask_is_no_monster(model: HeadModel) -> None:
    truth = Coefficients(np.random.default_rng(10).standard_normal(100), np.zeros(52))
    pixels = seen(model, truth, standing())
    low = mesh468_points(model, 100).mean[:, 1] < mesh468_points(model, 100).mean[4, 1]
    pixels[low] += np.random.default_rng(11).normal(0, 30, (int(low.sum()), 2))
    fit = fit_landmarks(model, pixels, CAMERA, weights=1.0 - low)
    assert np.abs(fit.coefficients.identity).max() < 3
    assert fit.identity_sd[:20].mean() > fit_landmarks(model, pixels, CAMERA).identity_sd[:20].mean()


def test_landmarks_of_no_head_are_noted_and_make_no_monster(model: HeadModel) -> None:
    noise = np.random.default_rng(7).uniform(200, 500, (468, 2))
    fit = fit_landmarks(model, noise, CAMERA)
    assert fit.notes
    assert np.abs(fit.coefficients.identity).max() <= 3.5


def test_bad_landmarks_are_the_callers_fault(model: HeadModel) -> None:
    with pytest.raises(ShapeError, match="mesh468"):
        fit_landmarks(model, np.zeros((68, 2)), CAMERA)
    with pytest.raises(InputError, match="one spot"):
        fit_landmarks(model, np.zeros((468, 2)), CAMERA)
    with pytest.raises(InputError, match="not numbers"):
        fit_landmarks(model, np.full((468, 3), np.nan), CAMERA)


def test_tied_limits_hold() -> None:
    bounds = Bounds(np.zeros(2), np.ones(2), tied=(0, 1))
    assert bounds.clip(np.array([0.8, 0.3])).tolist() == [0.3, 0.3]


@pytest.mark.parametrize("seed", range(12))
def test_bounded_steps_lead_to_the_best_of_all_allowed_values(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((9, 4))
    precision, gradient = rows.T @ rows, 3 * rng.standard_normal(4)  # the last unknown is free: a pose
    bounds = Bounds(np.zeros(3), np.ones(3), tied=(0, 1))

    def energy(x: np.ndarray) -> np.ndarray:
        return np.asarray(0.5 * np.einsum("...i,ij,...j", x, precision, x) + x @ gradient)

    found = np.append(np.sort(rng.uniform(0, 1, 2)), rng.uniform(-1, 1, 2).clip(0))
    for _ in range(4):
        step = bounded_step(precision, gradient + precision @ found, 0.0, found[:3], bounds)
        assert energy(found + step) <= energy(found) + 1e-9
        found = found + step
        assert found[:3].min() >= -1e-9
        assert found[:3].max() <= 1 + 1e-9
        assert found[0] <= found[1] + 1e-9

    first, second, third = np.meshgrid(*[np.linspace(0, 1, 31)] * 3, indexing="ij")
    tried = np.stack([first, second, third], axis=-1)[first <= second]
    last = -(gradient[3] + tried @ precision[:3, 3]) / precision[3, 3]
    assert energy(found) <= energy(np.concatenate([tried, last[:, None]], axis=1)).min() + 1e-9


def test_lips_closed_over_an_open_jaw_are_found_in_a_few_steps(model: HeadModel) -> None:
    moves = {"jawOpen": 0.5, "mouthClose": 0.5}
    truth = Coefficients(np.zeros(0), np.array([moves.get(name, 0.0) for name in ARKIT]))
    pixels = seen(model, truth, standing(0.2))
    few, many = (
        fit_landmarks(model, pixels, CAMERA, FitSettings(iterations=count)).coefficients for count in (6, 60)
    )
    np.testing.assert_allclose(few.identity, many.identity, atol=0.02)
    np.testing.assert_allclose(few.expression, many.expression, atol=0.02)


def test_a_known_gaze_and_size_are_read_from_the_irises(model: HeadModel) -> None:
    placement, gaze = standing(0.2, -0.1), np.array([[0.2, -0.1], [0.15, -0.05]])
    centres = model.eye_centres
    irises = np.zeros((2, 5, 2))
    radius = 15.0
    for side, row in ((0, 1), (1, 0)):
        turn = eye_rotation(gaze[side])
        middle = centres[side] + turn @ [0, 0, radius * 0.93]
        rim = [
            middle + turn @ (np.array(way) * IRIS_DIAMETER / 2)
            for way in ([1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0])
        ]
        irises[row] = project(place(np.stack([middle, *rim]), placement), CAMERA)
    found = gaze_from_irises(centres, np.array([radius, radius]), irises, placement, CAMERA)
    np.testing.assert_allclose(found, gaze, atol=0.02)
    assert scale_from_irises(centres, irises, placement, CAMERA) == pytest.approx(1.0, abs=0.06)


@pytest.mark.long
def test_a_scan_of_a_known_head_is_registered(model: HeadModel) -> None:
    z = np.random.default_rng(3).standard_normal(100) * 0.8
    turned = rotation_from_vector(np.array([0.2, 0.5, -0.1]))
    vertices = vertices_of(model, Coefficients(z, smile(), np.zeros((2, 2)))) @ turned.T + [30.0, -80.0, 12.0]
    landmarks = vertices[model.points68[list(LANDMARKS7)]]
    fit = fit_scan(model, vertices[model.rows("face")], landmarks)
    assert np.median(fit.distances) < 0.15
    assert np.quantile(fit.distances, 0.95) < 1.2


@pytest.mark.shared
@pytest.mark.long
@pytest.mark.parametrize(("name", "limit"), [("lee", 0.2), ("sven", 0.25), ("fran", 0.42)])
def test_the_model_reaches_real_scans(model: HeadModel, shared: Path, name: str, limit: float) -> None:
    truth = np.load(shared / "scans" / "gt" / f"gt_{name}.npz")
    fit = fit_scan(model, truth["points"].astype(float), truth["lm7"].astype(float))
    assert np.median(fit.distances) < limit
    assert fit.coefficients.expression.min() >= 0


def test_a_scan_needs_seven_landmarks(model: HeadModel) -> None:
    with pytest.raises(ShapeError, match=r"\(7, 3\)"):
        fit_scan(model, np.zeros((300, 3)), np.zeros((5, 3)))
