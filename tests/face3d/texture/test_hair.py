"""Hair's volume: a known cap of hair is found, a bald head stays bald, what cannot be told is left alone."""

import numpy as np
import pytest

from mien.core.mesh import Camera, Placement
from mien.core.types import HeadPose
from mien.face3d.model.basis import HeadModel, load_head_model
from mien.face3d.render.rasterize import rasterize
from mien.face3d.texture.anatomy import CROWN
from mien.face3d.texture.hair import hair_volume
from mien.geometry.projection import place
from mien.geometry.rotation import HEAD_TO_CAMERA, rotation_from_pose

CAMERA, SIDE = Camera(700.0, 700.0, 191.5, 191.5), 384
SKIN, HAIR, WALL = (200, 160, 140), (50, 35, 25), (180, 190, 200)


@pytest.fixture(scope="module")
def model() -> HeadModel:
    return load_head_model()


def standing(yaw: float = 0.0) -> Placement:
    return Placement(rotation_from_pose(HeadPose(yaw, 0, 0)) @ HEAD_TO_CAMERA, np.array([0.0, 10.0, 780.0]))


def photo(model: HeadModel, thick: float, wall: tuple[int, int, int] = WALL) -> np.ndarray:
    """A head whose scalp is covered with hair ``thick`` mm deep, before a wall."""
    mean = model.mean.astype(float)
    above = np.clip((mean[:, 1] - 70) / 15, 0, 1)[:, None]
    out = (mean - CROWN) / np.linalg.norm(mean - CROWN, axis=1, keepdims=True)
    points = place(mean + thick * above * out, standing())
    triangles = model.levels[0][0]
    fragments = rasterize(points, triangles, CAMERA, SIDE, SIDE)
    hairy = fragments.interpolate(above, triangles)[:, 0] > 0.3
    picture = np.full((SIDE, SIDE, 3), wall, np.uint8)
    picture[fragments.covered] = np.where(hairy[:, None], HAIR, SKIN)
    return picture


def lift(model: HeadModel, picture: np.ndarray, yaw: float = 0.0) -> np.ndarray | None:
    return hair_volume(model, model.mean.astype(float), standing(), CAMERA, picture, yaw)


@pytest.mark.parametrize("thick", [15.0, 30.0])
def test_a_known_thickness_is_found_on_top(model: HeadModel, thick: float) -> None:
    found = lift(model, photo(model, thick))
    assert found is not None
    top = model.mean[:, 1].argmax()
    assert np.linalg.norm(found[top]) == pytest.approx(thick, rel=0.3)


def test_a_bald_head_stays_bald(model: HeadModel) -> None:
    found = lift(model, photo(model, 0.0))
    assert found is not None
    assert np.linalg.norm(found, axis=1).max() < 3


def test_face_ears_and_neck_do_not_move(model: HeadModel) -> None:
    found = lift(model, photo(model, 25.0))
    assert found is not None
    moved = np.linalg.norm(found, axis=1)
    _, y, z = model.mean.T
    assert moved[(z > 80) & (y < 80)].max() == 0
    assert moved[y < -40].max() == 0


def test_hair_before_a_wall_of_its_own_colour_is_not_lifted(model: HeadModel) -> None:
    found = lift(model, photo(model, 25.0, HAIR))
    assert found is None or np.linalg.norm(found, axis=1).max() < 3


def test_a_far_turned_head_is_left_alone(model: HeadModel) -> None:
    assert lift(model, photo(model, 25.0), yaw=0.9) is None
