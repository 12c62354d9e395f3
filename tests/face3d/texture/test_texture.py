"""Skin: what the photo shows comes back at the right place, holes are filled without inventing colours."""

import numpy as np
import pytest

from mien.core.mesh import Camera, Placement
from mien.core.types import HeadPose
from mien.face3d.model.basis import HeadModel, load_head_model
from mien.face3d.render.shade import render_textured
from mien.face3d.texture.atlas import SKIN, atlas_of, mirrored_tiles, region_mask
from mien.face3d.texture.background import background_probability, grown
from mien.face3d.texture.fill import blur, complete, push_pull
from mien.face3d.texture.paint import eyeball, iris_colour
from mien.face3d.texture.skin import skin_texture
from mien.face3d.texture.spread import spread_over_surface
from mien.face3d.texture.unwrap import landmark_shift, unwrap
from mien.geometry.rotation import HEAD_TO_CAMERA, rotation_from_pose

CAMERA = Camera(700.0, 700.0, 127.5, 127.5)


@pytest.fixture(scope="module")
def model() -> HeadModel:
    return load_head_model()


def standing(yaw: float) -> Placement:
    return Placement(rotation_from_pose(HeadPose(yaw, 0, 0)) @ HEAD_TO_CAMERA, np.array([0.0, 20.0, 1000.0]))


def test_known_colours_stay_and_unknown_ones_lie_between() -> None:
    colours, weights = np.zeros((33, 40, 3), np.float32), np.zeros((33, 40), np.float32)
    colours[:, :5], colours[:, -5:] = 40, 200
    weights[:, :5] = weights[:, -5:] = 1
    filled = push_pull(colours, weights)
    np.testing.assert_allclose(filled[:, :5], 40, atol=1e-3)
    np.testing.assert_allclose(filled[:, -5:], 200, atol=1e-3)
    assert filled.min() > 39
    assert filled.max() < 201
    assert 60 < float(filled[16, 20, 0]) < 180


def test_a_blur_keeps_a_constant_and_the_sum_of_an_impulse() -> None:
    np.testing.assert_allclose(blur(np.full((20, 20), 7, np.float32), 3), 7, rtol=1e-5)
    impulse = np.zeros((41, 41), np.float32)
    impulse[20, 20] = 1
    assert blur(impulse, 3).sum() == pytest.approx(1, rel=1e-5)


def test_mirroring_twice_is_nothing_inside_the_skin_tiles() -> None:
    picture = np.random.default_rng(0).random((100, 100, 1)).astype(np.float32)
    twice = mirrored_tiles(mirrored_tiles(picture))
    np.testing.assert_array_equal(twice[:72, :72], picture[:72, :72])


def test_the_mirrored_texel_is_the_mirrored_point_of_the_face(model: HeadModel) -> None:
    atlas = atlas_of(model, 256)
    face = region_mask(model, atlas, "face")
    where = np.zeros((256, 256, 3), np.float32)
    covered = atlas.fragments.covered
    where[covered] = atlas.fragments.interpolate(model.mean, model.levels[0][0])
    other = mirrored_tiles(where) * (-1, 1, 1)
    both = face & mirrored_tiles(face[..., None].astype(np.float32))[..., 0].astype(bool)
    gap = np.linalg.norm((where - other)[both], axis=1)
    assert np.quantile(gap, 0.95) < 2.5


def test_a_rendered_head_gets_its_own_colours_back(model: HeadModel) -> None:
    vertices = model.mean.astype(np.float64)
    atlas = atlas_of(model, 256)
    colours = np.zeros((256, 256, 3), np.uint8)
    colours[atlas.fragments.covered] = np.clip(
        atlas.fragments.interpolate(model.mean, model.levels[0][0]) + 128, 0, 255
    ).astype(np.uint8)
    from mien.core.mesh import TextureMap

    truth = TextureMap(colours, np.ones((256, 256), np.float32))
    photo = render_textured(model.mesh(vertices), truth, standing(0.2), CAMERA, 256, 256)
    found, weights = unwrap(model, atlas, vertices, standing(0.2), CAMERA, photo)
    sure = (weights > 0.9) & region_mask(model, atlas, *SKIN)
    assert sure.sum() > 5000
    gap = np.abs(found[sure] - colours[sure].astype(np.float32)).max(axis=1)
    assert np.median(gap) < 4


