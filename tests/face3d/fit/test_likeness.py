"""The comparison of heads: pose leaves no trace, one person's photos stand nearer than another's."""

import numpy as np
import pytest

from mien.core.errors import InputError, ShapeError, ThinData
from mien.core.mesh import Camera, Coefficients, Placement
from mien.core.types import HeadPose
from mien.face3d.fit.likeness import Likeness, frontal_offsets, load_likeness, pose_directions
from mien.face3d.model.basis import HeadModel, load_head_model
from mien.face3d.model.shape import vertices_of
from mien.geometry.projection import place, project
from mien.geometry.rotation import HEAD_TO_CAMERA, rotation_from_pose
from mien.geometry.triangles import interpolate
from mien.training.headmodel.likeness import learn_likeness

CAMERA = Camera(1400.0, 1400.0, 383.5, 383.5)


@pytest.fixture(scope="module")
def model() -> HeadModel:
    return load_head_model()


def seen(
    model: HeadModel, z: np.ndarray, smile: float = 0.0, yaw: float = 0.0, depth: float = 700.0
) -> np.ndarray:
    weights = np.array([smile if name.startswith("mouthSmile") else 0.0 for name in model.names])
    vertices = vertices_of(model, Coefficients(z, weights, np.zeros((2, 2))))
    points = interpolate(vertices, model.mesh468.corners, model.mesh468.weights)
    rotation = rotation_from_pose(HeadPose(yaw, 0.0, 0.1)) @ HEAD_TO_CAMERA
    return project(place(points, Placement(rotation, np.array([20.0, -10.0, depth]))), CAMERA)


def people(model: HeadModel, count: int, seed: int = 0) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Offsets of people who look at the camera and who smile, each with half a pixel of noise."""
    rng = np.random.default_rng(seed)
    pairs: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for z in rng.standard_normal((count, 100)):
        for found, smile in zip(pairs, (0.0, rng.uniform(0.4, 1.0)), strict=True):
            points = seen(model, z, smile, rng.normal(0, 0.03)) + rng.normal(0, 0.5, (468, 2))
            found.append(frontal_offsets(model, points, CAMERA))
    return pairs


def test_the_mean_head_has_no_offsets_wherever_it_stands(model: HeadModel) -> None:
    for yaw, depth in ((0.0, 700.0), (0.15, 700.0), (0.0, 1500.0)):
        offsets = frontal_offsets(model, seen(model, np.zeros(100), yaw=yaw, depth=depth), CAMERA)
        assert np.abs(offsets).max() < 0.5


def test_offsets_hold_nothing_of_the_pose(model: HeadModel) -> None:
    offsets = frontal_offsets(model, seen(model, np.random.default_rng(0).standard_normal(100)), CAMERA)
    np.testing.assert_allclose(offsets @ pose_directions(model), 0, atol=1e-9)


def test_smiling_people_are_found_among_strangers(model: HeadModel) -> None:
    learned = learn_likeness(*people(model, 40))
    neutral, smiling = people(model, 25, seed=1)
    signatures = [(np.array(found) - learned.mean) @ learned.read for found in (neutral, smiling)]
    alike = learned.compare(signatures[1], signatures[0])
    assert (alike.argmax(axis=1) == np.arange(25)).mean() >= 0.9


def test_comparing_is_symmetric_and_agrees_with_the_two_gaussians() -> None:
    told = np.array([0.9, 0.3])
    likeness = Likeness(np.zeros(936), np.zeros((936, 2)), told)
    a, b = np.array([0.7, -1.0]), np.array([0.2, 0.4])
    assert likeness.compare(a, b)[0, 0] == pytest.approx(likeness.compare(b, a)[0, 0])
    expected = 0.0
    for x, y, r in zip(a, b, told, strict=True):
        together = np.array([[1, r], [r, 1]])
        both = np.array([x, y])
        expected += -0.5 * both @ np.linalg.inv(together) @ both - 0.5 * np.log(np.linalg.det(together))
        expected -= -0.5 * both @ both
    assert likeness.compare(a, b)[0, 0] == pytest.approx(expected)


def test_the_shipped_comparison_reads_a_face(model: HeadModel) -> None:
    likeness = load_likeness()
    signature = likeness.signature(model, seen(model, np.zeros(100)), CAMERA)
    assert signature.shape == likeness.told.shape
    other = likeness.signature(model, seen(model, np.ones(100)), CAMERA)
    same = likeness.compare(signature, signature)[0, 0]
    assert same > likeness.compare(signature, other)[0, 0]


def test_a_turned_face_is_not_compared(model: HeadModel) -> None:
    with pytest.raises(InputError, match="turned too far"):
        frontal_offsets(model, seen(model, np.zeros(100), yaw=0.8), CAMERA)
    with pytest.raises(ShapeError, match="mesh468"):
        frontal_offsets(model, np.zeros((68, 2)), CAMERA)


def test_a_few_pairs_teach_nothing() -> None:
    with pytest.raises(ThinData, match="at least 20"):
        learn_likeness([np.zeros(936)] * 5, [np.zeros(936)] * 5)
