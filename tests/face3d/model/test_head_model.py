"""The head model that ships: what it promises."""

import numpy as np
import pytest

from mien.core.errors import ModelCorrupt, ModelMissing, ShapeError
from mien.core.mesh import Coefficients
from mien.face3d.model.arkit import ARKIT, mirrored
from mien.face3d.model.basis import HeadModel, load_head_model, read_head_model
from mien.face3d.model.shape import eye_centres_of, eye_rotation, gaze_of, vertices_of
from mien.geometry.triangles import boundary_edges, interpolate


@pytest.fixture(scope="module")
def model() -> HeadModel:
    return load_head_model()


def weights(**moves: float) -> np.ndarray:
    return np.array([moves.get(name, 0.0) for name in ARKIT])


def test_it_has_the_52_names_of_arkit_in_order(model: HeadModel) -> None:
    assert model.names == ARKIT
    assert len(set(ARKIT)) == 52


def test_every_expression_moves_something(model: HeadModel) -> None:
    assert (np.abs(model.expression).max(axis=(1, 2)) > 1.0).all()


def test_the_mean_is_symmetric(model: HeadModel) -> None:
    paired = model.mirror >= 0
    assert paired.mean() > 0.999
    np.testing.assert_allclose(model.mean[model.mirror[paired]] * (-1, 1, 1), model.mean[paired], atol=1e-3)
    assert (model.mirror[model.mirror[paired]] == np.flatnonzero(paired)).all()


def test_left_movements_are_the_mirror_of_right_movements(model: HeadModel) -> None:
    for name in ("mouthSmileLeft", "eyeBlinkLeft", "browDownLeft"):
        left = model.expression[ARKIT.index(name)]
        right = model.expression[ARKIT.index(mirrored(name))]
        paired = model.mirror >= 0
        gap = np.abs(left[paired] - right[model.mirror[paired]] * (-1, 1, 1))
        assert gap.max() < 0.02


def test_the_identity_basis_is_orthonormal(model: HeadModel) -> None:
    basis = model.identity.reshape(len(model.identity), -1).astype(np.float64) / model.sigma[:, None]
    np.testing.assert_allclose(basis @ basis.T, np.eye(len(basis)), atol=5e-3)
    assert (np.diff(model.sigma) <= 0).all()


def test_levels_of_detail_are_prefixes(model: HeadModel) -> None:
    eyes = model.rows("eye_left", "eye_right")
    for (triangles, uv_triangles), size in zip(model.levels, model.level_sizes, strict=True):
        skin = np.setdiff1d(triangles, eyes)
        assert skin.max() == size - 1
        assert len(skin) == size
        assert uv_triangles.max() < len(model.uv)


def test_the_skin_is_open_at_the_neck_only(model: HeadModel) -> None:
    triangles = model.levels[0][0]
    skin = triangles[np.isin(model.region[triangles], (0, 1, 2, 3)).all(axis=1)]
    assert model.mean[np.unique(boundary_edges(skin))][:, 1].max() < -80


def test_texture_coordinates_lie_in_one_square(model: HeadModel) -> None:
    assert model.uv.min() >= 0
    assert model.uv.max() <= 1


def test_landmarks_are_where_anatomy_says(model: HeadModel) -> None:
    points = interpolate(model.mean, model.mesh468.corners, model.mesh468.weights)
    nose, chin, left_eye, right_eye = points[1], points[152], points[263], points[33]
    assert nose[2] > points[:, 2].max() - 3
    assert chin[1] < points[:, 1].min() + 3
    assert left_eye[0] > 30
    assert right_eye[0] < -30
    assert 80 < np.linalg.norm(model.mean[model.points68[45]] - model.mean[model.points68[36]]) < 95


def test_no_coefficients_give_the_mean_head(model: HeadModel) -> None:
    np.testing.assert_allclose(
        vertices_of(model, Coefficients(np.zeros(0), weights())), model.mean, atol=1e-6
    )


def test_coefficients_add_up_as_promised(model: HeadModel) -> None:
    z = np.array([1.0, -2.0])
    expected = model.mean + z[0] * model.identity[0] + z[1] * model.identity[1]
    expected = expected + 0.5 * model.expression[ARKIT.index("jawOpen")]
    np.testing.assert_allclose(vertices_of(model, Coefficients(z, weights(jawOpen=0.5))), expected, atol=1e-4)


def test_the_open_jaw_carries_the_lower_teeth_and_not_the_upper(model: HeadModel) -> None:
    teeth = model.rows("teeth")
    drop = model.expression[ARKIT.index("jawOpen")][teeth, 1]
    lower = model.mean[teeth, 1] < -38
    assert drop[lower].max() < -10
    assert np.abs(drop[model.mean[teeth, 1] > -25]).max() < 0.5


def test_the_tongue_comes_out_past_the_lips(model: HeadModel) -> None:
    out = vertices_of(model, Coefficients(np.zeros(0), weights(tongueOut=1.0)))
    lips = out[model.points68[48:60], 2].max()
    assert out[model.rows("tongue"), 2].max() > lips + 5


def test_eyes_turn_about_their_centres_with_the_eyelook_weights(model: HeadModel) -> None:
    look = weights(eyeLookOutLeft=1.0, eyeLookInRight=1.0, eyeLookUpLeft=0.5)
    centres = eye_centres_of(model, np.zeros(0))
    straight, turned = (vertices_of(model, Coefficients(np.zeros(0), e)) for e in (weights(), look))
    rows = model.rows("eye_left")
    before, after = straight[rows] - centres[0], turned[rows] - centres[0]
    np.testing.assert_allclose(np.linalg.norm(before, axis=1), np.linalg.norm(after, axis=1), atol=1e-4)
    assert after[0, 0] > 5
    assert after[0, 1] > 2


def test_both_eyes_look_to_the_persons_left(model: HeadModel) -> None:
    gaze = gaze_of(model, weights(eyeLookOutLeft=0.5, eyeLookInRight=0.5))
    assert gaze[0, 0] == pytest.approx(gaze[1, 0])
    assert gaze[0, 0] > 0
    assert (eye_rotation(gaze[0]) @ [0, 0, 1])[0] > 0


def test_eye_centres_follow_the_identity(model: HeadModel) -> None:
    z = np.random.default_rng(0).standard_normal(len(model.identity))
    vertices = vertices_of(model, Coefficients(z, weights()))
    start = eye_centres_of(model, np.zeros(0))
    for side, centre in enumerate(eye_centres_of(model, z)):
        rows = model.rows(("eye_left", "eye_right")[side])
        before = model.mean[rows].mean(axis=0) - start[side]
        np.testing.assert_allclose(vertices[rows].mean(axis=0) - centre, before, atol=0.5)


def test_too_many_coefficients_are_refused(model: HeadModel) -> None:
    with pytest.raises(ShapeError, match="identity and expression"):
        vertices_of(model, Coefficients(np.zeros(len(model.identity) + 1), weights()))


def test_a_missing_model_says_how_to_get_one(tmp_path: object) -> None:
    from pathlib import Path

    with pytest.raises(ModelMissing, match="train"):
        read_head_model(Path(str(tmp_path)) / "none.npz")


def test_a_damaged_model_is_named(tmp_path: object) -> None:
    from pathlib import Path

    path = Path(str(tmp_path)) / "bad.npz"
    path.write_bytes(b"not a model")
    with pytest.raises(ModelCorrupt, match=r"bad\.npz"):
        read_head_model(path)
    np.savez(path, format=np.array("another"))
    with pytest.raises(ModelCorrupt, match="format mien-head-1"):
        read_head_model(path)