def test_the_far_side_of_a_turned_head_is_not_smeared(model: HeadModel) -> None:
    atlas = atlas_of(model, 256)
    _, weights = unwrap(
        model, atlas, model.mean.astype(np.float64), standing(1.2), CAMERA, np.zeros((256, 256, 3), np.uint8)
    )
    x = np.zeros((256, 256), np.float32)
    x[atlas.fragments.covered] = atlas.fragments.interpolate(model.mean, model.levels[0][0])[:, 0]
    # the nose points to the picture's right, so the person's left side is hidden
    assert weights[(x > 45) & region_mask(model, atlas, "face")].max() == 0
    assert weights[(x < -45) & region_mask(model, atlas, "face")].max() > 0.9


def test_a_whole_texture_has_no_hole_and_keeps_plain_skin_plain(model: HeadModel) -> None:
    photo = np.full((256, 256, 3), (190, 150, 130), np.uint8)
    texture = skin_texture(model, model.mean.astype(np.float64), standing(0.5), CAMERA, photo, size=256)
    skin = region_mask(model, atlas_of(model, 256), *SKIN)
    assert np.abs(texture.pixels[skin].astype(int) - (190, 150, 130)).max() < 6
    assert texture.seen.max() == 1


def test_nothing_seen_gives_a_plain_head_not_an_error(model: HeadModel) -> None:
    nothing = np.zeros((128, 128), np.float32)
    colours, valid = spread_over_surface(model, np.zeros((128, 128, 3), np.float32), nothing)
    assert np.isfinite(colours).all()
    assert valid.max() == 1


def test_colour_flows_over_the_surface_and_stays_within_what_was_seen(model: HeadModel) -> None:
    atlas = atlas_of(model, 128)
    colours = np.full((128, 128, 3), 90, np.float32)
    colours[:, :46] = 180
    weights = region_mask(model, atlas, "face").astype(np.float32)
    spread, valid = spread_over_surface(model, colours, weights)
    inside = spread[valid > 0]
    assert inside.min() > 89
    assert inside.max() < 181


def test_filled_texels_come_from_the_other_side() -> None:
    size = 128
    colours, weights = np.full((size, size, 3), 100, np.float32), np.zeros((size, size), np.float32)
    weights[10:80, 10:46] = 1
    colours[30:40, 20:30] = 220  # a mark on the seen side
    mask = np.ones((size, size), bool)
    filled = complete(colours, weights, mask, np.full_like(colours, 100))
    assert filled[35, 92 - 1 - 25, 0] > 180


def test_the_background_is_told_from_the_person_by_its_colour() -> None:
    pixels = np.full((60, 60, 3), (30, 90, 200), np.uint8)
    pixels[20:40, 20:40] = (200, 150, 130)
    core, outside = np.zeros((60, 60), bool), np.zeros((60, 60), bool)
    core[25:35, 25:35] = True
    outside[:10] = True
    doubt = background_probability(pixels, core, outside)
    assert doubt[50, 50] > 0.9
    assert doubt[22, 22] < 0.1
    assert background_probability(pixels, core, np.zeros((60, 60), bool)).max() == 0


def test_growing_a_mask_grows_it_by_that_much() -> None:
    mask = np.zeros((20, 20), bool)
    mask[10, 10] = True
    assert grown(mask, 3).sum() == 49


def test_an_eyeball_has_a_dark_pupil_a_coloured_iris_and_a_light_sclera() -> None:
    ball = eyeball(200, (60.0, 120.0, 180.0))
    assert ball[100, 100].max() < 40
    assert ball[100, 128, 2] > ball[100, 128, 0] + 30
    assert ball[100, 160].min() > 180


def test_the_iris_colour_is_read_from_the_photo() -> None:
    pixels = np.full((60, 60, 3), (70, 110, 150), np.uint8)
    iris = np.array([[30, 30], [40, 30], [30, 40], [20, 30], [30, 20]], float)
    assert iris_colour(pixels, np.stack([iris, iris])) == (70, 110, 150)
    assert iris_colour(pixels, None)[0] > iris_colour(pixels, None)[2]


def test_the_skin_is_sampled_where_the_landmarks_are(model: HeadModel) -> None:
    offsets = np.zeros((468, 2))
    offsets[:, 0] = 4.0
    shift = landmark_shift(model, offsets)
    nose = model.points68[30]
    np.testing.assert_allclose(shift[nose], [4, 0], atol=0.8)
    back = np.argmin(model.mean[:, 2])
    np.testing.assert_allclose(shift[back], 0, atol=1e-3)
